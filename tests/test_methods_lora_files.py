"""PEFT is the oracle: it opens ours, and we open its."""

import copy
import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from spamft.batches import Batch
from spamft.classifier import GPTClassifier
from spamft.export.hf_classifier import write_hf
from spamft.methods.lora import LoRAConfig, add_lora, lora_layers
from spamft.methods.lora_files import load_adapter, save_adapter
from spamft.models.architectures import theirs_of
from spamft.plumbing.errors import SpamftError
from spamft.train import TrainConfig, fit

IDS = torch.randint(256, (4, 9))
LENGTHS = torch.tensor([9, 3, 6, 1])
for row, length in zip(IDS, LENGTHS, strict=True):
    row[length:] = 256  # GPT-2 in Hugging Face finds the end by the padding's id


TARGETS = {
    "GPT": ["c_attn", "mlp.c_proj"],
    "Llama": ["q_proj", "v_proj", "gate_proj", "down_proj"],
}


@pytest.fixture
def plain(any_gpt) -> GPTClassifier:
    """The model as nothing has changed it yet."""
    return GPTClassifier(copy.deepcopy(any_gpt)).eval()


def theirs_in(folder):
    """transformers' classifier of a folder."""
    transformers = pytest.importorskip("transformers")
    auto = transformers.AutoModelForSequenceClassification
    return auto.from_pretrained(folder).eval()


SCORE = "base_model.model.score.modules_to_save.default.weight"


@pytest.fixture
def finetuned(any_gpt, plain, tmp_path, request):
    """A model with LoRA that has learned, its backbone written before."""
    model = GPTClassifier(any_gpt).eval()
    (tmp_path / "backbone").mkdir()
    write_hf(model, tmp_path / "backbone", pad_id=256)
    targets = getattr(request, "param", {}).get(type(any_gpt).__name__)
    add_lora(model, LoRAConfig(rank=4, alpha=8, targets=targets))
    batches = [Batch(IDS, LENGTHS, torch.tensor([0, 1, 0, 1]))] * 3
    fit(model, batches, batches, TrainConfig(epochs=3, lr=0.02))
    save_adapter(model, tmp_path / "adapter", str(tmp_path / "backbone"))
    return model.eval()


SOME = {"GPT": ("qkv", "down"), "Llama": ("query", "gate", "down")}


@pytest.mark.parametrize("finetuned", [{}, SOME], ids=["all", "some"], indirect=True)
def test_peft_opens_ours_over_the_backbone(finetuned, tmp_path):
    peft = pytest.importorskip("peft")
    backbone = theirs_in(tmp_path / "backbone")
    theirs = peft.PeftModel.from_pretrained(backbone, tmp_path / "adapter").eval()
    for ids, lengths in ((IDS, LENGTHS), (IDS[:1], LENGTHS[:1])):
        says = theirs(input_ids=ids).logits
        torch.testing.assert_close(says, finetuned(ids, lengths), atol=1e-5, rtol=1e-5)
    # whatever the file holds, PEFT has a place for it
    kept = set(load_file(tmp_path / "adapter" / "adapter_model.safetensors"))
    assert kept == set(peft.get_peft_model_state_dict(theirs))


@pytest.fixture
def from_peft(any_gpt, tmp_path):
    """PEFT's LoRA with random A and B over transformers' model, and ours with it."""
    peft = pytest.importorskip("peft")
    ours = GPTClassifier(any_gpt, ("a", "b", "c")).eval()
    if ours.head.bias is not None:  # else it would move into their norm
        nn.init.zeros_(ours.head.bias)
    (tmp_path / "backbone").mkdir()
    write_hf(ours, tmp_path / "backbone", pad_id=256)
    lora = peft.LoraConfig(
        task_type="SEQ_CLS",
        r=2,
        lora_alpha=5,
        target_modules=TARGETS[type(any_gpt).__name__],
        fan_in_fan_out=theirs_of(any_gpt).layout.transposed,
        init_lora_weights=False,
    )
    theirs = peft.get_peft_model(theirs_in(tmp_path / "backbone"), lora).eval()
    nn.init.normal_(theirs.get_parameter(SCORE))
    theirs.save_pretrained(tmp_path / "adapter")
    names = load_adapter(ours, tmp_path / "adapter")
    assert len(names) == 2 * len(lora.target_modules) == len(lora_layers(ours))
    return ours, theirs


def test_we_open_what_peft_saved(from_peft):
    ours, theirs = from_peft
    says = theirs(input_ids=IDS).logits
    torch.testing.assert_close(ours(IDS, LENGTHS), says, atol=1e-5, rtol=1e-5)


def test_the_gradients_are_those_of_peft(from_peft):
    ours, theirs = from_peft
    labels = torch.tensor([0, 2, 1, 0])
    for logits in (theirs(input_ids=IDS).logits, ours(IDS, LENGTHS)):
        nn.functional.cross_entropy(logits, labels).backward()
    names = theirs_of(ours.gpt).layout.layers(ours.gpt)
    pairs = [(ours.head.weight, SCORE)]
    for name, layer in lora_layers(ours).items():
        there = f"base_model.model.{names[name.removeprefix('gpt.')]}"
        pairs.append((layer.A, f"{there}.lora_A.default.weight"))
        pairs.append((layer.B, f"{there}.lora_B.default.weight"))
    for parameter, name in pairs:
        wanted = theirs.get_parameter(name).grad
        torch.testing.assert_close(parameter.grad, wanted, atol=1e-5, rtol=1e-4)


