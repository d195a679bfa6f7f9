import pytest
from solving import try_out

from spamft.classifier import GPTClassifier
from spamft.insight import explain

TRIALS = {
    "15.1": ("sum_left_out", "sum_left_out = 99.0"),
    "15.2": ("(mine, strongest)", None),
    "15.3": ("(reverse, changed)", "reverse = str.upper"),
}


@pytest.mark.parametrize("name", TRIALS)
def test_the_exercises_tell_right_from_usual_and_from_other(
    name, tiny_gpt, tokenizer, tmp_path
):
    model = GPTClassifier(tiny_gpt, ("ham", "spam"), max_length=64).eval()
    model.head.bias.data[1] += 20  # spam, whatever it reads
    message = "WIN a car now"
    at_hand = {
        "model": model,
        "tokenizer": tokenizer,
        "message": message,
        "spam": ["FREE CASH for you", "WIN gold"],
        "names": ("ham", "spam"),
        "left_out": explain.leave_one_out(model, tokenizer, message, "spam"),
        "explain": explain,
    }
    try_out(name, TRIALS[name], at_hand, tmp_path, label="names[1]")
