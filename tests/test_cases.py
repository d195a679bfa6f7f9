"""What people met with files of their own: each by the law behind it, and siblings.

The reports behind them are of many projects; the numbers are those of our list.
"""

import gzip
import io
import json
import time
import zipfile

import pandas as pd
import pytest
from matplotlib.image import imread

from spamft.cli.main import main
from spamft.data import balance, label_names, read_messages
from spamft.experiments.finetune import finetune
from spamft.gpt import GPTConfig
from spamft.plumbing.errors import SpamftError
from spamft.reading.layout import Layout
from spamft.sources import open_splits
from spamft.sources.duplicates import duplicate_groups
from spamft.sources.labels import LabelRules
from spamft.use.predict import classify
from spamft.use.saved import load

WORDS = [f"{a}{b}{c}" for a in "bcdfghjkl" for b in "aeiou" for c in "klmnprstvw"]
HEADLESS = Layout(no_header=True)


def rows(**counts: int) -> list[tuple[str, str]]:
    """So many (label, text) of each label; no text repeats another."""
    words = iter(WORDS)
    return [(a, f"{a} {next(words)}") for a, n in counts.items() for _ in range(n)]


def csv_of(pairs, header="label,text", delimiter=",") -> str:
    return "\n".join([header, *(delimiter.join(pair) for pair in pairs)]) + "\n"


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    """A trained run that knows ham and spam, and read its texts in `body`."""
    folder = tmp_path_factory.mktemp("classifier")
    data = folder / "data.csv"
    data.write_text(csv_of(rows(ham=20, spam=20), "kind,body"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("spamft.sources.models.SCRATCH", GPTConfig(4096, 160, 16, 2, 2))
        opened = open_splits(data, layout=Layout(text="body", label="kind"))
        run = finetune(opened, "scratch", config={"epochs": 15, "lr": 0.01})
    return run.save(folder / "run")


def train(data, output, *options: str) -> int:
    given = ["--data", str(data), "--output", str(output), "--model", "scratch"]
    return main(["finetune", *given, "--epochs", "1", *options])


@pytest.mark.parametrize("labels", ["$$ $$$", "^_{ \\frac{", "<b> %s", "_a_ |"])
def test_01_labels_are_drawn_as_they_are(file, tmp_path, small_scratch, labels):
    path = file(csv_of(rows(**dict.fromkeys(labels.split(), 12))))
    assert train(path, tmp_path / "run") == 0
    made = {p.name for p in (tmp_path / "run").iterdir()}
    assert {"model", "metrics.json", "confusion.png"} <= made


@pytest.mark.parametrize("name", ["intent_%03d", "a label of very many words, %03d"])
def test_03_many_classes_take_seconds_and_a_picture_of_bounded_size(
    file, tmp_path, small_scratch, name
):
    pairs = rows(**{name.replace(",", "") % i: 3 for i in range(150)})
    began = time.perf_counter()
    assert train(file(csv_of(pairs)), tmp_path / "run", "--method", "head") == 0
    assert time.perf_counter() - began < 60
    assert max(imread(tmp_path / "run" / "confusion.png").shape) < 4000


@pytest.mark.parametrize(
    "odd", ["ham ", " ham", "ham\t", "\ufeffham", "ham\u200b", "\xa0ham"]
)
def test_05_blanks_around_a_label_make_no_class(file, odd):
    pairs = [(odd if i < 6 else a, b) for i, (a, b) in enumerate(rows(ham=60, spam=60))]
    prepared = open_splits(file(csv_of(pairs)))
    assert prepared.names == ("ham", "spam") and sum(map(len, prepared.splits)) == 120
    assert prepared.notes[0] == "blanks around 6 labels were taken away"


@pytest.mark.parametrize("counts", [{"a": 9, "b": 200}, {"a": 9, "b": 200, "c": 200}])
def test_05_balancing_that_leaves_little_is_said(file, counts):
    notes = open_splits(file(csv_of(rows(**counts)))).notes
    assert any("--no-balance keeps all" in note for note in notes)


@pytest.mark.parametrize("rare", [{"legal": 1}, {"x": 1, "y": 1}, {"x": 1, "y": 2}])
def test_07_a_class_of_one_is_named_and_an_audit_reports_it(file, rare, capsys):
    path = file(csv_of(rows(a=30, b=30, **rare)))
    with pytest.raises(SpamftError, match="--min-per-class 2, or more, .*--no-balance"):
        open_splits(path)
    assert main(["audit", str(path)]) == 0
    assert "(30 a, 30 b, " in capsys.readouterr().out


@pytest.mark.parametrize(
    "again", ["label,text", "Label,Text", "text,label", "\ufefflabel,text"]
)
def test_08_a_header_in_the_middle_is_named_with_its_line(file, again):
    one, two = csv_of(rows(a=5)), csv_of(rows(b=5), again)
    with pytest.raises(SpamftError, match=":7: the header is repeated"):
        read_messages(file(one + two))


@pytest.mark.parametrize(
    "missing", ["N/A", "nan", " null", "None", "-", "#N/A", "?", "NA"]
)
def test_09_labels_that_look_missing_are_counted_and_can_be_left_out(file, missing):
    pairs = [*rows(a=20, b=20), *((missing, f"x {i}") for i in "abcd")]
    with pytest.raises(SpamftError, match="4 of 44 labels look missing.*--drop-unlab"):
        open_splits(path := file(csv_of(pairs)))
    prepared = open_splits(path, rules=LabelRules(drop_unlabelled=True))
    assert prepared.names == ("a", "b")
    assert any("left out: 4 messages" in note for note in prepared.notes)


@pytest.mark.parametrize("write", ["to_csv", "to_json", "to_parquet", "to_excel"])
def test_09_so_are_labels_that_are_missing(tmp_path, write):
    frame = pd.DataFrame([*rows(a=20, b=20), (None, "x")], columns=["label", "text"])
    path = tmp_path / "a.xlsx"
    getattr(frame, write)(path, **{"orient": "records"} if write == "to_json" else {})
    with pytest.raises(SpamftError, match="1 of 41 messages have no label: add --drop"):
        open_splits(path)


@pytest.mark.parametrize(
    "header, encoding, options",
    [
        ("v1,v2,,,", "latin-1", ""),
        ("Label,Text,,,", "cp1252", "--encoding cp1252"),
        ("Label,Text,,,", "utf-16", ""),
        ("Label;Text;;;", "utf-8-sig", ""),
        ("Label;Text;;;", "utf-16-be", "--encoding utf-16-be"),
    ],
)
def test_10_every_command_reads_what_the_others_read(
    file, tmp_path, classifier, capsys, header, encoding, options
):
    mark = header[-1]
    pairs = [(a, f"{b} é £{mark * 3}") for a, b in rows(ham=9, spam=9)]
    path = str(file(csv_of(pairs, header, mark).encode(encoding)))
    text = "" if "v2" in header else "--text Text"
    model = f"--model {classifier} {options}".split()
    assert main(["audit", path, *options.split()]) == 0
    assert main(["evaluate", *model, "--data", path]) == 0
    assert "18 examples" in capsys.readouterr().out
    text = text or "--text v2"
    assert main(["classify", *model, "--file", path, *text.split()]) == 0
    shown = capsys.readouterr().out
    assert shown.count("\n") == 19 and shown.count("é £,") == 18


@pytest.mark.parametrize("header", ["kind,body", "Body,n", "n,BODY"])
def test_12_classify_reads_the_column_that_training_read(
    file, classifier, capsys, header
):
    path = file(csv_of(rows(spam=3), header))
    assert main(["classify", "--model", str(classifier), "--file", str(path)]) == 0
    assert capsys.readouterr().out.startswith(f"{header},predicted,")


def test_12_else_the_error_names_the_option(file, classifier, capsys):
    path = file(csv_of([("1", "win a prize"), ("2", "see you")], "id,message"))
    assert main(["classify", "--model", str(classifier), "--file", str(path)]) == 2
    assert "add --text message" in capsys.readouterr().err


@pytest.mark.parametrize(
    "header", ["v1,v2,length", "v1,v2,date,Unnamed: 3", "label,text,n"]
)
def test_14_a_column_with_a_name_is_no_text(file, header):
    path = file(f"{header}\nham,see you,7{',' if 'Un' in header else ''}\n")
    assert read_messages(path)["Text"].tolist() == ["see you"]


@pytest.mark.parametrize(
    "header", ["v1,v2,,", "v1,v2,Unnamed: 2,Unnamed: 3", ",v1,v2,Unnamed: 2"]
)
def test_14_what_a_comma_broke_off_is_text_in_every_format(file, tmp_path, header):
    index = "0," * header.startswith(",")
    path = file(f"{header}\n{index}ham,see you, at 5{',' * (not index)}\n")
    assert read_messages(path)["Text"].tolist() == ["see you, at 5"]
    for write in ("to_parquet", "to_excel"):
        getattr(pd.read_csv(path), write)(tmp_path / "a.xlsx")
        assert read_messages(tmp_path / "a.xlsx")["Text"].tolist() == ["see you, at 5"]


TWEETS = [
    '"hello there all',
    "win now",
    "see you soon",
    'free today"',
    "ok",
    "claim it",
]


@pytest.mark.parametrize(
    "texts", [TWEETS, ['"a', 'b"', "c"], ['"a', "b", "c", 'd" e'], ["a", '"b', "c"]]
)
def test_16_no_quotation_mark_swallows_rows(file, texts):
    pairs = [("ham" if i % 2 else "spam", text) for i, text in enumerate(texts)]
    path = file(csv_of(pairs, "label\ttext", "\t"))
    try:
        assert read_messages(path)["Text"].tolist() == texts
    except SpamftError as error:
        assert ":2: " in str(error) and "--quotes text" in str(error)
    assert read_messages(path, layout=Layout(quotes="text"))["Text"].tolist() == texts


@pytest.mark.parametrize("pattern", ["Host {} is down", "{} {} errors", "-- {}: Disk!"])
def test_18_templates_are_named_with_the_ways_out(file, pattern):
    pairs = [
        (a, f"{a} {pattern.format(i, i)}") for i in range(40) for a in ("up", "down")
    ]
    path = file(csv_of(pairs))
    with pytest.raises(SpamftError, match="80 messages are only 2 but for digits"):
        open_splits(path)
    assert open_splits(path, lecture=True)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(
    "rare", [{"press": 2}, {"press": 1, "legal": 6}, {"x": 3, "y": 3}]
)
def test_20_every_class_is_trained_or_named(file, rare, seed):
    path = file(csv_of(rows(a=120, b=120, **rare)))
    prepared = open_splits(path, balanced=False, seed=seed)
    assert {*prepared.splits.train["Label"]} == {*range(len(prepared.names))}


@pytest.mark.parametrize("ids", ["01", "10"])
def test_21_numbers_for_words_are_said_and_can_be_told(file, classifier, capsys, ids):
    numbered = dict(zip(["ham", "spam"], ids, strict=True))
    path = str(file(csv_of([(numbered[a], b) for a, b in rows(ham=9, spam=9)])))
    command = ["evaluate", "--model", str(classifier), "--data", path, "--json"]
    assert main(command) == 0
    found = json.loads(capsys.readouterr().out)
    assert "class ids: 0 ham, 1 spam; --labels" in found["notes"][0]
    meant = [f"{number}={name}" for name, number in numbered.items()]
    assert main([*command, "--labels", *meant]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["notes"] == [] and told["accuracy"] > 0.7
    assert (told["accuracy"] == found["accuracy"]) == (ids == "01")


@pytest.mark.parametrize("encoding", ["cp1252", "ascii", "latin-1"])
@pytest.mark.parametrize("text", ["win 🎉 now", "日本", "שלום"])
def test_22_what_a_console_cannot_show_loses_no_line(
    classifier, monkeypatch, encoding, text
):
    raw = io.BytesIO()
    monkeypatch.setattr("sys.stdout", io.TextIOWrapper(raw, encoding))
    assert main(["classify", "--model", str(classifier), "ok", text, "second"]) == 0
    lines = raw.getvalue().decode(encoding).splitlines()
    assert len(lines) == 3 and "\\u" in lines[1].lower()


@pytest.mark.parametrize("line", [1, 2, 5])
def test_24_a_byte_on_standard_input_is_named_with_its_line(
    classifier, monkeypatch, capsys, line
):
    raw = b"hello\n" * (line - 1) + b"caf\xe9\nsecond\n"
    stream = io.TextIOWrapper(io.BytesIO(raw), "utf-8")
    monkeypatch.setattr("sys.stdin", stream)
    assert main(["classify", "--model", str(classifier)]) == 2
    assert f"line {line}: byte 0xe9 is not utf-8" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["spam.csv", "d/spam.tsv", "a.jsonl", "__MACOSX"])
def test_25_a_zip_of_one_table_is_that_table(tmp_path, name):
    content = "v1,v2,,,\nham,caf\xe9,,,\nspam,win,,,\n".encode("latin-1")
    if name == "a.jsonl":
        content = (
            '{"Label": "ham", "Text": "café"}\n{"Label": "b", "Text": ""}'.encode()
        )
    with zipfile.ZipFile(tmp_path / "archive.zip", "w") as file:
        file.writestr("a.csv" if name == "__MACOSX" else name, content)
        if name == "__MACOSX":
            file.writestr("__MACOSX/._a.csv", b"x")
    assert read_messages(tmp_path / "archive.zip")["Text"][0] == "café"


@pytest.mark.parametrize(
    "write",
    [
        lambda p: ("\n".join(f"{a},{b}" for a, b in p), HEADLESS),
        lambda p: ("\n".join(f"{a}\t{b}" for a, b in p), HEADLESS),
        lambda p: ("\n".join(f"{a}\t{b}" for a, b in p).title(), Layout()),
        lambda p: (
            "".join(json.dumps({"label": a, "text": b}) + "\n" for a, b in p),
            Layout(),
        ),
        lambda p: ("".join(f"__label__{a} {b}\n" for a, b in p), Layout()),
        lambda p: ("".join(f"__label__{a}\t{b}\n" for a, b in p), Layout()),
        lambda p: (
            "".join(f"{b};7;{a}\r\n" for a, b in p),
            Layout(no_header=True, text="1", label="3"),
        ),
        lambda p: (
            gzip.compress("".join(f"__label__{a} {b}\n" for a, b in p).encode()),
            Layout(),
        ),
    ],
)
def test_27_files_without_a_header_are_read_or_the_way_is_named(file, write):
    pairs = rows(ham=3, spam=3)
    content, layout = write(pairs)
    read = read_messages(file(content), layout=layout)
    found = [(a.lower(), b.lower()) for a, b in read.itertuples(index=False)]
    assert found == pairs


@pytest.mark.parametrize(
    "header", ["Label,text", "LABEL,TEXT", "label, text", " Label ,Text", "V1,v2"]
)
def test_28_a_header_that_is_nearly_right_is_right(file, header):
    path = file(f"{header}\nham,text a\nspam,text b\n")
    assert read_messages(path)["Text"].str.strip().tolist() == ["text a", "text b"]


@pytest.mark.parametrize("words", [400, 200, 161])
def test_30_what_is_cut_off_is_said_by_every_command(
    file, tmp_path, small_scratch, capsys, words
):
    pairs = [(a, f"{'a b c d ' * (words // 4)} {b}") for a, b in rows(no=12, yes=12)]
    path = str(file(csv_of(pairs)))
    run = tmp_path / "run"
    assert train(path, run) == 0
    assert "longer than 160 tokens, and cut there: " in capsys.readouterr().out
    assert main(["classify", "--model", str(run), pairs[0][1]]) == 0
    assert "1 texts are longer than the 160 tokens" in capsys.readouterr().err
    assert main(["evaluate", "--model", str(run), "--data", path]) == 0
    assert "and cut there: 24 of 24 messages" in capsys.readouterr().out


@pytest.mark.parametrize(
    "change, complaint",
    [
        (lambda df: df.assign(Label=df.Label == "a"), "column 'Label', row 0: "),
        (lambda df: df.assign(Label=1.0), "column 'Label', row 0: 1.0 is no text"),
        (lambda df: df.assign(Label=[None, *df.Label[1:]]), "column 'Label', row 0"),
        (lambda df: df.assign(Text=[None, *df.Text[1:]]), "column 'Text', row 0"),
        (lambda df: df.rename(columns=str.lower), "rename yours to Label and Text"),
        (lambda df: df.assign(Text=pd.NA), r"40 such rows\): drop missing ones"),
        (lambda df: df.to_dict(), "expected a DataFrame, not dict"),
    ],
)
def test_31_a_frame_of_ones_own_is_checked(change, complaint):
    good = pd.DataFrame(rows(a=20, b=20), columns=["Label", "Text"])
    with pytest.raises(SpamftError, match=complaint):
        bad = change(good)
        label_names(bad)
        balance(bad)
        duplicate_groups(bad)


def test_31_a_frame_is_no_list_of_texts(classifier):
    saved = load(classifier)
    for frame in (pd.DataFrame({"Text": ["a"]}), {"Text": ["a"]}):
        with pytest.raises(SpamftError, match=r"give a column, df\['Text'\]"):
            classify(saved.model, saved.tokenizer, frame)


@pytest.mark.parametrize(
    "content",
    [
        "text,label,text\n1,spam,a\n",
        "Label,TEXT,text\nspam,a,b\n",
        "Text\tLabel\tText\n1\tspam\ta\n",
        '{"label": "a", "text": "1", "text": "2"}\n',
    ],
)
def test_33_a_name_that_stands_twice_is_refused(file, content):
    with pytest.raises(SpamftError, match="two columns|stands twice"):
        read_messages(file(content))


@pytest.mark.parametrize(
    "labels",
    ['billing "billing,urgent"', '"[""a"", ""b""]" a', "a a|b", '"a; b" "b; c" "a; c"'],
)
def test_35_labels_that_are_lists_are_named(file, labels):
    import shlex

    cells = [part.replace("'", '"') for part in shlex.split(labels.replace('""', "'"))]
    frame = pd.DataFrame(rows(**dict.fromkeys(cells, 9)), columns=["label", "text"])
    path = file(frame.to_csv(index=False))
    with pytest.raises(SpamftError, match="look like lists of labels.*--trust-labels"):
        open_splits(path)
    assert len(open_splits(path, rules=LabelRules(trust_labels=True)).names) == len(
        cells
    )


def test_36_files_that_bring_their_own_parts(file, tmp_path, small_scratch):
    pairs = rows(a=30, b=30)
    data, test = file(csv_of(pairs)), file(csv_of(pairs[::6]), "test.csv")
    dev = file("".join(f"__label__{a} new {b}\n" for a, b in pairs[::9]), "dev.txt")
    options = ["--validation", str(dev), "--test", str(test)]
    assert train(data, tmp_path / "run", *options) == 0
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["leaks"]["test"]["exact"] == len(pairs[::6])
    assert metrics["leaks"]["validation"]["exact"] == 0


@pytest.mark.parametrize("within", ["", "model"])
def test_37_the_folder_of_a_run_is_its_model(classifier, capsys, within):
    assert main(["classify", "--model", str(classifier / within), "hello"]) == 0
    assert capsys.readouterr().out.endswith("\thello\n")


@pytest.mark.parametrize("name", ["tiny", "gpt2", "auto", "scratch", "gpt2-xl"])
def test_37_a_gpt_is_said_not_to_be_finetuned_yet(capsys, tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    assert main(["evaluate", "--model", name, "--data", "sample"]) == 2
    assert f"{name} is a GPT that no finetuning has taught" in capsys.readouterr().err


@pytest.mark.parametrize("labels", ["垃圾 正常", "🎉 😀", "ไทย हिन्दी", "שלום مرحبا"])
def test_39_labels_that_the_font_lacks_raise_no_warning(
    file, tmp_path, small_scratch, recwarn, labels
):
    path = file(csv_of(rows(**dict.fromkeys(labels.split(), 12))))
    assert train(path, tmp_path / "run") == 0
    assert [str(w.message) for w in recwarn if "Glyph" in str(w.message)] == []


@pytest.mark.parametrize("output", ["data.csv/run", "data.csv", "data.csv/a/b/c"])
def test_40_an_output_that_cannot_be_made_is_refused_before_any_work(
    file, tmp_path, small_scratch, capsys, output
):
    path = file(csv_of(rows(a=12, b=12)), "data.csv")
    assert train(path, tmp_path / output) == 2
    shown = capsys.readouterr()
    assert shown.out == "" and output.partition("/")[0] in shown.err
    assert shown.err.count("\n") == 1