def test_what_we_saved_comes_back(finetuned, plain, tmp_path):
    load_adapter(plain, tmp_path / "adapter")
    says = plain(IDS, LENGTHS)
    torch.testing.assert_close(says, finetuned(IDS, LENGTHS), atol=1e-5, rtol=1e-5)
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"], config["peft_type"]) == (4, 8, "LORA")
    assert "base_model.model.score.weight" in load_file(
        tmp_path / "adapter" / "adapter_model.safetensors"
    )


def named(tensors, part: str) -> str:
    """The first name with this part in it."""
    return next(name for name in sorted(tensors) if part in name)


def norm(tensors) -> str:
    """The first tensor of the final norm: of GPT-2 its bias."""
    return min(name for name in tensors if "lora" not in name and "score" not in name)


def rename(tensors, old: str, new: str) -> None:
    for name in [name for name in tensors if old in name]:
        tensors[name.replace(old, new)] = tensors.pop(name)


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda t: t.pop(named(t, "score")), "no class head: score.weight is missing"),
        (lambda t: t.update({"score.bias": torch.ones(2)}), "extra score.bias"),
        (lambda t: t.update({norm(t): torch.ones(3)}), r"\(3,\), expected \(16,"),
        (lambda t: t.pop(named(t, "lora_B")), "missing .*0.*lora_B.weight"),
        (
            lambda t: t.update({named(t, "lora_A"): torch.zeros(3, 9)}),
            r"expected \(4, ",
        ),
        (lambda t: t.update({"odd.lora_A.weight": torch.zeros(1)}), "extra odd.lora_A"),
        (lambda t: rename(t, ".1.", ".7."), "extra .*7"),
        (lambda t: rename(t, "lora_A", "other"), "missing .*lora_A.weight"),
        (lambda t: rename(t, "lora", "other"), "updates no layer of this "),
    ],
)
def test_a_file_that_does_not_fit_is_named_and_changes_nothing(
    finetuned, plain, tmp_path, change, message
):
    path = tmp_path / "adapter" / "adapter_model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)
    before = plain(IDS, LENGTHS)
    with pytest.raises(SpamftError, match=message) as error:
        load_adapter(plain, tmp_path / "adapter")
    assert str(tmp_path / "adapter") in str(error.value)
    assert torch.equal(plain(IDS, LENGTHS), before) and not lora_layers(plain)


@pytest.mark.parametrize("any_gpt", ["gpt2"], indirect=True)
def test_half_a_norm_is_refused(finetuned, plain, tmp_path):
    path = tmp_path / "adapter" / "adapter_model.safetensors"
    tensors = load_file(path)
    tensors.pop(norm(tensors))
    save_file(tensors, path)
    with pytest.raises(SpamftError, match="missing transformer.ln_f.bias"):
        load_adapter(plain, tmp_path / "adapter")


@pytest.mark.parametrize(
    "config, message",
    [
        (LoRAConfig(2, also=("gpt.tok_emb",)), "gpt.tok_emb.weight trains, but an ada"),
        (LoRAConfig(2, targets=("head", "down")), "head.A trains, but an adapter"),
    ],
)
def test_what_an_adapter_would_lose_is_not_left_out(any_gpt, tmp_path, config, message):
    model = GPTClassifier(any_gpt)
    add_lora(model, config)
    with pytest.raises(SpamftError, match=message):
        save_adapter(model, tmp_path / "adapter")
    assert not (tmp_path / "adapter").exists()


def test_kinds_of_lora_that_we_do_not_have_are_refused(finetuned, plain, tmp_path):
    path = tmp_path / "adapter" / "adapter_config.json"
    config = json.loads(path.read_text()) | {"use_dora": True}
    path.write_text(json.dumps(config))
    with pytest.raises(SpamftError, match="adapter: use_dora=True is not supported"):
        load_adapter(plain, tmp_path / "adapter")
    with pytest.raises(SpamftError, match=r"adapter_config\.json is missing"):
        load_adapter(plain, tmp_path / "nowhere")


@pytest.mark.parametrize("rank", [0, -1, 4.0, True, 10**400, "4", None, 5])
def test_whatever_rank_its_card_says_the_folder_is_named(
    finetuned, plain, tmp_path, rank
):
    path = tmp_path / "adapter" / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"r": rank}))
    with pytest.raises(SpamftError, match="adapter") as error:
        load_adapter(plain, tmp_path / "adapter")
    assert len(str(error.value)) < 500 and not lora_layers(plain)


def test_there_must_be_something_to_save(plain, tmp_path):
    with pytest.raises(SpamftError, match="add_lora first"):
        save_adapter(plain, tmp_path / "adapter")
    assert not (tmp_path / "adapter").exists()
