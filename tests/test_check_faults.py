import pytest
import torch

from spamft.check.faults import FAULTS, Part, learn, prepare, show
from spamft.data import Splits, encode_labels
from spamft.sources.models import Pretrained
from spamft.sources.splits import PreparedData

NAMES = ("ham", "spam")


@pytest.fixture
def healthy(messages, tiny_gpt, tokenizer):
    df = encode_labels(messages, NAMES).sample(frac=1, random_state=1)
    cut = len(df) // 4
    splits = Splits(df[: 2 * cut], df[2 * cut : 3 * cut], df[3 * cut :])
    data = PreparedData(messages, "made up", NAMES, splits)
    opened = Pretrained(tiny_gpt, tokenizer, "tiny", "made up")
    return prepare(data, opened)._replace(epochs=2)


def test_a_part_is_taken_and_added_row_by_row(healthy):
    part = healthy.train.take([1, 0]) + healthy.test.take([0])
    assert part.texts == [
        healthy.train.texts[1],
        healthy.train.texts[0],
        healthy.test.texts[0],
    ]
    assert len(part.hidden) == 3
    assert torch.equal(part.hidden.rows[2], healthy.test.hidden.rows[0])


@pytest.mark.parametrize("number", FAULTS)
def test_each_fault_changes_one_thing_and_leaves_the_sound_setup_alone(number, healthy):
    def told(setup):
        return [
            (each.texts, each.hidden.labels, each.hidden.real_lengths)
            if isinstance(each, Part)
            else each
            for each in setup
        ]

    before = told(healthy)
    spoilt = FAULTS[number](healthy)
    assert told(spoilt) != before
    assert told(healthy) == before
    assert spoilt.start is healthy.start


def test_training_leaves_the_start_as_it_was_and_repeats_itself(healthy):
    weights = [p.clone() for p in healthy.start.parameters()]
    one, two = learn(healthy), learn(healthy)
    assert one.history == two.history and one.test == two.test == one.again
    for before, after in zip(weights, healthy.start.parameters(), strict=True):
        assert torch.equal(before, after)
    assert len(one.history) == 2 and one.history[-1].examples == 2 * len(
        healthy.train.texts
    )


def test_gradients_that_are_kept_add_up(healthy):
    assert learn(FAULTS[7](healthy)).history != learn(healthy).history


def test_dropout_that_is_left_on_gives_two_results(healthy):
    run = learn(FAULTS[9](healthy)._replace(dropout=0.9))
    assert run.test.loss != run.again.loss


def test_what_is_shown_has_the_parts_the_classes_and_the_surest_mistakes(healthy):
    run = learn(FAULTS[2](healthy))
    lines = show(run, NAMES, most=2).splitlines()
    assert [line.split(":")[0] for line in lines[:3]] == ["train", "validation", "test"]
    mistakes = len(healthy.test.texts) - round(
        run.test.accuracy * len(healthy.test.texts)
    )
    assert len(lines) == 3 + len(NAMES) + min(2, mistakes)
