import math

import numpy as np
import pytest
import torch
from sklearn import metrics
from torch import nn

from spamft.evaluate import evaluate, predict, report
from spamft.plumbing.errors import SpamftError


@pytest.fixture
def answers():
    """Logits and labels of 40 examples of 3 classes."""
    return torch.randn(40, 3), torch.randint(0, 3, (40,))


def batches(x, labels, sizes):
    return list(zip(x.split(sizes), labels.split(sizes), strict=True))


def test_every_figure_is_scikit_learns(answers):
    logits, labels = answers
    said, true = logits.argmax(-1).numpy(), labels.numpy()
    measured = report(logits, labels)
    assert measured.accuracy == metrics.accuracy_score(true, said)
    assert measured.mcc == pytest.approx(metrics.matthews_corrcoef(true, said))
    assert (measured.confusion == metrics.confusion_matrix(true, said)).all()
    chances = logits.softmax(-1).numpy()
    assert measured.loss == pytest.approx(metrics.log_loss(true, chances), rel=1e-5)
    truth = np.eye(3)[true]
    average = metrics.average_precision_score(truth, chances)
    assert measured.average_precision == pytest.approx(average)
    for number, each in enumerate(measured.classes):
        is_it, said_it = true == number, said == number
        assert each.recall == metrics.recall_score(is_it, said_it)
        assert each.precision == metrics.precision_score(is_it, said_it)
        assert each.support == is_it.sum()


def test_the_interval_is_wilsons():
    """95 of 100: the worked example in Wilson's formula, z = 1.96."""
    logits, labels = torch.eye(2)[torch.zeros(100, dtype=int)], torch.zeros(100).long()
    labels[:5] = 1
    n, p, z = 100, 0.95, 1.959964
    middle = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    assert report(logits, labels).interval == pytest.approx(
        (middle - half, middle + half), abs=1e-6
    )


def test_examples_weigh_alike_whatever_the_batches(answers):
    model, (_, labels) = nn.Linear(4, 3), answers
    x = torch.randn(40, 4)
    whole = evaluate(model, batches(x, labels, [40]))
    ragged = evaluate(model, batches(x, labels, [17, 17, 6]))
    assert ragged.loss == pytest.approx(whole.loss, rel=1e-6)
    assert ragged.confusion == whole.confusion


@pytest.mark.parametrize("training", [True, False])
def test_the_mode_and_the_gradients_stay_as_they_were(training):
    model = nn.Sequential(nn.Linear(4, 2), nn.Dropout(0.5)).train(training)
    x, labels = torch.randn(6, 4), torch.zeros(6, dtype=torch.long)
    first = predict(model, batches(x, labels, [6]))[0]
    assert first.equal(predict(model, batches(x, labels, [6]))[0])  # dropout is off
    assert model.training is training
    assert not first.requires_grad


def test_a_class_that_never_occurs_counts_as_nothing():
    measured = report(torch.tensor([[2.0, 0.0], [1.0, 0.0]]), torch.tensor([0, 0]))
    assert measured.average_precision is None
    assert (measured.classes[1].recall, measured.mcc) == (0, 0)


def test_nothing_to_evaluate_is_an_error():
    with pytest.raises(ValueError, match="no batch"):
        evaluate(nn.Linear(1, 2), [])


def test_broken_logits_are_an_error():
    with pytest.raises(SpamftError, match="not finite"):
        report(torch.tensor([[math.nan, 0.0]]), torch.tensor([0]))


def test_a_report_prints_what_it_measured(answers):
    measured = report(*answers)
    assert f"accuracy {measured.accuracy:.2%}" in str(measured)
    assert measured.examples == 40


def test_no_name_of_a_class_can_act_or_begin_a_line():
    found = report(torch.eye(2), torch.tensor([0, 1]))
    lines = found.describe(["a\nb", "\x1b[2J"]).split("\n")
    assert len(lines) == 3 and all(map(str.isprintable, lines))
