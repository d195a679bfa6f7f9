import copy
import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file
from test_models_gguf import TOKENS, write
from test_models_llama import random_llama
from test_use_saved import reseal

import spamft
from spamft.classifier import GPTClassifier
from spamft.cli.main import main
from spamft.gpt import GPT, GPTConfig
from spamft.methods.lora import LoRAConfig, add_lora, merge_lora
from spamft.methods.nf4 import quantize_linears
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.jsonfile import read_sealed, write_sealed
from spamft.pretrained import save_gpt2
from spamft.sources import open_model
from spamft.tokenizer import save_bpe
from spamft.use.saved import load, save

TEXTS = ["see you at h", "WIN H NOW", ""]
PART = [
    *("head", "features", "last_block", "last_two_blocks", "lora-4", "qlora-16"),
    *("instructions", "zero-shot"),
]


def gpt2_folder(path, seed=1, channels=16):
    save_gpt2(GPT(GPTConfig(257, 160, channels, 8, 2), seed=seed), path)
    save_bpe({bytes([b]): b for b in range(256)}, path / "vocabulary.tiktoken")
    return path


def llama_file(path):
    sizes = {"emb_dim": 64, "hidden_dim": 96, "n_layers": 6, "context_length": 160}
    write(random_llama(vocab_size=len(TOKENS), **sizes), path)
    return path


@pytest.fixture(params=["gpt2", "llama"])
def base(request, tmp_path):
    if request.param == "gpt2":
        return gpt2_folder(tmp_path / "base", channels=64)
    return llama_file(tmp_path / "base.gguf")


@pytest.fixture
def all_large(monkeypatch):
    monkeypatch.setattr("spamft.experiments.run.LARGE", 0)


def logits_of(model, tokenizer):
    """With weights in rows, in their own memory: other orders may round otherwise."""
    model = copy.deepcopy(model).eval()
    for parameter in model.parameters():
        parameter.data = parameter.data.clone(memory_format=torch.contiguous_format)
    with torch.inference_mode():
        return [
            model(torch.tensor([ids]), torch.tensor([len(ids)]))
            for ids in model.encode(TEXTS, tokenizer)
        ]


def assert_same_bits(saved, model):
    again, before = saved.model.state_dict(), model.state_dict()
    assert again.keys() == before.keys()
    assert all(again[name].equal(tensor) for name, tensor in before.items())
    ours, theirs = (logits_of(m, saved.tokenizer) for m in (saved.model, model))
    assert all(one.equal(other) for one, other in zip(ours, theirs, strict=True))


@pytest.mark.parametrize("method", [*PART, "full", "random"])
def test_a_large_model_keeps_what_trained_alone_and_answers_with_the_same_bits(
    base, method, message_file, tmp_path, all_large
):
    run = spamft.finetune(message_file, base, method, config={"epochs": 1, "lr": 1e-3})
    lines, folder = [], tmp_path / "run"
    run.save(folder, log=lines.append)
    trained = {n for n, p in run.model.named_parameters() if p.requires_grad}
    stored = load_file(folder / "model" / "model.safetensors")
    assert stored.keys() == trained
    card = read_sealed(folder / "model" / "classifier.json")
    if method in PART:
        assert card["base"]["name"] == str(base)
        assert lines[0].startswith("saved the trained part: ") and str(base) in lines[0]
    else:
        assert "base" not in card and "training changed most of them" in lines[0]
    merge_lora(run.model)
    assert_same_bits(load(folder), run.model)


def test_whole_is_kept_of_a_small_model_and_of_a_large_one_if_wanted(
    base, message_file, tmp_path, monkeypatch
):
    lines, run = [], spamft.finetune(message_file, base, "head", config={"epochs": 1})
    run.save(tmp_path / "small", log=lines.append)
    assert not any("saved" in line for line in lines)
    monkeypatch.setattr("spamft.experiments.run.LARGE", 0)
    run.save(tmp_path / "large", whole=True, log=lines.append)
    assert any(line.startswith("saved all weights, ") for line in lines)
    folders = (tmp_path / name / "model" for name in ("small", "large"))
    one, other = ((f / "model.safetensors").read_bytes() for f in folders)
    assert one == other
    shutil.rmtree(base) if base.is_dir() else base.unlink()
    assert_same_bits(load(tmp_path / "large"), run.model)


