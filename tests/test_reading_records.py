import datetime
import json
import warnings
from decimal import Decimal

import openpyxl
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from spamft.plumbing.errors import SpamftError
from spamft.reading import records
from spamft.reading.pairs import read_pairs
from spamft.reading.records import excel_sheets, json_table, parquet_table


def objects(*values) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)


def workbook(path, *rows, more=None):
    book = openpyxl.Workbook()
    for row in rows:
        book.active.append(row)
    for row in more or []:
        if len(book.worksheets) < 2:
            book.create_sheet()
        book.worksheets[1].append(row)
    book.save(path)
    return path


def parquet_file(path, **columns):
    parquet.write_table(pa.table(columns), path)
    return path


@pytest.mark.parametrize(
    "value, text",
    [
        ("a", "a"),
        (1, "1"),
        (1.0, "1"),
        (0.5, "0.5"),
        (1e300, "1e+300"),
        (True, "true"),
        (None, ""),
        (float("nan"), ""),
        (["a", 1], '["a", 1]'),
        ({"é": None}, '{"é": null}'),
    ],
)
def test_what_is_no_text_becomes_one_in_the_same_way_in_each_format(
    file, tmp_path, value, text
):
    _, rows = json_table(file(objects({"label": value, "text": "x"})), None)
    assert next(rows).cells == [text, "x"]
    if not isinstance(value, (list, dict)):
        path = workbook(tmp_path / "a.xlsx", ["label", "text"], [value, "x"])
        assert excel_sheets(path)[0][1].cells == [text, "x"]
        _, rows = parquet_table(
            parquet_file(tmp_path / "a.pq", label=[value], text=["x"])
        )
        assert next(rows).cells == [text, "x"]


def test_an_array_of_objects_is_read_like_lines_of_them(file):
    values = [{"label": "a", "text": "x\ny"}, {"text": "z", "label": "b"}]
    for content in (
        objects(*values),
        json.dumps(values),
        "\n\n" + json.dumps(values, indent=2),
        "\ufeff" + json.dumps(values),
        objects(*values).replace("\n", "\r\n\r\n"),
    ):
        assert read_pairs(file(content)) == [("a", "x\ny"), ("b", "z")]


def test_names_are_those_of_all_objects_and_what_is_missing_is_empty(file):
    names, rows = json_table(file(objects({"a": 1}, {"b": 2, "a": 3})), None)
    assert names == ["a", "b"] and [row.cells for row in rows] == [
        ["1", ""],
        ["3", "2"],
    ]


@pytest.mark.parametrize(
    "content, complaint",
    [
        ('{"a": 1}\n{"a": ', ":2: not one JSON object per line"),
        ('{"a": 1}\n\n[1]\n', r":3: expected JSON objects such as"),
        ('[{"a": 1}, 2]', ":1: expected JSON objects"),
        ('{"a": 1, "a": 2}\n', ":1: .*a name stands twice among"),
        ('{"a": "\\ud83d"}\n', ":1: .*surrogates not allowed"),
        ("[" * 99999, ":1: not one JSON object per line"),
        ('{"a": ' + "9" * 5000 + "}", ":1: not one JSON object per line"),
        ('{"a": {"0": "x"}, "b": {"0": "y"}}', ":1: .*orient='records', lines=True"),
        ('{"data": [{"a": 1}]}', ":1: .*orient='records', lines=True"),
    ],
)
def test_other_json_is_refused_with_its_line(file, content, complaint):
    with pytest.raises(SpamftError, match=complaint):
        list(json_table(file(content), None)[1])


@pytest.mark.parametrize("orient", ["columns", "split", "index", "table"])
def test_what_pandas_writes_else_is_refused_with_what_to_write(file, orient):
    frame = pd.DataFrame({"label": ["a", "b"], "text": ["x", "y"]})
    with pytest.raises(SpamftError, match="orient='records', lines=True"):
        read_pairs(file(frame.to_json(orient=orient)))
    for lines in (True, False):
        path = file(frame.to_json(orient="records", lines=lines))
        assert read_pairs(path) == [("a", "x"), ("b", "y")]


def test_parquet_of_any_type_is_words(tmp_path):
    words = pa.array(["a", "b"]).dictionary_encode()
    for column, expected in [
        (words, ["a", "b"]),
        ([b"caf\xc3\xa9", b"\xff"], ["café", "\\xff"]),
        ([datetime.date(2024, 1, 2), None], ["2024-01-02", ""]),
        ([Decimal("1.00"), Decimal("2.50")], ["1.00", "2.50"]),
        (pa.nulls(2), ["", ""]),
    ]:
        path = parquet_file(tmp_path / "a.pq", Label=column, Text=words)
        assert [label for label, _ in read_pairs(path)] == expected


