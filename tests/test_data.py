import hashlib
import os
import shutil
import zipfile
from dataclasses import replace
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spamft import data
from spamft.data import (
    Splits,
    balance,
    download,
    encode_labels,
    label_names,
    load_splits,
    random_split,
    read_messages,
    save_splits,
)
from spamft.plumbing.fetch import DownloadError
from spamft.reading.layout import Layout

SHARED = Path(__file__).parents[2] / "shared/data/uci_sms/sms+spam+collection.zip"
UCI_ZIP = Path(os.environ.get("SPAMFT_UCI_ZIP", SHARED))
needs_uci = pytest.mark.skipif(
    not UCI_ZIP.exists(), reason="needs the UCI archive: set SPAMFT_UCI_ZIP to its path"
)


def frame(texts, labels="ham") -> pd.DataFrame:
    labels = [labels] * len(texts) if isinstance(labels, str) else labels
    return pd.DataFrame({"Label": labels, "Text": list(texts)})


def parts_of(splits: Splits) -> pd.DataFrame:
    return pd.concat(splits, ignore_index=True)


# --- balance, encode, split ------------------------------------------------------


def test_balance_gives_every_label_the_rarest_ones_count(messages):
    balanced = balance(messages)
    assert balanced["Label"].value_counts().to_dict() == {"ham": 4, "spam": 4}
    assert balanced["Text"].isin(messages["Text"]).all()
    spam = messages[messages["Label"] == "spam"]
    assert balanced[balanced["Label"] == "spam"].equals(spam)  # all, in their order


def test_balance_is_the_lectures_to_the_row(messages):
    """The lecture's create_balanced_dataset, word for word in meaning."""
    ham, spam = (messages[messages["Label"] == name] for name in ("ham", "spam"))
    expected = pd.concat([ham.sample(len(spam), random_state=123), spam])
    assert balance(messages).equals(expected)


def test_labels_become_their_places_and_twice_is_harmless(messages):
    once = encode_labels(messages)
    assert once["Label"].tolist() == [0] * 12 + [1] * 4
    assert encode_labels(once).equals(once)
    assert messages["Label"].iloc[0] == "ham"  # the frame given is untouched


def test_any_number_of_classes_has_ids():
    df = frame("abc", ["red", "blue", "green"])
    names = label_names(df)
    assert names == ("blue", "green", "red")
    assert encode_labels(df, names)["Label"].tolist() == [2, 0, 1]


@pytest.mark.parametrize("labels", [["ham", "Spam"], [0, 2], [0, -1]])
def test_unknown_labels_are_named(labels):
    with pytest.raises(ValueError, match=f"unknown label {labels[1]!r} at index 1"):
        encode_labels(frame("ab", labels))


def test_numbers_as_names_are_in_the_order_of_numbers():
    labels = [str(n) for n in range(12)]
    assert label_names(frame("abcdefghijkl", labels)) == tuple(labels)
    with pytest.raises(ValueError, match="class ids already: call label_names"):
        label_names(frame("ab", [0, 1]))


def test_one_class_is_no_classification():
    with pytest.raises(ValueError, match=r"at least 2 classes, found only \['ham'\]"):
        label_names(frame("ab"))


texts = st.lists(st.text(max_size=6), min_size=10, max_size=80)


@given(texts, st.integers(0, 9))
def test_a_split_is_a_partition(texts, seed):
    splits = random_split(frame(texts), seed=seed)
    assert sorted(parts_of(splits)["Text"]) == sorted(texts)
    assert len(splits.train) == int(len(texts) * 0.7)
    assert len(splits.validation) == int(len(texts) * 0.1)


def test_groups_of_one_change_nothing():
    df = frame([f"text {chr(97 + i)}" for i in range(26)])
    grouped = random_split(df, groups=pd.Series(df.index, df.index))
    assert all(map(pd.DataFrame.equals, grouped, random_split(df)))


def test_a_split_depends_on_the_seed_alone(messages):
    assert random_split(messages).test.equals(random_split(messages).test)
    assert not random_split(messages).test.equals(random_split(messages, seed=1).test)


def test_the_split_is_the_lectures_to_the_row(messages):
    """The lecture's random_split, told in plain pandas."""
    df = messages.sample(frac=1, random_state=123).reset_index(drop=True)
    a = int(len(df) * 0.7)
    b = a + int(len(df) * 0.1)
    expected = [df[:a], df[a:b], df[b:]]
    for part, wanted in zip(random_split(messages), expected, strict=True):
        assert part.equals(wanted.reset_index(drop=True))


@pytest.mark.parametrize("fractions", [(0.9, 0.1), (0.0, 0.5), (0.5, -0.1), (1.2, 0.1)])
def test_impossible_fractions_are_refused(messages, fractions):
    with pytest.raises(ValueError, match="leave something for the test part"):
        random_split(messages, *fractions)


def test_an_empty_part_is_refused(messages):
    with pytest.raises(ValueError, match="5 rows give parts of 3, 0, 2"):
        random_split(messages[:5])


