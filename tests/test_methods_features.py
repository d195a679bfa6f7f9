import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from spamft.batches import make_loader
from spamft.classifier import GPTClassifier, set_trainable
from spamft.data import encode_labels
from spamft.evaluate import predict
from spamft.methods.features import STRENGTH, regress
from spamft.train import TrainConfig
from spamft.trunk import cache_trunk
from spamft.use.predict import dataset_for


def cached(model, df, tokenizer):
    set_trainable(model, "head")
    dataset = dataset_for(model, df, tokenizer)
    learner, [hidden] = cache_trunk(model, [dataset])
    return learner, make_loader(hidden, 5), make_loader(dataset, 5)


@pytest.mark.parametrize("classes", [2, 3])
def test_the_head_becomes_scikit_learns_regression(
    any_gpt, messages, tokenizer, classes
):
    """On a Llama's head, which has no bias, the one without an intercept."""
    labels = np.arange(len(messages)) % classes
    df = messages.assign(Label=labels)
    names = "abc"[:classes]
    model = GPTClassifier(any_gpt, names, "mean")
    bias = model.head.bias is not None
    learner, loader, plain = cached(model, df, tokenizer)
    features = torch.cat([batch.hidden for batch in loader]).numpy()
    oracle = make_pipeline(
        StandardScaler(with_mean=bias),
        LogisticRegression(C=STRENGTH, max_iter=2000, fit_intercept=bias),
    ).fit(features, labels)
    [record] = regress(learner, loader, loader, TrainConfig())
    logits, _ = predict(model, plain)
    np.testing.assert_allclose(
        logits.softmax(-1).numpy(), oracle.predict_proba(features), atol=1e-4
    )
    assert record.examples == len(messages) and record.step == 1
    assert record.train_accuracy == oracle.score(features, labels)


def test_it_needs_a_frozen_model_and_messages_of_every_class(
    tiny_gpt, messages, tokenizer
):
    df = encode_labels(messages)
    model = GPTClassifier(tiny_gpt, ("ham", "spam", "other"), "mean")
    learner, loader, plain = cached(model, df, tokenizer)
    with pytest.raises(ValueError, match="3 classes, but only 2 have training"):
        list(regress(learner, loader, loader, TrainConfig()))
    set_trainable(model, "last_block")
    learner, [hidden] = cache_trunk(model, [dataset_for(model, df, tokenizer)])
    loader = make_loader(hidden, 5)
    with pytest.raises(ValueError, match="needs cached features: train the head"):
        list(regress(learner, loader, loader, TrainConfig()))
