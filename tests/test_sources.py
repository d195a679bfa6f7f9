import os
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pandas as pd
import pytest
import torch

from spamft import sources
from spamft.fetch import DownloadError
from spamft.gpt import GPT, GPTConfig
from spamft.pretrained import TINY, save_gpt2
from spamft.sources import SAMPLE, open_messages, open_model, open_splits
from spamft.tokenizer import save_bpe

ROOT = Path(__file__).parents[1]


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """No name is found and no cache has anything."""
    from huggingface_hub import constants

    def refuse(*args, **kwargs):
        raise OSError("Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", refuse)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path / "tiktoken"))
    monkeypatch.chdir(tmp_path)


def test_with_no_network_auto_is_what_the_package_brings_and_says_so(offline):
    messages, model = open_messages("auto"), open_model("auto")
    assert len(messages.df) == len(open_messages("sample").df) == 1962
    assert messages.source.startswith("the bundled sample (the SMS Spam Collection ca")
    assert (model.name, model.tokenizer.name) == ("tiny", "tiny")
    assert model.source == "the bundled tiny GPT (GPT-2 cannot be reached)"


def test_a_name_is_insisted_on(offline, monkeypatch):
    monkeypatch.setattr("spamft.fetch.time.sleep", lambda seconds: None)
    with pytest.raises(DownloadError):
        open_messages("uci")
    with pytest.raises(DownloadError):
        open_model("gpt2")


def test_auto_decides_within_10_seconds_when_nobody_answers(offline, monkeypatch):
    monkeypatch.setattr("socket.getaddrinfo", lambda *a, **k: time.sleep(30))
    began = time.perf_counter()
    assert "sample" in open_messages("auto").source
    assert open_model("auto").name == "tiny"
    assert time.perf_counter() - began < 10


def test_auto_takes_the_collection_that_lies_in_the_folder(offline, monkeypatch):
    content = b"ham\tsee you\nspam\tWIN\n"
    monkeypatch.setattr("spamft.data._is_collection", lambda given: given == content)
    Path("data").mkdir()
    Path("data/SMSSpamCollection.tsv").write_bytes(content)
    messages = open_messages("auto")
    assert len(messages.df) == 2 and "SMS Spam Collection, data" in messages.source


def test_auto_takes_gpt2_where_the_hub_answers(offline, monkeypatch):
    tiny = open_model("tiny")
    monkeypatch.setattr(sources, "reachable", lambda url, timeout: True)
    monkeypatch.setattr(sources, "load_gpt2", {"gpt2": tiny.gpt}.__getitem__)
    monkeypatch.setattr(sources, "load_tokenizer", {"gpt2": tiny.tokenizer}.get)
    assert open_model("auto").name == "gpt2"