def test_groups_must_cover_the_frame(messages):
    with pytest.raises(ValueError, match="a value for every row"):
        random_split(messages, groups=pd.Series([1, 2], [0, 1]))


# --- saving ----------------------------------------------------------------------

any_text = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@settings(max_examples=200)
@given(st.lists(any_text, min_size=1, max_size=6))
def test_csv_files_keep_every_message_unchanged(tmp_path_factory, texts):
    folder = tmp_path_factory.mktemp("splits")
    splits = Splits(frame(texts), encode := frame(texts, "spam"), encode)
    save_splits(splits, folder)
    assert all(map(pd.DataFrame.equals, load_splits(folder), splits))


def test_a_message_of_any_length_is_kept(tmp_path):
    long = frame(["x" * 200_000])
    save_splits(Splits(long, long, long), tmp_path)
    assert load_splits(tmp_path).train.equals(long)


def test_number_labels_stay_numbers(messages, tmp_path):
    splits = random_split(encode_labels(messages))
    paths = save_splits(splits, tmp_path)
    assert [path.name for path in paths] == ["train.csv", "validation.csv", "test.csv"]
    assert all(map(pd.DataFrame.equals, load_splits(tmp_path), splits))


def test_all_steps_together_give_these_bytes(tmp_path):
    """Golden hashes of synthetic messages: a new pandas must not move the rows."""
    df = frame(
        [f'"{i}" says, it is {i * i} o\'clock' for i in range(500)],
        ["spam" if i % 7 == 0 else "ham" for i in range(500)],
    )
    paths = save_splits(random_split(encode_labels(balance(df))), tmp_path)
    digests = [hashlib.sha256(p.read_bytes()).hexdigest()[:16] for p in paths]
    assert digests == ["29ed807749fe445b", "8c77db49262f437b", "ddd6e7ae2de59ef7"]


# --- the lecture's numbers, on the real collection -------------------------------


# of the three files that the lecture's own code writes, run as it stands
LECTURE_DIGESTS = ["c89a1156b8476e6f", "0ac7a07215729476", "a5764d4eed041dad"]


@needs_uci
def test_the_lectures_numbers_come_out(tmp_path):
    path = download(tmp_path, UCI_ZIP)
    assert path.name == "SMSSpamCollection.tsv"
    df = read_messages(path, lecture=True)
    assert len(df) == 5572
    assert df["Label"].value_counts().to_dict() == {"ham": 4825, "spam": 747}
    balanced = balance(df)
    assert balanced["Label"].value_counts().to_dict() == {"ham": 747, "spam": 747}
    splits = random_split(encode_labels(balanced), 0.7, 0.1)
    assert [len(part) for part in splits] == [1045, 149, 300]
    assert set(parts_of(splits)["Label"]) == {0, 1}
    digests = [
        hashlib.sha256(path.read_bytes()).hexdigest()[:16]
        for path in save_splits(splits, tmp_path)
    ]
    assert digests == LECTURE_DIGESTS


@needs_uci
def test_the_collection_has_5574_messages(tmp_path):
    df = read_messages(download(tmp_path, UCI_ZIP))
    assert df["Label"].value_counts().to_dict() == {"ham": 4827, "spam": 747}
    assert df["Text"].duplicated().sum() == 403
    assert df["Text"].str.startswith('"').sum() == 54


# --- download --------------------------------------------------------------------


@pytest.fixture
def collection(monkeypatch, tmp_path):
    """A small stand-in for the collection; gives its zip."""
    content = b"ham\tsee you\nspam\tWIN \xc2\xa3\n"
    archive = tmp_path / "served" / "sms.zip"
    archive.parent.mkdir()
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("SMSSpamCollection", content)
        file.writestr("readme", "not wanted")
        file.writestr("../escape", "not wanted at all")
    raw = archive.read_bytes()
    stand_in = replace(
        data.SMS_COLLECTION,
        size=len(raw),
        sha256=hashlib.sha256(raw).hexdigest(),
        member_size=len(content),
        member_lines=2,
        member_sha256=hashlib.sha256(content).hexdigest(),
    )
    monkeypatch.setattr(data, "SMS_COLLECTION", stand_in)
    return archive


