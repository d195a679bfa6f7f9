import hashlib
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from spamft import data
from spamft.plumbing.fetch import DownloadError
from spamft.reading.layout import Layout
from spamft.sources import open_messages, open_model

CONTENT = b"ham\tsee you\nspam\tWIN\n"


@pytest.fixture
def stand_in(monkeypatch):
    """Two messages that pass for the collection."""
    digest = hashlib.sha256(CONTENT).hexdigest()
    changed = replace(
        data.SMS_COLLECTION, member_sha256=digest, member_size=len(CONTENT)
    )
    monkeypatch.setattr(data, "SMS_COLLECTION", changed)


def test_with_no_network_auto_falls_back_to_the_bundled_ones_and_says_so(offline):
    messages, model = open_messages("auto"), open_model("auto")
    assert len(messages.df) == len(open_messages("sample").df) == 1962
    assert messages.source.startswith("the bundled sample (the SMS Spam Collection ca")
    assert (model.name, model.tokenizer.name) == ("tiny", "tiny")
    assert model.source.startswith("the bundled tiny GPT (GPT-2 cannot be reached; ")


def test_a_name_that_cannot_be_had_is_an_error(offline, monkeypatch):
    monkeypatch.setattr("spamft.plumbing.fetch.time.sleep", lambda seconds: None)
    with pytest.raises(DownloadError):
        open_messages("uci")
    with pytest.raises(DownloadError):
        open_model("gpt2")


def test_auto_decides_within_10_seconds_when_nobody_answers(offline, monkeypatch):
    open_model("auto")  # so that everything is imported
    monkeypatch.setattr("socket.getaddrinfo", lambda *a, **k: time.sleep(30))
    began = time.perf_counter()
    assert "sample" in open_messages("auto").source
    assert open_model("auto").name == "tiny"
    assert time.perf_counter() - began < 10


def test_auto_takes_the_collection_that_lies_in_the_folder(offline, stand_in):
    Path("data").mkdir()
    Path("data/SMSSpamCollection.tsv").write_bytes(CONTENT)
    messages = open_messages("auto")
    assert len(messages.df) == 2 and "SMS Spam Collection, data" in messages.source


def test_files_are_named_as_their_own_source(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("team,body\na,x\nb,y\n")
    messages = open_messages(path, layout=Layout(text="body", label="team"))
    assert messages.source == "mine.csv" and messages.df["Label"].tolist() == ["a", "b"]
    with pytest.raises(
        ValueError, match="no file 'none.csv': expected auto, uci, samp"
    ):
        open_messages("none.csv")


def test_a_zip_leaves_nothing_behind(tmp_path, monkeypatch, stand_in):
    monkeypatch.chdir(tmp_path)
    with zipfile.ZipFile("sms.zip", "w") as file:
        file.writestr("SMSSpamCollection", CONTENT)
    assert len(open_messages("sms.zip").df) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["sms.zip"]
