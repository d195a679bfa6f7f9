import time
from collections import Counter

import pandas as pd
import pytest

from spamft.plumbing.errors import SpamftError
from spamft.reading.layout import Layout
from spamft.sources import open_splits
from spamft.sources.labels import LabelRules

WORDS = [f"{a}{b}{c}" for a in "bcdfgh" for b in "aeiou" for c in "klmnprst"]


@pytest.fixture
def table(tmp_path):
    """Write a CSV of so many different messages per label; give its path."""

    def write(counts: dict[str, int], name="data.csv", prefix="") -> str:
        words = iter(WORDS)
        rows = [
            {"Label": label, "Text": f"{prefix}{label} {next(words)}"}
            for label, count in counts.items()
            for _ in range(count)
        ]
        pd.DataFrame(rows).to_csv(tmp_path / name, index=False)
        return str(tmp_path / name)

    return write


def ids(part: pd.DataFrame) -> dict[int, int]:
    return dict(Counter(part["Label"]))


def test_splits_come_ready_to_train_on_as_the_lecture_cuts_and_leak_free(file):
    lines = [f"ham\tsee you {w}" for w in "abcdefghijkl"] + ["ham\tSee you a!"] * 3
    lines += [f"spam\tWIN {w}" for w in "mnopqrstuvwxyzABCD"]
    path = file("\n".join(lines), "messages.tsv")
    for lecture in (True, False):
        prepared = open_splits(path, lecture=lecture)
        assert prepared.names == ("ham", "spam")
        assert len(prepared.df) == 33 and sum(map(len, prepared.splits)) == 30
        assert {*pd.concat(prepared.splits)["Label"]} == {0, 1}
    assert prepared.leaks["test"]["folded"] == 0  # of the leak-free one
    assert sum(map(len, open_splits(path, balanced=False).splits)) == 33


def test_no_label_and_no_name_of_a_file_can_act_or_begin_a_line(file):
    rows = "".join(f'"h\nam",a{a}\n\x1b[2J,b{a}\n' for a in "abcdefghij")
    assert str(open_splits(file(f"Label,Text\n{rows}", "m\x1b[2J.csv"))).isprintable()


def test_thousands_of_labels_are_split_in_seconds(file):
    """Comparing every label with every message would take minutes."""
    letters = str.maketrans("0123456789", "abcdefghij")  # digits make duplicates
    texts = [str(i).translate(letters) for i in range(40_000)]
    rows = "".join(f"n{i % 20_000},{text}\n" for i, text in enumerate(texts))
    path = file(f"Label,Text\n{rows}")
    began = time.perf_counter()
    prepared = open_splits(path)
    assert time.perf_counter() - began < 20
    assert len(prepared.names) == 20_000 and len(str(prepared)) < 400
    assert prepared.leaks["test"]["folded"] == 0


@pytest.mark.parametrize("seed", range(5))
def test_rare_classes_are_in_train_and_where_else_they_can_be(table, seed):
    data = table({"a": 90, "b": 60, "c": 10, "d": 2})
    prepared = open_splits(data, balanced=False, seed=seed)
    train, validation, test = map(ids, prepared.splits)
    assert set(train) == {0, 1, 2, 3} and {0, 1, 2} <= set(test)
    assert abs(train[0] - 63) <= 3 and train[2] in (6, 7, 8)
    absent = {"validation": {*range(4)} - {*validation}, "test": {*range(4)} - {*test}}
    for part, missing in absent.items():
        assert any(n.startswith(f"no {part} message") for n in prepared.notes) == bool(
            missing
        )


@pytest.mark.parametrize("counts", [{"a": 1, "b": 50}, {"a": 50, "b": 50, "c": 1}])
def test_a_class_of_one_is_named_with_options_that_work(table, counts):
    data = table(counts | {"d": 30})
    with pytest.raises(SpamftError, match=r"1 of \d classes have one message \([ac]\)"):
        open_splits(data)
    assert open_splits(data, balanced=False)
    kept = open_splits(data, rules=LabelRules(min_per_class=2))
    assert len(kept.names) == len(counts)
    assert kept.notes[0].startswith("left out: 1 message of classes with fewer than 2")


@pytest.mark.parametrize(
    "counts", [{"a": 2, "b": 2}, {"a": 2, "b": 60}, {"a": 3, "b": 3}]
)
def test_too_few_messages_are_named_with_the_ways_out(table, counts):
    data = table(counts)
    with pytest.raises(SpamftError, match="rarest of 2 classes has [23] messages: add"):
        open_splits(data)
    whole = open_splits(data, validation=data, test=data)
    assert [len(part) for part in whole.splits] == [
        2 * counts["a"],
        *[sum(counts.values())] * 2,
    ]


