import pytest
import torch

from spamft.models.prompted import PromptClassifier
from spamft.models.prompts import encode_answer


def classifier(gpt, tokenizer, names, **options) -> PromptClassifier:
    answers = [encode_answer(tokenizer, name) for name in names]
    return PromptClassifier(gpt, names, answers, **options).eval()


@pytest.mark.parametrize("names", [("a", "b"), ("ham", "spam", "sparrow"), ("x", "xy")])
def test_logits_are_the_log_likelihoods_of_the_names(tiny_gpt, tokenizer, names):
    """Also for names that begin alike, share all but a token, or differ in length."""
    model = classifier(tiny_gpt, tokenizer, names, instruction="?")
    prompts = model.encode(["hi", "see you"], tokenizer)
    width = max(map(len, prompts))
    ids = torch.tensor([row + [256] * (width - len(row)) for row in prompts])
    lengths = torch.tensor([len(row) for row in prompts])
    logits = model(ids, lengths)
    for i, prompt in enumerate(prompts):
        for k, name in enumerate(names):
            answer = encode_answer(tokenizer, name)
            logs = tiny_gpt(torch.tensor([prompt + answer]))[0].log_softmax(-1)
            places = range(len(prompt) - 1, len(prompt) + len(answer) - 1)
            expected = sum(logs[t, y] for t, y in zip(places, answer, strict=True))
            torch.testing.assert_close(logits[i, k], expected, atol=1e-4, rtol=1e-4)


def test_a_prompt_leaves_room_for_the_longest_answer(tiny_gpt, tokenizer):
    model = classifier(tiny_gpt, tokenizer, ("no", "certainly"), instruction="?")
    [ids] = model.encode(["x" * 500], tokenizer)
    assert len(ids) == model.max_length == 64 - 1 - len(" certainly")
    model(torch.tensor([ids]), torch.tensor([len(ids)]))