@pytest.fixture
def uci(serve, collection, monkeypatch):
    """Loopback addresses for the two URLs; /good serves the archive. Gives the log."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            if self.path != "/good":
                self.send_error(404)
                return
            self.send_response(200)
            self.end_headers()
            self.wfile.write(collection.read_bytes())

        def log_message(self, *args):
            pass

    address = serve(Handler)
    serve_from(monkeypatch, f"{address}/moved", f"{address}/good")
    return asked


def serve_from(monkeypatch, *urls: str) -> None:
    monkeypatch.setattr(data, "SMS_COLLECTION", replace(data.SMS_COLLECTION, urls=urls))


def test_the_backup_is_used_and_one_whole_file_is_left(uci, tmp_path):
    path = download(tmp_path / "data", progress=False)
    assert read_messages(path)["Text"].tolist() == ["see you", "WIN £"]
    assert uci == ["/moved", "/good"]
    assert [p.name for p in path.parent.iterdir()] == ["SMSSpamCollection.tsv"]


def test_a_valid_file_is_kept_without_the_network(uci, tmp_path):
    path = download(tmp_path / "data", progress=False)
    uci.clear()
    before = path.stat().st_mtime_ns
    assert download(tmp_path / "data") == path
    assert uci == [] and path.stat().st_mtime_ns == before


def test_a_damaged_file_is_fetched_anew(uci, tmp_path):
    path = download(tmp_path / "data", progress=False)
    whole = path.read_bytes()
    path.write_bytes(whole[:-3])
    assert download(tmp_path / "data", progress=False).read_bytes() == whole


def test_a_copy_with_windows_line_ends_is_normalised(uci, tmp_path):
    path = download(tmp_path / "data", progress=False)
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"\n", b"\r\n"))
    uci.clear()
    assert download(tmp_path / "data").read_bytes() == whole
    assert uci == []


def test_when_both_addresses_fail_each_is_named_and_nothing_changes(
    uci, tmp_path, monkeypatch
):
    first = data.SMS_COLLECTION.urls[0]
    serve_from(monkeypatch, first, first + "2")
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "SMSSpamCollection.tsv").write_bytes(b"damaged")
    with pytest.raises(DownloadError) as error:
        download(folder, progress=False)
    for part in (first, first + "2", "answered 404", "by hand: download", "archive="):
        assert part in str(error.value)
    assert [p.read_bytes() for p in folder.iterdir()] == [b"damaged"]


def test_a_zip_at_hand_needs_no_network(collection, tmp_path):
    path = download(tmp_path / "data", archive=collection)
    assert len(read_messages(path)) == 2
    assert not (tmp_path / "escape").exists()


def zip_with(path: Path, **members: bytes) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path


@pytest.mark.parametrize(
    "make, complaint",
    [
        (
            lambda p: p.write_bytes(b"<html>"),
            "File is not a zip file",
        ),
        (lambda p: zip_with(p, readme=b""), "There is no item named 'SMSSpamColl"),
        (lambda p: zip_with(p, SMSSpamCollection=b"ham\tx\n"), "another SHA-256"),
        (
            lambda p: zip_with(p, SMSSpamCollection=bytes(10**6)),
            "SMSSpamCollection is larger than 26 bytes",
        ),
    ],
)
def test_a_zip_of_something_else_is_refused(collection, tmp_path, make, complaint):
    make(tmp_path / "other.zip")
    with pytest.raises(ValueError, match=complaint):
        download(tmp_path / "data", archive=tmp_path / "other.zip")
    assert not (tmp_path / "data").exists() or not list((tmp_path / "data").iterdir())


# --- reading ---------------------------------------------------------------------


def test_the_lectures_parser_loses_what_stands_between_quotes(tmp_path):
    path = tmp_path / "file.tsv"
    path.write_text('ham\t"one\nham\ttwo\nspam\tthree"\nham\tfour\n')
    assert len(read_messages(path)) == 4
    assert len(read_messages(path, lecture=True)) == 2


def test_a_message_null_is_text_to_the_lecture_too(tmp_path):
    path = tmp_path / "file.tsv"
    path.write_text("ham\tnull\nspam\tNA\n")
    assert read_messages(path, lecture=True)["Text"].tolist() == ["null", "NA"]


def test_numbers_too_long_for_a_number_are_words(tmp_path):
    labels = ["9" * 20, "8" * 5000] * 3
    df = pd.DataFrame({"Label": labels, "Text": list("abcdef")})
    assert label_names(df) == ("8" * 5000, "9" * 20)
    save_splits(Splits(df, df, df), tmp_path)
    assert load_splits(tmp_path).train["Label"].tolist() == labels


def test_lecture_is_for_the_uci_layout(tmp_path):
    path = tmp_path / "file.csv"
    path.write_text("Label,Text\nham,a\n")
    with pytest.raises(ValueError):
        read_messages(path, lecture=True)
    with pytest.raises(ValueError, match="has one layout"):
        read_messages(path, lecture=True, layout=Layout(text="Text"))


def test_both_columns_are_strings(tmp_path):
    path = tmp_path / "file.csv"
    path.write_text("Label,Text\n1,5\n0,7\n")
    df = read_messages(path)
    assert df.columns.tolist() == ["Label", "Text"]
    assert df.iloc[0].tolist() == ["1", "5"]


def test_a_missing_file_is_the_systems_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_messages(tmp_path / "none.tsv")
    shutil.rmtree(tmp_path)


@given(st.lists(st.sampled_from("abcd"), min_size=1), st.integers(0, 9))
def test_balancing_takes_of_each_class_what_a_draw_of_its_rows_alone_takes(names, seed):
    df = pd.DataFrame({"Label": names, "Text": map(str, range(len(names)))})
    size, parts = df["Label"].value_counts().min(), []
    for name in sorted(set(names)):
        rows = df[df["Label"] == name]
        parts.append(rows.sample(size, random_state=seed) if len(rows) > size else rows)
    assert balance(df, seed=seed).equals(pd.concat(parts))
