import pandas as pd
import pytest
import torch
from made_messages import clean

from spamft.evaluate import report
from spamft.experiments.rule import measure_threshold, note_too_few, plan_rule
from spamft.plumbing.errors import SpamftError
from spamft.sources import open_splits
from spamft.sources.duplicates import duplicate_groups


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """300 ham, 100 spam; some ham repeat others but for their digits."""
    df = clean(600)
    ham, spam = df[df["Label"] == "ham"], df[df["Label"] == "spam"][:100]
    path = tmp_path_factory.mktemp("rule") / "messages.csv"
    again = ham[:30].assign(Text=ham["Text"][:30] + " !")
    pd.concat([ham, again, spam]).to_csv(path, index=False)
    return path


@pytest.fixture(scope="module")
def data(path):
    return open_splits(path)


def score(df: pd.DataFrame) -> torch.Tensor:
    """Logits that only the text decides."""
    seeds = [sum(map(ord, text)) for text in df["Text"]]
    rows = [torch.randn(2, generator=torch.Generator().manual_seed(s)) for s in seeds]
    return torch.stack(rows) * 3


def logits_of(data) -> dict[str, torch.Tensor]:
    return {name: score(part) for name, part in data.splits._asdict().items()}


def test_the_halves_share_no_message_with_each_other_nor_with_the_three_parts(data):
    alarm = plan_rule(data, 0.05).alarm
    halves = [alarm.choose, alarm.measure]
    assert abs(len(halves[0]) - len(halves[1])) <= 1 and len(halves[0]) > 80
    everything = pd.concat([*data.splits, *halves], keys=range(5))
    groups = duplicate_groups(everything)
    used, choose, measure = (set(groups.loc[k]) for k in ([0, 1, 2], [3], [4]))
    assert not choose & measure and not used & (choose | measure)
    assert set(alarm.choose["Label"]) == set(alarm.measure["Label"]) == {0}


def test_the_split_seed_decides_the_halves(path, data):
    first, again = (plan_rule(data, 0.05).alarm.choose for _ in range(2))
    other = plan_rule(open_splits(path, seed=5), 0.05).alarm.choose
    assert first.equals(again) and set(first["Text"]) != set(other["Text"])


def test_one_half_chooses_and_the_other_measures(data):
    plan = plan_rule(data, 0.05)
    rule = plan.fit(logits_of(data), score)
    scores = [
        rule.probabilities(score(half))[:, 1]
        for half in (plan.alarm.choose, plan.alarm.measure)
    ]
    threshold, evidence = rule.threshold, rule.threshold.evidence
    assert threshold.value in scores[0] and threshold.label == "spam"
    assert (scores[0] > threshold.value).double().mean() <= 0.05
    assert evidence.measured == (scores[1] > threshold.value).sum()
    assert (evidence.chosen_on, evidence.measured_on) == tuple(map(len, scores))


def test_the_validation_part_chooses_a_temperature_that_lowers_its_loss(data):
    logits, labels = logits_of(data), torch.tensor(data.splits.validation["Label"])
    rule = plan_rule(data).fit(logits, score)
    assert rule.fitted_on == len(labels) and rule.threshold is None
    before = report(logits["validation"], labels).loss
    assert report(logits["validation"] / rule.temperature, labels).loss < before


def test_what_cannot_choose_a_temperature_leaves_it_and_is_noted(path, data):
    few = data._replace(
        splits=data.splits._replace(validation=data.splits.validation[:12])
    )
    plan = plan_rule(few)
    assert "temperature 1: 12 validation messages, and 20 are needed" in plan.notes[0]
    assert plan.fit(logits_of(few), score).fitted_on == 0
    ham = data.splits.validation[:1].assign(Label=0)
    one_class = data._replace(
        splits=data.splits._replace(validation=pd.concat([ham] * 25))
    )
    assert "lacks a class" in plan_rule(one_class).notes[0]


def test_where_nothing_was_put_aside_validation_chooses_and_test_measures(path):
    data = open_splits(path, balanced=False)
    plan = plan_rule(data, 0.2)
    assert any("the validation part chooses the threshold" in n for n in plan.notes)
    evidence = plan.fit(logits_of(data), score).threshold.evidence
    ham = [(part["Label"] == 0).sum() for part in data.splits[1:]]
    assert [evidence.chosen_on, evidence.measured_on] == ham
    assert evidence.messages == "other validation messages"


def test_too_few_messages_are_refused_or_noted_with_the_number_that_it_takes(data):
    with pytest.raises(SpamftError, match="put aside: .* at least 999 are needed"):
        plan_rule(data, 0.001)
    [note] = plan_rule(data, 0.02).notes
    assert "too few to confirm 2 % false alarms: that takes 150" in note
    assert plan_rule(data, 0.1).notes == ()


@pytest.mark.parametrize("rate", [0.002, 0.01, 0.3])
def test_as_many_without_a_false_alarm_confirm_a_rate_with_95_percent(rate):
    [note] = note_too_few(1, rate)
    needed = int(note.rpartition(" ")[2].replace(",", ""))
    assert (1 - rate) ** needed <= 0.05 and note_too_few(needed, rate) == ()
    assert (1 - rate) ** (needed * 0.75) > 0.05


def test_a_class_that_cannot_be_meant_is_refused_before_any_training(data):
    with pytest.raises(SpamftError, match="no class 'eggs' for a threshold"):
        plan_rule(data, 0.05, "eggs")
    with pytest.raises(SpamftError, match="add --false-alarms"):
        plan_rule(data, alarm="spam")
    with pytest.raises(SpamftError, match="above 0 and below 1"):
        plan_rule(data, 2.0)


def test_a_rate_that_the_model_keeps_without_a_threshold_makes_no_more_alarms():
    found = measure_threshold(torch.rand(99) / 9, torch.rand(99) / 9, "spam", 0.1, "m")
    assert found.value == 0.5 and found.evidence.measured == 0


def test_on_average_over_draws_the_measured_rate_is_at_most_the_one_asked_for():
    draw, false, of = torch.Generator().manual_seed(3), 0, 0
    for _ in range(400):
        chosen, measured = torch.rand(2, 120, generator=draw)
        found = measure_threshold(chosen, measured, "spam", 0.05, "drawn").evidence
        false, of = false + found.measured, of + found.measured_on
    assert 0.044 < false / of < 0.053
