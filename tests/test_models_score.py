import pytest
import torch
from test_models_llama import random_llama

from spamft.classifier import GPTClassifier
from spamft.models.score import SCORE, score_parameters, to_score
from spamft.plumbing.errors import SpamftError

IDS, LENGTHS = torch.randint(97, (3, 7)), torch.tensor([7, 1, 4])


@pytest.mark.parametrize("names", [("a", "b"), tuple("abcdefghijklmnop")], ids=len)
def test_the_norm_does_what_the_heads_bias_did(tiny_gpt, names):
    model = GPTClassifier(tiny_gpt, names)
    before, tensors = model(IDS, LENGTHS), to_score(model)
    with torch.no_grad():
        for name, parameter in score_parameters(model).items():
            parameter.copy_(tensors[name])
        model.head.bias.zero_()
    torch.testing.assert_close(model(IDS, LENGTHS), before, atol=1e-5, rtol=1e-5)


def test_what_a_llamas_head_has_is_theirs_as_it_stands():
    model = GPTClassifier(random_llama())
    assert to_score(model).keys() == {SCORE, "model.norm.weight"}
    assert to_score(model)[SCORE].equal(model.head.weight)


def test_a_bias_that_has_nowhere_to_go_is_refused_and_one_of_zeros_is_none(tiny_gpt):
    more_classes_than_channels = GPTClassifier(tiny_gpt, [str(i) for i in range(17)])
    for model in (GPTClassifier(random_llama(), bias=True), more_classes_than_channels):
        with pytest.raises(SpamftError, match="head without, GPTClassifier.*bias=Fa"):
            to_score(model)
        torch.nn.init.zeros_(model.head.bias)
        assert to_score(model)[SCORE].equal(model.head.weight)


def test_the_pooling_must_be_the_one_that_theirs_has(tiny_gpt):
    for gpt, theirs in ((tiny_gpt, "GPT2For"), (random_llama(), "LlamaFor")):
        with pytest.raises(SpamftError, match=f"^{theirs}.* real token, not 'mean'"):
            to_score(GPTClassifier(gpt, pooling="mean"))
