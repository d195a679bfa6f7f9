"""onnxruntime opens the folder as a program without PyTorch does."""

import json
import sys

import pytest
import torch
from finished_runs import FEW_BYTES, finished
from test_export_to_transformers import LLAMA

from spamft.export import to_onnx as module
from spamft.export.agreement import odd_texts
from spamft.export.int8 import Attempt
from spamft.export.onnx_runner import Runner
from spamft.export.to_onnx import export_onnx
from spamft.gpt import GPT, GPTConfig
from spamft.models.llama import Llama
from spamft.models.normalizer import Normalizer, NormalizingEncoding
from spamft.plumbing.errors import SpamftError

pytest.importorskip("onnxruntime")
SIZES = GPTConfig(257, 64, 16, 2, 2)


def a_run(name, folder, tokenizer):
    if name == "few bytes":
        return finished(folder, Llama(LLAMA), FEW_BYTES.encoding("few"))
    if name == "normalized":
        tokenizer = NormalizingEncoding(tokenizer, Normalizer({"\u0430": "a"}))
    how = {"pooling": name} if name in ("mean", "last", "first") else {}
    classes = ("no", "yes", "maybe") if name == "mean" else ("ham", "spam")
    attention = "full" if name == "full" else "causal"
    return finished(
        folder,
        GPT(SIZES),
        tokenizer,
        classes,
        max_length=30,
        attention=attention,
        **how,
    )


KINDS = ("last_real", "mean", "last", "first", "full", "few bytes", "normalized")


@pytest.mark.parametrize("name", KINDS)
def test_it_gives_spamfts_probabilities(name, tokenizer, tmp_path):
    run = a_run(name, tmp_path, tokenizer)
    measured = export_onnx(run, tmp_path / "it")
    assert measured.difference < 1e-5 and measured.flipped == 0
    texts = [*odd_texts(30), *run.texts]
    verdicts = run.saved.classify(texts)
    wanted = torch.tensor([list(each.probabilities.values()) for each in verdicts])
    found = Runner(tmp_path / "it", "model.onnx").probabilities(texts)
    torch.testing.assert_close(found, wanted.float(), atol=1e-5, rtol=0)


def test_in_8_bits_it_is_smaller_and_its_verdicts_are_the_same(tokenizer, tmp_path):
    run = finished(tmp_path, GPT(GPTConfig(257, 64, 64, 2, 2)), tokenizer)
    plain = export_onnx(run, tmp_path / "plain")
    lines = []
    small = export_onnx(run, tmp_path / "small", int8=True, log=lines.append)
    assert small.size < plain.size / 2 and small.flipped == 0
    assert lines[0].startswith("float32: ") and lines[-1].startswith("int8, weights")
    names = sorted(path.name for path in (tmp_path / "small").iterdir())
    assert names == ["README.md", "config.json", "model.int8.onnx", "tokenizer.json"]


def test_layers_stay_in_float32_until_the_verdicts_are_the_same(
    tokenizer, tmp_path, monkeypatch
):
    """And the log says which; a quantiser stands in that flips all until then."""
    run = finished(tmp_path, GPT(SIZES), tokenizer)
    original = module.measure

    def flips(runner, path, run):
        measured, found = original(runner, path, run)
        is_int8 = path.name == module.SMALL
        few = is_int8 and len(made[-1].kept) < 4
        return measured.__class__(**vars(measured) | {"flipped": 9 * few}), found

    made: list[Attempt] = []
    quantise = module.quantise
    monkeypatch.setattr(module, "measure", flips)
    monkeypatch.setattr(
        module, "quantise", lambda m, p, a: (made.append(a), quantise(m, p, a))
    )
    lines = []
    export_onnx(run, tmp_path / "it", int8=True, log=lines.append)
    assert [(each.bits, len(each.kept)) for each in made] == [
        *((7, 0), (8, 0), (8, 1), (8, 2), (8, 4))
    ]
    assert all(name in lines[-1] for name in made[-1].kept)
    assert made[-1].kept[0] in (tmp_path / "it" / "README.md").read_text()


def test_more_flips_than_the_bound_are_refused(tokenizer, tmp_path, monkeypatch):
    run = finished(tmp_path, GPT(SIZES), tokenizer)
    monkeypatch.setattr(module, "MOST_FLIPPED", -1.0)
    with pytest.raises(SpamftError, match="not exported: in int8 more than"):
        export_onnx(run, tmp_path / "it", int8=True)
    assert not (tmp_path / "it").exists()


def test_what_does_not_agree_is_not_written(tokenizer, tmp_path, monkeypatch):
    run = finished(tmp_path, GPT(SIZES), tokenizer)
    original = module.onnx_model
    monkeypatch.setattr(
        module, "onnx_model", lambda m, t, end: original(m, 1.1 * t, end)
    )
    with pytest.raises(SpamftError, match="probabilities of onnxruntime differ"):
        export_onnx(run, tmp_path / "it")
    assert not (tmp_path / "it").exists()


@pytest.mark.parametrize("library", ["onnx", "onnxruntime", "tokenizers"])
def test_without_a_library_nothing_is_written(
    library, tokenizer, tmp_path, monkeypatch
):
    run = finished(tmp_path, GPT(SIZES), tokenizer)
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(SpamftError, match=rf"install {library}: .*spamft\[export\]"):
        export_onnx(run, tmp_path / "it")
    assert not (tmp_path / "it").exists()


def test_the_cards_code_runs_and_the_config_has_the_rule(
    tokenizer, tmp_path, monkeypatch
):
    run = finished(tmp_path, GPT(SIZES), tokenizer)
    export_onnx(run, tmp_path / "it")
    card = (tmp_path / "it" / "README.md").read_text()
    names = {}
    monkeypatch.chdir(tmp_path)
    exec(card.partition("```python\n")[2].partition("```")[0], names)
    wanted = run.saved.classify(["a message", "another"])[1].probabilities.values()
    assert names["probabilities"][1].tolist() == pytest.approx([*wanted], abs=1e-5)
    config = json.loads((tmp_path / "it" / "config.json").read_text())
    assert config["rule"] == run.saved.rule.to_dict()
    assert config["max_length"] == run.model.max_length