def test_a_model_that_no_name_opens_again_is_kept_whole_and_the_reason_told(
    tmp_path, tokenizer
):
    opened = open_model(gpt2_folder(tmp_path / "base"))
    other = GPT(opened.gpt.config, seed=5)
    for base in (
        opened._replace(path=None, name="mine"),  # no name that anybody knows
        opened._replace(gpt=other),  # trained on since it was opened
        opened._replace(path=tmp_path / "gone"),
    ):
        kept = save(GPTClassifier(base.gpt), tmp_path / "m", tokenizer, base=base)
        assert kept.base is None and kept.written == kept.whole and kept.reason
        assert str(kept).startswith("saved all weights, ")
        assert_same_bits(load(tmp_path / "m"), GPTClassifier(base.gpt))


@pytest.mark.parametrize("in_4_bits", [False, True])
def test_lora_on_other_weights_than_the_bases_keeps_the_merged_matrix(
    tmp_path, tokenizer, in_4_bits
):
    base = open_model(gpt2_folder(tmp_path / "base"))
    model = GPTClassifier(open_model(tmp_path / "base").gpt)
    with torch.no_grad():
        model.gpt.blocks[0].mlp.up.weight += 1
    if in_4_bits:
        quantize_linears(model, ("mlp.up",))
    add_lora(model, LoRAConfig(2, targets=("mlp.up",)))
    for name, parameter in model.named_parameters():
        if name.endswith(".B"):
            torch.nn.init.normal_(parameter)
    save(model, tmp_path / "m", tokenizer, base=base)
    stored = load_file(tmp_path / "m" / "model.safetensors")
    kept = {name for name in stored if ".blocks.0." in name}
    assert kept == {"gpt.blocks.0.mlp.up.weight"}
    assert {"gpt.blocks.1.mlp.up.A", "gpt.blocks.1.mlp.up.B"} <= stored.keys()
    merge_lora(model)
    assert_same_bits(load(tmp_path / "m"), model)


@pytest.fixture
def part(tmp_path, tokenizer):
    """A classifier with LoRA beside a base of 8 blocks."""
    base = open_model(gpt2_folder(tmp_path / "base"))
    model = GPTClassifier(open_model(tmp_path / "base").gpt)
    add_lora(model, LoRAConfig(2))
    model.gpt.blocks[3].attention.out.B.data.normal_()
    save(model, tmp_path / "m", tokenizer, base=base)
    return tmp_path / "m"


NAME = "gpt.blocks.3.attention.out"


@pytest.mark.parametrize(
    "name, tensor",
    [
        ("gpt.blocks.8.mlp.up.weight", torch.ones(64, 16)),
        ("other", torch.ones(1)),
        ("gpt.blocks.0.mlp.up.weight", torch.ones(64, 17)),
        ("gpt.tok_emb.weight", torch.ones(1)),
        ("head.weight", torch.full((2, 16), torch.nan)),
        ("head.weight", torch.ones(2, 16).half()),
        (f"{NAME}.A", torch.ones(3, 16)),
        (f"{NAME}.A", torch.ones(2, 17)),
        (f"{NAME}.A", torch.ones(())),
        (f"{NAME}.A", torch.full((2, 16), torch.inf)),
        (f"{NAME}.A", torch.ones(2, 16).half()),
        (f"{NAME}.B", torch.ones(16, 2, 1)),
        (f"{NAME}.B", torch.full((16, 2), 3e38)),
        ("gpt.blocks.0.mlp.up.A", torch.ones(2, 16)),
        ("gpt.blocks.0.norm_1.B", torch.ones(16, 1)),
        ("gpt.none.A", torch.ones(2, 16)),
        ("head.A", torch.ones(2, 16)),
        (".A", torch.ones(1)),
    ],
    ids=str,
)
def test_a_part_that_does_not_fit_its_base_is_refused_by_name(part, name, tensor):
    path = part / "model.safetensors"
    save_file(load_file(path) | {name: tensor}, path)
    reseal(part)
    short = name.removesuffix(".A").removesuffix(".B")
    with pytest.raises(SpamftError, match=f"{path}.*{short}") as error:
        load(part)
    assert len(str(error.value).splitlines()) == 1


@pytest.mark.parametrize("name", ["head.weight", f"{NAME}.A", f"{NAME}.B"])
def test_a_part_that_lacks_something_is_refused(part, name):
    path = part / "model.safetensors"
    stored = load_file(path)
    del stored[name]
    save_file(stored, path)
    reseal(part)
    with pytest.raises(SpamftError, match=f"missing {name}"):
        load(part)


