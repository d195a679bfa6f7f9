import math

import numpy as np
import pytest
import torch
from sklearn import metrics
from torch import nn

from spamft.evaluate import FEW_CLASSES, evaluate, predict, reliability, report
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


@pytest.mark.parametrize("classes, examples", [(2, 50), (5, 200), (60, 300), (300, 40)])
def test_what_is_computed_here_is_scikit_learns_for_any_number_of_classes(
    classes, examples
):
    rows = torch.randn(examples // 3, classes)
    logits = rows[torch.randint(0, len(rows), (examples,))]  # so there are many ties
    labels = torch.randint(0, classes, (examples,))
    found, true, said = report(logits, labels), labels.numpy(), logits.argmax(-1)
    matrix = metrics.confusion_matrix(true, said, labels=range(classes))
    assert (found.confusion == matrix).all() and found.examples == examples
    assert found.mcc == pytest.approx(metrics.matthews_corrcoef(true, said))
    chances = logits.double().softmax(-1).numpy()
    areas = [
        metrics.average_precision_score(true == k, chances[:, k])
        for k in ([1] if classes == 2 else np.unique(true))
    ]
    assert found.average_precision == pytest.approx(np.mean(areas))
    loss = metrics.log_loss(true, chances, labels=range(classes))
    assert found.loss == pytest.approx(loss)


def test_confidence_is_the_softmax_of_the_predicted_class_in_every_block_of_rows():
    logits, labels = 9 * torch.randn(700, 7), torch.randint(0, 7, (700,))
    sure = logits.double().softmax(-1).max(-1).values
    table = reliability(logits, labels, bins=1)
    assert table[0, 0] == pytest.approx(sure.mean().item(), rel=1e-12)
    assert table[0, 2] == 700


def test_a_reports_memory_grows_with_the_examples_not_with_the_square_of_classes():
    logits, labels = torch.randn(30, 20_000), torch.randint(0, 20_000, (30,))
    found = report(logits, labels)
    assert len(found.cells) <= 30 and len(str(found)) < 3000
    assert len(found.classes) == 20_000


def test_of_few_classes_all_are_told_and_of_many_the_worst():
    for count in (FEW_CLASSES, FEW_CLASSES + 1):
        labels = torch.arange(count)
        said = labels.clone()
        said[3] = 5
        shown = str(report(torch.eye(count)[said], labels)).split("\n")
        if count == FEW_CLASSES:
            assert len(shown) == 1 + count and "predicted     0" in shown[4]
    assert shown[2].startswith("  class 3: precision 0.000")
    assert shown[-3:-1] == [f"  ... and {FEW_CLASSES - 9} classes more", shown[-2]]
    assert shown[-1] == "  class 3 -> class 5: 1"


def test_the_worst_classes_are_those_of_the_lowest_f1_then_of_the_most_examples():
    labels = torch.tensor([0, 1, 1, *range(2, 30)])
    said = labels.clone()
    said[:3] = 7
    shown = report(torch.eye(30)[said], labels).describe([f"<{k}>" for k in range(30)])
    order = ["<1>: precision 0.000", "<0>: precision 0.000", "<7>: precision 0.250"]
    assert [line[2:22] for line in shown.split("\n")[2:5]] == order
    assert "<1> -> <7>: 2" in shown


def test_a_description_says_where_the_other_classes_are():
    found = report(torch.eye(30), torch.arange(30))
    shown = found.describe(list("abcdefghijklmnopqrstuvwxyz0123"), "elsewhere")
    assert shown.endswith("... and 20 classes more: elsewhere")  # and no mistake


def test_a_very_long_name_does_not_fill_the_screen():
    for count in (2, 30):
        names = [f"{k}" * 10_000 for k in range(count)]
        assert len(report(torch.eye(count), torch.arange(count)).describe(names)) < 2000
