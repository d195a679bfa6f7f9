import csv
import io
from dataclasses import replace

import pytest

from spamft.plumbing.errors import SpamftError
from spamft.reading.layout import Layout
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
