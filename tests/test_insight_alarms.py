import json

import numpy as np
import pytest
import torch
from scipy.stats import binomtest

from spamft.classifier import GPTClassifier
from spamft.insight.alarms import Alarms, count_alarms, locked_alarms, show_locked
from spamft.plumbing.errors import SpamftError
from spamft.sources.locked import locked_notices
from spamft.use.predict import classify
from spamft.use.verdict import DecisionRule, Threshold

NAMES = ("ham", "news", "spam")
FEW = Alarms("spam", 200, 180, 15, 1000, 3, 20)


def test_the_counts_are_those_of_the_verdicts():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(300, 3, generator=generator)
    labels = torch.randint(3, (300,), generator=generator)
    rule = DecisionRule(1.5, threshold=Threshold("spam", 0.5))
    found = count_alarms(rule, logits, labels, NAMES, "spam")
    verdicts = [verdict.label for verdict in rule.verdicts(logits, NAMES)]
    pairs = list(zip(labels.tolist(), verdicts, strict=True))
    assert found.caught == pairs.count((2, "spam"))
    assert found.false == pairs.count((0, "spam")) + pairs.count((1, "spam"))
    assert found.own_unsure == pairs.count((2, None)) > 0
    assert found.others_unsure == pairs.count((0, None)) + pairs.count((1, None))
    assert found.own + found.others == 300


def test_intervals_of_recall_and_false_alarms_are_wilsons():
    for estimate, count, of in ((FEW.recall, 180, 200), (FEW.false_alarms, 3, 1000)):
        expected = binomtest(count, of).proportion_ci(method="wilson")
        assert estimate[1:] == pytest.approx((expected.low, expected.high))
        assert estimate.share == count / of


@pytest.mark.parametrize("share", [0.5, 0.13, 0.01])
def test_precision_at_a_share_is_that_of_messages_mixed_in_that_share(share):
    found = FEW.precision_at(share)
    caught, false = share * 0.9, (1 - share) * 0.003
    assert found.share == pytest.approx(caught / (caught + false))
    assert found.low < found.share < found.high
    assert FEW.precision_at(share) == found  # the draws have a seed
    other = FEW.precision_at(share, seed=5)
    assert other[1:] == pytest.approx(found[1:], abs=0.01)


def test_the_interval_of_the_precision_covers_the_truth_nearly_as_often_as_it_says():
    draw, share, recall, false = np.random.default_rng(0), 0.05, 0.8, 0.02
    truth = share * recall / (share * recall + (1 - share) * false)
    hits = 0
    for _ in range(200):
        caught, alarms = draw.binomial(150, recall), draw.binomial(400, false)
        drawn = Alarms("spam", 150, int(caught), 0, 400, int(alarms), 0)
        _, low, high = drawn.precision_at(share)
        hits += low <= truth <= high
    assert 182 <= hits <= 199


def test_unsure_is_mixed_in_the_share_too():
    assert FEW.unsure_at(0.5) == pytest.approx(0.5 * 15 / 200 + 0.5 * 20 / 1000)


def test_what_is_said_is_what_is_stored():
    text, stored = FEW.describe(0.01), json.loads(json.dumps(FEW.to_dict(0.01)))
    assert "180 of 200 caught, 90 %" in text and "3 of 1,000, 0.3 %" in text
    assert f"precision {100 * stored['at_share']['precision']:.1f} %" in text
    assert stored["recall"]["interval"] == list(FEW.recall[1:])
    assert "at_share" not in FEW.to_dict() and "precision" not in FEW.describe()


def test_a_precision_that_was_not_measured_is_refused():
    with pytest.raises(SpamftError, match="0 others: precision at a share needs some"):
        Alarms("spam", 5, 5, 0, 0, 0, 0).precision_at(0.5)
    with pytest.raises(SpamftError, match="above 0 and below 1"):
        FEW.precision_at(1.0)
    assert Alarms("spam", 5, 5, 0, 0, 0, 0).false_alarms == (0.0, 0.0, 1.0)


@pytest.mark.parametrize("names", [("ham", "spam"), ("spam", "ham")])
def test_the_locked_notices_are_counted_as_their_verdicts_say(
    tiny_gpt, tokenizer, names
):
    torch.nn.init.normal_(tiny_gpt.tok_emb.weight)  # so that verdicts differ
    model, df = GPTClassifier(tiny_gpt, names).eval(), locked_notices()
    rule = DecisionRule(threshold=Threshold("spam", 0.55))
    found = locked_alarms(model, tokenizer, rule)
    verdicts = classify(model, tokenizer, df["Text"], rule)
    pairs = [(own, v.label) for own, v in zip(df["Label"], verdicts, strict=True)]
    assert found.caught == pairs.count(("spam", "spam"))
    assert found.false == pairs.count(("ham", "spam"))
    assert found.others_unsure == pairs.count(("ham", None))
    assert (found.own, found.others) == (50, 150)
    heading, *lines = show_locked(found).splitlines()
    assert "locked" in heading and lines[0].startswith("  spam: ")


def test_classes_other_than_ham_and_spam_have_no_locked_notices(tiny_gpt, tokenizer):
    assert locked_alarms(GPTClassifier(tiny_gpt, NAMES), tokenizer) is None
