import shutil
from types import SimpleNamespace

import pytest
import torch
from test_models_gguf import TOKENS, write
from test_models_llama import random_llama

from spamft.gpt import GPT, GPTConfig
from spamft.models.llama_files import save_llama
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.fetch import DownloadError
from spamft.pretrained import save_gpt2
from spamft.sources import open_model
from spamft.sources.bases import Base, MissingBaseError
from spamft.tokenizer import TINY


def small_llama(**sizes):
    return random_llama(vocab_size=len(TOKENS), emb_dim=64, hidden_dim=96, **sizes)


def test_a_name_opens_the_same_weights_again_and_so_does_a_copy_elsewhere(tmp_path):
    tiny = open_model("tiny")
    base = Base.of(tiny)
    assert (base.name, base.is_path) == ("tiny", False)
    shutil.copytree(TINY, tmp_path / "copy")
    for weights in (base.weights(), base.weights(tmp_path / "copy")):
        assert all(weights[n].equal(t) for n, t in tiny.gpt.state_dict().items())
    assert Base.from_dict(base.to_dict()) == base


def test_the_same_numbers_in_another_format_are_the_same_base(tmp_path):
    model = small_llama()
    write(model, tmp_path / "a.gguf")
    save_llama(model, tmp_path / "folder")
    base = Base.of(open_model(tmp_path / "a.gguf"))
    assert base.name == str(tmp_path / "a.gguf") and base.is_path
    shutil.copy(tmp_path / "a.gguf", tmp_path / "b.gguf")
    for place in ("a.gguf", "b.gguf"):
        assert base.weights(tmp_path / place)


def test_what_opens_other_weights_or_none_is_no_base(tmp_path):
    tiny = open_model("tiny")
    for other, complaint in (
        (tiny._replace(name="mine"), "mine is no name that opens it again"),
        (tiny._replace(gpt=GPT(tiny.gpt.config)), "does not open the same weights"),
        (tiny._replace(gpt=GPT(GPTConfig(9, 8, 4, 1, 1))), "not open the same weights"),
        (tiny._replace(gpt=open_model("tiny").gpt.half()), "not open the same weights"),
        (tiny._replace(path=tmp_path / "gone"), "no model"),
        (open_model("scratch"), "scratch is no name that opens it again"),
    ):
        with pytest.raises(SpamftError, match=complaint):
            Base.of(other)


def test_a_base_that_changed_moved_or_cannot_be_had_is_one_line_with_what_to_do(
    tmp_path, monkeypatch
):
    path = tmp_path / "base"
    save_gpt2(GPT(GPTConfig(50257, 8, 4, 1, 1)), path)
    monkeypatch.setattr("spamft.sources.models._tokenizer_of", lambda *_: tokens)
    tokens = SimpleNamespace(n_vocab=9)
    base = Base.of(open_model(path))
    with torch.no_grad():
        gpt = open_model(path).gpt
        gpt.tok_emb.weight[7, 1] += 1e-3
    save_gpt2(gpt, path)
    found = []
    for spoil in (lambda: None, lambda: (path / "config.json").unlink()):
        spoil()
        with pytest.raises(MissingBaseError) as error:
            base.weights()
        found.append(str(error.value))
    shutil.rmtree(path)
    with pytest.raises(MissingBaseError) as error:
        base.weights()
    found.append(str(error.value))
    for line, words in zip(
        found, ("is another model", "cannot be opened", "is not there"), strict=True
    ):
        assert words in line and str(path) in line and "\n" not in line
        assert line.endswith("give it with --base, in Python load(folder, base=...)")


def test_a_name_that_cannot_be_downloaded_is_one_line(monkeypatch):
    def refuse(name, **options):
        raise DownloadError(f"could not download {name}\n  no answer\nby hand: ...")

    monkeypatch.setattr("spamft.sources.bases.open_model", refuse)
    base = Base("gpt2-xl", "gpt2-xl", "0" * 64)
    with pytest.raises(MissingBaseError, match=r"gpt2-xl no answer by hand.* --base"):
        base.weights()


def test_smollm2_by_name_is_the_file_that_stood_in_for_the_hub_and_not_what_the_hub_has(
    tmp_path, monkeypatch
):
    """Online again, the hub would have another model of this name."""
    write(small_llama(), tmp_path / "small.gguf")
    write(small_llama(n_layers=2), tmp_path / "other.gguf")
    monkeypatch.setenv("SPAMFT_SMOLLM2", str(tmp_path / "small.gguf"))
    base = Base.of(open_model("smollm2"))
    assert base.name == "smollm2" and not base.is_path
    monkeypatch.setattr("spamft.sources.bases.open_model", None)
    assert base.weights()
    monkeypatch.setenv("SPAMFT_SMOLLM2", str(tmp_path / "other.gguf"))
    with pytest.raises(MissingBaseError, match="another model than the one trained"):
        base.weights()


@pytest.mark.parametrize("found", [None, [], {}, {"name": "tiny"}, "tiny", 5])
def test_what_is_no_base_is_refused(found):
    with pytest.raises(SpamftError, match="must have the words name, sha256, source"):
        Base.from_dict(found)


@pytest.mark.parametrize("name", ["auto", "scratch", "a/b", "./tiny", "", "~/x"])
def test_a_name_is_one_that_is_known_or_an_absolute_path(name):
    with pytest.raises(SpamftError, match="must be an absolute path or one of"):
        Base.from_dict({"name": name, "source": "", "sha256": ""})


def test_a_link_to_a_file_without_an_ending_is_opened_again_as_the_link(tmp_path):
    """As the hub's cache has them."""
    write(small_llama(), tmp_path / "blob")
    (tmp_path / "model.gguf").symlink_to(tmp_path / "blob")
    base = Base.of(open_model(tmp_path / "model.gguf"))
    assert base.name == str(tmp_path / "model.gguf") and base.weights()