@pytest.mark.parametrize(
    "changes",
    [
        *({"base": value} for value in (None, [], "gpt2", {}, {"name": "tiny"}, 5)),
        *({"lora": v} for v in (None, [], "x", {}, {"scale": "x", "in_4_bits": False})),
        {"lora": {"scale": 1e308, "in_4_bits": False}},
        {"lora": {"scale": 9.0, "in_4_bits": False}},
        {"gpt": {**vars(GPTConfig(257, 160, 16, 8, 2)), "n_layers": 10**9}},
        {"gpt": {**vars(GPTConfig(257, 160, 16, 8, 2)), "vocab_size": 10**12}},
        {"architecture": "llama"},
    ],
    ids=str,
)
def test_whatever_a_sealed_card_of_a_part_holds_is_an_error_of_ours(part, changes):
    card = read_sealed(part / "classifier.json")
    write_sealed(part / "classifier.json", card | changes)
    with pytest.raises(SpamftError) as error:
        load(part)
    assert str(part) in str(error.value) and len(str(error.value)) < 500


@pytest.mark.parametrize(
    "name",
    [
        *("auto", "scratch", "evil/repository", "openai-community/gpt2", "", "."),
        *("base", "../base", "https://example.org/model", "x" * 9999, "gpt2\n", "\0"),
    ],
)
def test_a_card_cannot_send_anybody_anywhere_but_to_known_names_and_paths(
    part, name, monkeypatch
):
    monkeypatch.chdir(part.parent)  # where base/ is: a relative path is no path
    monkeypatch.setattr("spamft.sources.bases.open_model", None)
    card = read_sealed(part / "classifier.json")
    base = card["base"] | {"name": name}
    write_sealed(part / "classifier.json", card | {"base": base})
    with pytest.raises(SpamftError, match="must be an absolute path or one of gpt2"):
        load(part)


def test_a_flipped_bit_of_the_part_or_of_its_base_is_found(part):
    base = part.parent / "base"
    for path in (part / "model.safetensors", base / "model.safetensors"):
        whole = path.read_bytes()
        for place in (-1, -5, len(whole) // 2):
            changed = bytearray(whole)
            changed[place] ^= 1
            path.write_bytes(changed)
            with pytest.raises(SpamftError, match="SHA-256|another model"):
                load(part)
        path.write_bytes(whole)
    load(part)


def test_the_base_is_found_from_any_working_folder_even_if_named_by_a_relative_path(
    tmp_path, message_file, monkeypatch, all_large
):
    gpt2_folder(tmp_path / "base")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    run = spamft.finetune(message_file, "base", "head", config={"epochs": 1})
    monkeypatch.chdir(tmp_path / "elsewhere")
    run.save(tmp_path / "run")
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert metrics["model"]["name"] == "base"
    assert_same_bits(load(tmp_path / "run"), run.model)


def test_a_base_that_was_moved_is_asked_for_and_can_be_given(part):
    base, moved = part.parent / "base", part.parent / "moved"
    answer = load(part).classify("hi")
    base.rename(moved)
    with pytest.raises(SpamftError, match=f"{part}: its base {base} is not there"):
        load(part)
    assert load(part, base=moved).classify("hi") == answer
    gpt2_folder(base, seed=2)
    for given in (None, base):
        with pytest.raises(SpamftError, match="is another model .* give it with"):
            load(part, base=given)
    with pytest.raises(SpamftError, match="cannot be opened .* give it with --base"):
        load(part, base=part)


def test_a_whole_classifier_takes_no_base(part, tmp_path, tokenizer):
    save(GPTClassifier(GPT(GPTConfig(257, 64, 16, 2, 2))), tmp_path / "w", tokenizer)
    with pytest.raises(SpamftError, match="holds all weights: leave the base out"):
        load(tmp_path / "w", base=part.parent / "base")


def test_the_commands_keep_the_part_or_the_whole_and_are_told_of_a_moved_base(
    message_file, tmp_path, capsys, all_large
):
    base, moved = gpt2_folder(tmp_path / "base"), tmp_path / "moved"
    words = ["finetune", "--data", str(message_file), "--model", str(base)]
    words += ["--epochs", "1", "--method", "head", "--output"]
    assert main([*words, str(tmp_path / "part")]) == 0
    assert (
        f"trained part: 0.1 kB beside {base}, which must stay there; --whole keeps"
        in (capsys.readouterr().out)
    )
    assert main([*words, str(tmp_path / "whole"), "--whole"]) == 0
    base.rename(moved)
    capsys.readouterr()
    classify = ["classify", "hi", "--model"]
    evaluate = ["evaluate", "--data", str(message_file), "--model"]
    for command in (classify, evaluate):
        assert main([*command, str(tmp_path / "whole")]) == 0
        expected = capsys.readouterr().out
        assert main([*command, str(tmp_path / "part")]) == 2
        [line] = capsys.readouterr().err.splitlines()
        assert "is not there: if it was moved, give it with --base" in line
        assert main([*command, str(tmp_path / "part"), "--base", str(moved)]) == 0
        assert capsys.readouterr().out == expected
