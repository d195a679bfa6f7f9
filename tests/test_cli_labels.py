import csv

import pytest
from made_messages import clean

from spamft.cli.main import main
from spamft.data import read_messages

ODD = ["=1+1", "'=a+b", 'a "b", c', "two\nlines", "@x"]


@pytest.fixture
def place(tmp_path, small_scratch, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("spamft.insight.learning_curve.REPEATS", 20)
    clean(80).to_csv("messages.csv", index=False)
    more = clean(20, seed=1)["Text"].tolist()
    with open("more.csv", "w", newline="") as file:
        csv.writer(file).writerows([["Text"], *([text] for text in [*more, *ODD])])
    return tmp_path


def labels(*options):
    return main(["labels", "messages.csv", "--model", "scratch", *options])


def test_the_curve_is_printed_and_without_a_folder_nothing_is_written(place, capsys):
    before = sorted(place.iterdir())
    assert labels("--draws", "2") == 0
    shown = capsys.readouterr().out
    assert "TF-IDF + logistic regression" in shown and "majority class" in shown
    assert "accuracy on 16 test messages" in shown
    assert sorted(place.iterdir()) == before


def test_a_precision_is_taken_or_refused_before_any_work(
    place, capsys, every_instruction
):
    assert labels("--draws", "2", "--precision", "int8") == 0
    assert labels("--draws", "2", "--precision", "int4") == 2
    assert "'int4' must be one of auto, float32, bf16, int8" in capsys.readouterr().err


def test_a_folder_keeps_the_curve(place, capsys):
    assert labels("--draws", "2", "--output", "out", "--no-balance") == 0
    names = {path.name for path in (place / "out").iterdir()}
    assert names >= {"labels.csv", "labels.json", "labels.png", "cells", "about.json"}


def test_the_next_messages_are_filled_in_and_merged(place, capsys):
    arguments = ["--unlabelled", "more.csv", "--next", "99", "--output", "next.csv"]
    assert labels(*arguments) == 0
    assert "25 messages to label in next.csv, all that there are" in (
        capsys.readouterr().out
    )
    with open("next.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    assert {row["Label"] for row in rows} == {""}
    assert {row["Text"] for row in rows} >= set(ODD)
    with open("next.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, ["Label", "Text"])
        writer.writeheader()
        writer.writerows(row | {"Label": "spam"} for row in rows)
    filled = read_messages(place / "next.csv")
    assert filled["Text"].tolist() == [row["Text"] for row in rows]
    assert labels("--merge", "next.csv", "--output", "all.csv") == 0
    assert "105 messages in all.csv: 0 labels corrected, 25 messages added" in (
        capsys.readouterr().out
    )
    merged = read_messages(place / "all.csv")
    assert merged["Text"].tolist()[80:] == filled["Text"].tolist()


def test_suspects_are_corrected_and_merged(place, capsys):
    df = clean(80)
    df.loc[10, "Label"] = "spam"  # which is ham
    df.to_csv("messages.csv", index=False)
    assert main(["audit", "messages.csv", "--suspects", "doubted.csv"]) == 0
    with open("doubted.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    [wrong] = [row for row in rows if row["Row"] == "11"]
    assert wrong["Label"] == "spam" and wrong["Predicted"] == "ham"
    with open("doubted.csv", "w", newline="") as file:
        writer = csv.DictWriter(file, ["Row", "Label", "Predicted", "Text"])
        writer.writeheader()
        writer.writerow(wrong | {"Label": "ham"})
    assert labels("--merge", "doubted.csv", "--output", "mended.csv") == 0
    assert read_messages(place / "mended.csv").equals(clean(80).astype(str))
    assert main(["audit", "messages.csv", "--suspects", "doubted.csv"]) == 2
    assert "doubted.csv exists: choose another name" in capsys.readouterr().err


@pytest.mark.parametrize(
    "options, complaint",
    [
        ("--merge more.csv", "--merge needs --output"),
        ("--unlabelled more.csv", "--unlabelled needs --output"),
        ("--merge a --unlabelled b --output c", "--unlabelled or --merge, not both"),
        ("--merge more.csv --output more.csv", "more.csv exists: choose"),
        ("--merge more.csv --output o", "more.csv:1: expected columns 'Label'"),
        ("--unlabelled no.csv --output o", "no.csv"),
        ("--unlabelled more.csv --output o --text Body", "expected a column 'Body'"),
        ("--method x", "unknown method 'x'"),
        ("--draws 1", "draws=1 must be at least 2"),
        ("--unlabelled more.csv --output o --next 0", "must be at least 1"),
    ],
)
def test_what_does_not_fit_is_one_line(place, capsys, options, complaint):
    assert labels(*options.split()) == 2
    shown = capsys.readouterr().err
    assert complaint in shown and shown.count("\n") == 1


def test_interrupted_it_says_what_is_left(place, capsys, monkeypatch):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("spamft.sources.open_model", interrupt)
    assert labels("--output", "out") == 130
    assert "the same command continues" in capsys.readouterr().err
    assert labels() == 130 and "nothing was saved" in capsys.readouterr().err