def test_files_are_named_as_their_own_source(tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("team,body\na,x\nb,y\n")
    messages = open_messages(path, text="body", label="team")
    assert messages.source == "mine.csv" and messages.df["Label"].tolist() == ["a", "b"]
    with pytest.raises(
        ValueError, match="no file 'none.csv': expected auto, uci, samp"
    ):
        open_messages("none.csv")


def test_a_zip_leaves_nothing_behind(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = b"ham\tsee you\nspam\tWIN\n"
    monkeypatch.setattr("spamft.data._is_collection", lambda given: given == content)
    with zipfile.ZipFile("sms.zip", "w") as file:
        file.writestr("SMSSpamCollection", content)
    assert len(open_messages("sms.zip").df) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["sms.zip"]


def test_tiny_is_pretrained_and_scratch_is_not():
    model, scratch = open_model("tiny"), open_model("scratch", seed=1)
    assert scratch.gpt.state_dict()["tok_emb.weight"].equal(
        open_model("scratch", seed=1).gpt.state_dict()["tok_emb.weight"]
    )
    ids = torch.tensor([model.tokenizer.encode_ordinary("I will see you tomorrow at")])
    losses = [
        torch.nn.functional.cross_entropy(m.gpt(ids)[0, :-1], ids[0, 1:]).item()
        for m in (model, scratch)
    ]
    assert losses[0] < 5 < 8 < losses[1]


def test_transformers_opens_the_tiny_folder():
    transformers = pytest.importorskip("transformers")
    ours = open_model("tiny").gpt
    theirs = transformers.AutoModelForCausalLM.from_pretrained(TINY).float()
    ids = torch.randint(0, 4096, (2, 20))
    torch.testing.assert_close(
        ours(ids), theirs.eval()(ids).logits, atol=1e-3, rtol=1e-4
    )


def test_a_folder_brings_its_own_vocabulary(tmp_path):
    save_gpt2(GPT(GPTConfig(257, 8, 4, 1, 1)), tmp_path)
    save_bpe({bytes([b]): b for b in range(256)}, tmp_path / "vocabulary.tiktoken")
    assert open_model(tmp_path).tokenizer.n_vocab == 257
    save_gpt2(GPT(GPTConfig(100, 8, 4, 1, 1)), tmp_path)
    with pytest.raises(ValueError, match="knows 100 tokens, but its tokenizer .* 257"):
        open_model(tmp_path)


def test_the_assets_fit_into_16_megabytes():
    files = [path for path in SAMPLE.parents[1].rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 16e6


NO_NETWORK = """
import socket
def refuse(*args, **kwargs):
    raise OSError("no network")
socket.socket.connect = socket.getaddrinfo = refuse
"""


def test_an_installed_wheel_does_the_job_with_no_network(tmp_path):
    """Built and installed elsewhere, run from an empty folder with an empty HOME."""

    def run(*command, **options):
        done = subprocess.run(command, capture_output=True, text=True, **options)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    pip = [sys.executable, "-m", "pip"]
    source = tmp_path / "source"  # building leaves files beside the sources
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "spamft"):
        (source / name).symlink_to(ROOT / name)
    wheels, site, empty = (tmp_path / name for name in ("wheels", "site", "empty"))
    empty.mkdir()
    offline = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    run(*pip, "wheel", *offline, "--wheel-dir", str(wheels), str(source))
    [wheel] = wheels.iterdir()
    run(*pip, "install", *offline, "--target", str(site), str(wheel))
    (site / "sitecustomize.py").write_text(NO_NETWORK)
    environment = {
        "PYTHONPATH": str(site),
        "HOME": str(empty),
        "PATH": os.environ["PATH"],
    }
    said = run(
        *(sys.executable, "-m", "spamft", "finetune", "--output", "run"),
        *("--epochs", "1"),
        cwd=empty,
        env=environment,
    )
    assert "the bundled sample" in said and "the bundled tiny GPT" in said
    assert (empty / "run" / "metrics.json").exists()
    where = run(
        *(sys.executable, "-c", "import spamft; print(spamft.__file__)"),
        cwd=empty,
        env=environment,
    )
    assert where.startswith(str(site))
    wings = (
        "from spamft.methods.instruct import load_pairs; import spamft.insight.audit"
    )
    counted = run(
        *(sys.executable, "-c", f"{wings}; print(len(load_pairs()))"),
        cwd=empty,
        env=environment,
    )
    assert int(counted) >= 200


def test_splits_come_ready_to_train_on_by_either_way_of_cutting(tmp_path):
    lines = [f"ham\tsee you {w}" for w in "abcdefghijkl"] + ["ham\tSee you a!"] * 3
    path = tmp_path / "messages.tsv"
    path.write_text("\n".join(lines + [f"spam\tWIN {w}" for w in "mnopqrstuvwxyzABCD"]))
    for split in ("lecture", "leak-free"):
        data = open_splits(path, split=split)
        assert data.names == ("ham", "spam")
        assert len(data.df) == 33 and sum(map(len, data.splits)) == 30
        assert {*pd.concat(data.splits)["Label"]} == {0, 1}
    assert data.leaks["test"]["folded"] == 0  # of the leak-free one
    assert sum(map(len, open_splits(path, balanced=False).splits)) == 33
    with pytest.raises(ValueError, match="'leak-free' or 'lecture'"):
        open_splits(path, split="random")
