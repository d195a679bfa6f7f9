import pytest
import torch

from spamft.batches import make_loader
from spamft.classifier import POOLINGS, GPTClassifier
from spamft.data import encode_labels
from spamft.evaluate import predict
from spamft.plumbing.errors import SpamftError
from spamft.use.predict import classify, classify_stream, dataset_for, predict_in_order
from spamft.use.verdict import DecisionRule, Threshold

TEXTS = ["see you", "", "WIN " * 20, "see you", "a", "<|endoftext|>", "£ é 👍"]


@pytest.mark.parametrize("pooling", POOLINGS)
def test_classify_answers_in_order_what_each_text_gets_alone(
    tiny_gpt, tokenizer, pooling
):
    model = GPTClassifier(tiny_gpt, pooling=pooling)
    verdicts = list(classify_stream(model, tokenizer, TEXTS, token_budget=70))
    for text, verdict in zip(TEXTS, verdicts, strict=True):
        alone = classify(model, tokenizer, text)
        assert verdict.probabilities == pytest.approx(alone.probabilities, abs=1e-6)
        assert sum(verdict.probabilities.values()) == pytest.approx(1)
        assert verdict.label == max(alone.probabilities, key=alone.probabilities.get)


def test_classify_cuts_what_is_longer_than_the_model_reads(tiny_gpt, tokenizer):
    model = GPTClassifier(tiny_gpt, max_length=5)
    assert classify(model, tokenizer, "hello") == classify(
        model, tokenizer, "hello you"
    )


def test_classify_uses_the_labels_names(tiny_gpt, tokenizer):
    model = GPTClassifier(tiny_gpt, ["billing", "bug", "praise"])
    assert set(classify(model, tokenizer, "x").probabilities) == set(model.label_names)


def test_a_rule_makes_the_verdicts_of_a_stream(tiny_gpt, tokenizer):
    model = GPTClassifier(tiny_gpt)
    plain = classify(model, tokenizer, TEXTS)
    never = DecisionRule(2.0, threshold=Threshold("spam", 1.0))
    verdicts = classify(model, tokenizer, TEXTS, never)
    for before, after in zip(plain, verdicts, strict=True):
        assert after.label == {"ham": "ham", "spam": None}[before.label]
        ham, spam = (before.probabilities[name] ** 0.5 for name in model.label_names)
        assert after.probabilities["spam"] == pytest.approx(spam / (ham + spam))


def test_a_stream_is_read_no_further_than_its_chunk(tiny_gpt, tokenizer):
    read = []
    texts = (read.append(i) or f"message {i}" for i in range(100))
    stream = classify_stream(GPTClassifier(tiny_gpt), tokenizer, texts, chunk_size=4)
    next(stream)
    assert len(read) == 4
    assert len(list(stream)) == 99


def test_what_is_no_text_is_named(tiny_gpt, tokenizer):
    with pytest.raises(SpamftError, match="message 1 is None: expected a text"):
        classify(GPTClassifier(tiny_gpt), tokenizer, ["a", None])


def test_a_chunk_of_nothing_is_refused(tiny_gpt, tokenizer):
    with pytest.raises(ValueError, match="chunk_size=0 must be at least 1"):
        next(classify_stream(GPTClassifier(tiny_gpt), tokenizer, ["a"], chunk_size=0))


def test_classify_nothing_gives_nothing(tiny_gpt, tokenizer):
    assert classify(GPTClassifier(tiny_gpt), tokenizer, []) == []


@pytest.mark.parametrize("pooling", POOLINGS)
def test_logits_come_in_the_order_of_the_examples(
    tiny_gpt, messages, tokenizer, pooling
):
    model = GPTClassifier(tiny_gpt, pooling=pooling, max_length=20)
    dataset = dataset_for(model, encode_labels(messages), tokenizer)
    one_by_one, labels = predict(model, make_loader(dataset, 1))
    logits = predict_in_order(model, dataset, token_budget=40)
    torch.testing.assert_close(logits, one_by_one, atol=1e-5, rtol=1e-5)
    assert labels.tolist() == dataset.labels