def test_classes_whose_messages_are_all_elsewhere_are_named(table):
    data = table({f"c{i}": 1 for i in range(20)})
    with pytest.raises(SpamftError, match="no training message.*--min-per-class"):
        open_splits(data, balanced=False)


@pytest.mark.parametrize("rules", [LabelRules(), LabelRules(min_per_class=9)])
def test_one_class_is_no_classification(table, rules):
    with pytest.raises(SpamftError, match="at least 2 classes, found only"):
        open_splits(
            table({"a": 30} if rules == LabelRules() else {"a": 30, "b": 5}),
            rules=rules,
        )


def test_messages_that_are_few_but_for_digits_are_named_with_the_ways_out(file):
    rows = "".join(f"a,Host {i} is down\nb,Host {i} is up\n" for i in range(30))
    path = file(f"Label,Text\n{rows}")
    with pytest.raises(SpamftError, match="60 messages are only 2 but for digits"):
        open_splits(path)
    assert open_splits(path, lecture=True).leaks["test"]["folded"] > 0
    other = file("Label,Text\na,x\nb,y\n", "other.csv")
    assert open_splits(path, validation=other, test=other).leaks["test"]["folded"] == 0


def test_a_note_says_how_much_balancing_leaves(table):
    [note, *_] = open_splits(table({"a": 10, "b": 90})).notes
    assert note.startswith("balanced to the rarest, a: 20 of 100 messages used; --no-b")
    assert "balanced" not in "".join(open_splits(table({"a": 20, "b": 20})).notes)


def test_own_parts_are_taken_whole_and_what_was_cut_stays_in_train(table):
    data = table({"a": 30, "b": 30})
    test = table({"a": 3, "b": 4}, "test.csv", "new ")
    validation = table({"b": 2}, "validation.csv", "newer ")
    both = open_splits(data, validation=validation, test=test)
    assert [ids(part) for part in both.splits] == [{0: 30, 1: 30}, {1: 2}, {0: 3, 1: 4}]
    assert both.leaks["test"] == {"exact": 0, "folded": 0}
    one = open_splits(data, test=test).splits
    assert len(one.train) + len(one.validation) == 60 and ids(one.test) == {0: 3, 1: 4}


def test_leaks_between_files_are_counted(table):
    data = table({"a": 30, "b": 30})
    assert open_splits(data, validation=data, test=data).leaks == {
        part: {"exact": 60, "folded": 60} for part in ("validation", "test")
    }


@pytest.mark.parametrize(
    "counts, rules, complaint",
    [
        ({"a": 2, "z": 1}, {}, "test.csv: unknown label 'z' at index 2"),
        (
            {"A": 2, "b": 1},
            {},
            r"test.csv: labels that differ from a, b .*\(A\): add --mer",
        ),
        ({"n/a": 2}, {}, "test.csv: 2 of 2 labels look missing"),
        ({"n/a": 2}, {"drop_unlabelled": True}, "test.csv: no message of the classes"),
    ],
)
def test_what_is_wrong_with_a_part_names_its_file(table, counts, rules, complaint):
    data, test = table({"a": 30, "b": 30}), table(counts, "test.csv")
    with pytest.raises(SpamftError, match=complaint):
        open_splits(data, test=test, rules=LabelRules(**rules))


def test_rules_hold_for_parts_too_and_their_notes_name_the_part(table):
    data = table({"a": 30, "b": 30, "c": 1})
    test = table({"A": 2, "b ": 1, "c": 1, "nan": 1}, "test.csv")
    rules = LabelRules(drop_unlabelled=True, merge_case=True, min_per_class=2)
    prepared = open_splits(data, test=test, rules=rules)
    assert ids(prepared.splits.test) == {0: 2, 1: 1}
    assert sum(note.startswith("test: ") for note in prepared.notes) == 4


def test_ids_in_a_part_are_said_to_be_read_as_such(table):
    data, test = table({"a": 30, "b": 30}), table({"0": 2, "1": 1}, "test.csv")
    prepared = open_splits(data, test=test)
    assert ids(prepared.splits.test) == {0: 2, 1: 1}
    assert any("test: labels read as class ids: 0 a, 1 b" in n for n in prepared.notes)


@pytest.mark.parametrize("content", ["", "Label,Text\n"])
def test_an_empty_part_is_refused(table, file, content):
    with pytest.raises(SpamftError, match="test.csv .*(empty|no messages)"):
        open_splits(table({"a": 30, "b": 30}), test=file(content, "test.csv"))


def test_columns_that_had_to_be_named_are_kept_for_the_model(file):
    rows = "".join(f"a,x {w}\nb,y {w}\n" for w in WORDS[:20])
    layout = Layout(text="body", label="team")
    prepared = open_splits(file(f"team,body\n{rows}"), layout=layout)
    assert prepared.text_columns == ("body",) and prepared.names == ("a", "b")