def test_a_parquet_file_that_grows_absurdly_is_refused(tmp_path, monkeypatch):
    path = parquet_file(tmp_path / "a.pq", Label=["a"] * 3000, Text=["x" * 9999] * 3000)
    monkeypatch.setattr(records, "ANY_CASE", 2**20)
    with pytest.raises(SpamftError, match="unpacks to over .* bytes"):
        read_pairs(path)
    monkeypatch.setattr(records, "MOST_TIMES", 0.001)
    monkeypatch.setattr(records, "FEW_ROWS", 2000)
    with pytest.raises(SpamftError, match="claims to hold 3,000 rows"):
        read_pairs(path)


HEADER = ["Label", "Text"]


def test_the_one_sheet_with_the_columns_is_read(tmp_path):
    path = tmp_path / "a.xlsx"
    assert read_pairs(workbook(path, ["notes"], ["x"], more=[HEADER, ["a", "x"]])) == [
        ("a", "x")
    ]
    with pytest.raises(SpamftError, match="2 sheets have such columns"):
        read_pairs(workbook(path, HEADER, ["a", "x"], more=[HEADER, ["a", "x"]]))
    with pytest.raises(SpamftError, match="the workbook is empty"):
        read_pairs(workbook(path))


@pytest.mark.parametrize(
    "rows, complaint",
    [
        ([["My title"], [], HEADER, ["a", "x"]], "the header stands in row 3: remove"),
        (
            [HEADER, ["a", "x", "more"]],
            r":2: \['more'\] stands in a column without a n",
        ),
        ([HEADER, ["a", "x"], HEADER], ":3: the header is repeated"),
        ([["Text", "Label", "Text"], ["1", "2", "3"]], "in the places 1 and 3"),
        ([["a", "hello"], ["b", "x y"]], "expected columns 'Label' and 'Text'"),
    ],
)
def test_a_sheet_that_is_no_table_is_named(tmp_path, rows, complaint):
    with pytest.raises(SpamftError, match=complaint):
        read_pairs(workbook(tmp_path / "a.xlsx", *rows))


def test_merged_cells_leave_labels_empty_and_empty_rows_are_none(tmp_path):
    path = tmp_path / "a.xlsx"
    workbook(path, HEADER, ["a", "x"], [None, "y"], [], ["b", "z"])
    book = openpyxl.load_workbook(path)
    book.active.merge_cells("A2:A3")
    book.save(path)
    assert read_pairs(path) == [("a", "x"), ("", "y"), ("b", "z")]


def test_a_text_that_looks_like_a_formula_is_not_lost(tmp_path):
    path = workbook(tmp_path / "a.xlsx", HEADER, ["a", "=1+1"], ["b", "=win!"])
    assert read_pairs(path) == [("a", "=1+1"), ("b", "=win!")]


def test_a_workbook_may_have_any_name_and_be_wrong_about_its_size(tmp_path):
    path = tmp_path / "a.csv"
    book = openpyxl.Workbook()
    for row in (HEADER, ["a", "x"], ["b", "y"]):
        book.active.append(row)
    book.active["XFD9999"] = " "  # as formatting leaves it behind
    book.save(tmp_path / "a.xlsx")
    (tmp_path / "a.xlsx").rename(path)
    assert read_pairs(path) == [("a", "x"), ("b", "y")]


def test_what_openpyxl_warns_of_is_not_shown(tmp_path, monkeypatch):
    path = workbook(tmp_path / "a.xlsx", HEADER, ["a", "x"])
    load = openpyxl.load_workbook

    def loud(*args, **options):
        warnings.warn("no default style", stacklevel=1)
        return load(*args, **options)

    monkeypatch.setattr(openpyxl, "load_workbook", loud)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert read_pairs(path) == [("a", "x")]


@pytest.mark.parametrize("module", ["pyarrow", "openpyxl"])
def test_what_is_not_installed_is_named_with_its_command(tmp_path, monkeypatch, module):
    parquet_file(tmp_path / "pyarrow", Label=["a"], Text=["x"])
    workbook(tmp_path / "openpyxl.xlsx", HEADER, ["a", "x"]).rename(
        tmp_path / "openpyxl"
    )
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(SpamftError, match=f"install {module}: pip install 'spamft"):
        read_pairs(tmp_path / module)
