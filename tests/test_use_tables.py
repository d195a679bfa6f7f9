import csv
import io
from dataclasses import replace

import pytest
import torch

from spamft.plumbing.errors import SpamftError
from spamft.reading.layout import Layout
from spamft.use import tables
from spamft.use.saved import load
from spamft.use.tables import classify_table
from spamft.use.verdict import DecisionRule, Threshold


@pytest.fixture
def saved(run_folder):
    return load(run_folder)


def test_a_table_keeps_its_columns_and_the_order_of_its_rows(saved, tmp_path):
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text('id,body\n7,"WIN, Q\nNOW"\n8,see you at k\n9,"WIN, Q\nNOW"\n')
    classify_table(saved, source, target, layout=Layout(text="body"))
    with target.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["id"] for row in rows] == ["7", "8", "9"]
    assert rows[0]["body"] == "WIN, Q\nNOW" and rows[0]["predicted"] == "spam"
    shares = [float(rows[1][f"probability_{name}"]) for name in ("ham", "spam")]
    assert sum(shares) == pytest.approx(1, abs=1e-5)


def test_an_empty_text_is_a_row_and_an_empty_line_is_none(saved, tmp_path):
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text('Text\nsee you\n\n""\n   \n\nbye\n')
    for layout in (Layout(), Layout(text="Text"), Layout(quotes="csv")):
        classify_table(saved, source, target, layout=layout)
        with target.open(newline="") as file:
            assert [row["Text"] for row in csv.DictReader(file)] == [
                "see you",
                "",
                "bye",
            ]


def test_what_a_threshold_holds_back_is_unsure(saved, tmp_path):
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("Text\nWIN Q NOW\nsee you at k\n")
    never = replace(saved, rule=DecisionRule(threshold=Threshold("spam", 1.0)))
    classify_table(never, source, target)
    with target.open(newline="") as file:
        assert [row["predicted"] for row in csv.DictReader(file)] == ["unsure", "ham"]


def test_without_a_target_it_goes_to_standard_output(saved, tmp_path, monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr("sys.stdout", shown)
    (tmp_path / "in.csv").write_text("Text\nsee you at k\n")
    classify_table(saved, tmp_path / "in.csv")
    assert shown.getvalue().splitlines()[1].startswith("see you at k,ham,")


def test_a_file_that_breaks_half_way_leaves_no_output(saved, tmp_path):
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("Text,n\na,1\nb\n")
    with pytest.raises(SpamftError, match=r"in.csv:3: expected 2 columns"):
        classify_table(saved, source, target)
    assert not list(tmp_path.glob("*out.csv*")) + list(tmp_path.glob(".*"))


def test_columns_that_would_be_written_twice_are_refused(saved, tmp_path):
    (tmp_path / "in.csv").write_text("Text,predicted\na,ham\n")
    with pytest.raises(SpamftError, match="already has the column 'predicted'"):
        classify_table(saved, tmp_path / "in.csv", tmp_path / "out.csv")


TEXTS = [
    f"{'WIN' if n % 3 else 'see you at'} {chr(97 + n % 26)} " * (n % 7 + 1)
    for n in range(50)
]


class Killed(BaseException):
    pass


def die_at(place: int, monkeypatch) -> None:
    """Let the classifying die as it begins this window, counted from 0."""
    real, begun = tables.classify_stream, []

    def stream(*args, **options):
        begun.append(1)
        if len(begun) > place:
            raise Killed
        return real(*args, **options)

    monkeypatch.setattr(tables, "classify_stream", stream)


@pytest.fixture
def job(saved, tmp_path):
    """Classify 50 texts, seven at a time; by default to the same file."""
    source = tmp_path / "in.csv"
    source.write_text("id,Text\n" + "".join(f"{i},{t}\n" for i, t in enumerate(TEXTS)))

    def work(name="out.csv", model=saved, **options):
        path = tmp_path / name
        cut = classify_table(model, source, path, **{"window": 7, **options})
        return path.read_bytes(), cut

    return work


@pytest.mark.parametrize("place", range(8))
def test_a_killed_one_resumes_to_the_same_bytes(job, monkeypatch, tmp_path, place):
    whole, said = job("straight.csv"), []
    with monkeypatch.context() as patch, pytest.raises(Killed):
        die_at(place, patch)
        job()
    assert not (tmp_path / "out.csv").exists()
    assert job(log=said.append) == whole
    assert said == [f"resumes after {7 * place} of 50 messages"] * (place > 0)
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_killed_one_remembers_how_many_texts_were_cut(job, monkeypatch, saved):
    saved.model.max_length = 9
    whole = job("straight.csv")
    with monkeypatch.context() as patch, pytest.raises(Killed):
        die_at(4, patch)
        job()
    assert job() == whole and 0 < whole[1] < 50


@pytest.mark.parametrize("what", ["input", "model", "rule", "options"])
def test_other_work_on_the_same_output_is_refused(
    job, monkeypatch, saved, tmp_path, what
):
    with monkeypatch.context() as patch, pytest.raises(Killed):
        die_at(2, patch)
        job()
    options = {}
    if what == "input":
        with (tmp_path / "in.csv").open("a") as file:
            file.write("50,see you\n")
    elif what == "model":
        with torch.no_grad():
            saved.model.head.weight[0, 0] += 1
    elif what == "rule":
        options["model"] = replace(saved, rule=DecisionRule(temperature=2.0))
    else:
        options["mark_formulas"] = False
    with pytest.raises(SpamftError, match=f"unfinished work with another {what}: give"):
        job(**options)


def test_the_window_does_not_change_what_is_predicted(job):
    rows = [
        list(csv.reader(io.StringIO(job(f"{window}.csv", window=window)[0].decode())))
        for window in (1, 7, 8192)
    ]
    for one, *others in zip(*rows, strict=True):
        for other in others:
            assert one[:3] == other[:3]
            if one[0] != "id":
                assert [float(x) for x in one[3:]] == pytest.approx(
                    [float(x) for x in other[3:]], abs=2e-6
                )


def test_a_row_that_cannot_be_read_is_found_before_any_is_classified(
    saved, tmp_path, monkeypatch
):
    die_at(0, monkeypatch)
    (tmp_path / "in.csv").write_text("Text,n\n" + "a,1\n" * 99 + "b\n")
    with pytest.raises(SpamftError, match=r"in.csv:101: expected 2 columns"):
        classify_table(saved, tmp_path / "in.csv", tmp_path / "out.csv", window=7)
