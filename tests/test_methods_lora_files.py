"""PEFT is the oracle: it opens ours, and we open its."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from spamft.batches import Batch
from spamft.classifier import GPTClassifier
from spamft.methods.lora import LoRAConfig, add_lora, lora_layers
from spamft.methods.lora_files import load_adapter, save_adapter
from spamft.pretrained import from_hf
from spamft.train import TrainConfig, fit
from spamft.use.export import export_hf

IDS = torch.randint(256, (4, 9))
LENGTHS = torch.tensor([9, 3, 6, 1])
for row, length in zip(IDS, LENGTHS, strict=True):
    row[length:] = 256  # GPT-2 in Hugging Face finds the end by the padding's id


@pytest.fixture
def model(tiny_gpt) -> GPTClassifier:
    return GPTClassifier(tiny_gpt).eval()


@pytest.fixture
def finetuned(model, tmp_path):
    """A model with LoRA that has learned, its backbone exported before."""
    export_hf(model, tmp_path / "backbone")
    config = LoRAConfig(rank=4, alpha=8, targets=("qkv", "down"))
    add_lora(model, config)
    batches = [Batch(IDS, LENGTHS, torch.tensor([0, 1, 0, 1]))] * 3
    fit(model, batches, batches, TrainConfig(epochs=3, lr=0.02))
    save_adapter(model, tmp_path / "adapter", str(tmp_path / "backbone"))
    return model.eval()


def test_peft_opens_ours_over_the_exported_backbone(finetuned, tmp_path):
    peft = pytest.importorskip("peft")
    transformers = pytest.importorskip("transformers")
    backbone = transformers.GPT2ForSequenceClassification.from_pretrained(
        tmp_path / "backbone"
    )
    theirs = peft.PeftModel.from_pretrained(backbone, tmp_path / "adapter").eval()
    says = theirs(input_ids=IDS).logits
    torch.testing.assert_close(says, finetuned(IDS, LENGTHS), atol=1e-5, rtol=1e-5)


def test_we_open_what_peft_saved(tiny_gpt, tmp_path):
    peft = pytest.importorskip("peft")
    transformers = pytest.importorskip("transformers")
    config = transformers.GPT2Config(
        vocab_size=257,
        n_positions=64,
        n_embd=16,
        n_layer=2,
        n_head=2,
        num_labels=3,
        pad_token_id=256,
    )
    torch.manual_seed(2)
    theirs = transformers.GPT2ForSequenceClassification(config)
    ours = GPTClassifier(tiny_gpt, ("a", "b", "c"))
    weights = theirs.state_dict()
    weights = {k: v for k, v in weights.items() if k.startswith("transformer.")}
    from_hf(ours.gpt, {name: tensor.clone() for name, tensor in weights.items()})
    lora = peft.LoraConfig(
        task_type="SEQ_CLS",
        r=2,
        lora_alpha=5,
        target_modules=["c_attn", "mlp.c_proj"],
        fan_in_fan_out=True,
        init_lora_weights=False,
    )
    theirs = peft.get_peft_model(theirs, lora).eval()
    theirs.save_pretrained(tmp_path)
    names = load_adapter(ours, tmp_path)
    assert len(names) == 4 and set(lora_layers(ours)) == set(names)
    says = theirs(input_ids=IDS).logits
    torch.testing.assert_close(ours.eval()(IDS, LENGTHS), says, atol=1e-5, rtol=1e-5)


def test_what_we_saved_comes_back(finetuned, tiny_gpt, tmp_path):
    from spamft.gpt import GPT

    again = GPTClassifier(GPT(tiny_gpt.config), seed=9).eval()
    load_adapter(again, tmp_path / "adapter")
    says = again(IDS, LENGTHS)
    torch.testing.assert_close(says, finetuned(IDS, LENGTHS), atol=1e-5, rtol=1e-5)
    config = json.loads((tmp_path / "adapter" / "adapter_config.json").read_text())
    assert (config["r"], config["lora_alpha"], config["peft_type"]) == (4, 8, "LORA")
    assert "base_model.model.score.weight" in load_file(
        tmp_path / "adapter" / "adapter_model.safetensors"
    )


def spoil(folder, change) -> None:
    path = folder / "adapter_model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path)


NORM = "base_model.model.transformer.ln_f."
FIRST = "base_model.model.transformer.h.0.attn.c_attn.lora_"


@pytest.mark.parametrize(
    "change, message",
    [
        (lambda t: t.pop("base_model.model.score.weight"), "has no class head"),
        (lambda t: t.pop(NORM + "bias"), "ln_f.bias is missing"),
        (lambda t: t.pop(NORM + "weight"), "ln_f.weight is missing"),
        (
            lambda t: t.update({NORM + "weight": torch.ones(3)}),
            r"norm's weight .*\(3,\)",
        ),
        (lambda t: t.pop(FIRST + "B.weight"), "c_attn.lora_A.weight is no update"),
        (lambda t: t.update({FIRST + "A.weight": torch.zeros(3, 16)}), r"\(4, 16\)"),
        (lambda t: t.update({"odd.lora_A.weight": torch.zeros(1)}), "odd.lora_A.weig"),
        (
            lambda t: t.update(
                {k.replace("h.0", "h.7"): t[k] + 0 for k in list(t) if "h.0" in k}
            ),
            "no layer 'gpt.blocks.7",
        ),
    ],
)
def test_a_file_that_does_not_fit_is_named_and_changes_nothing(
    finetuned, tiny_gpt, tmp_path, change, message
):
    spoil(tmp_path / "adapter", change)
    other = GPTClassifier(type(tiny_gpt)(tiny_gpt.config)).eval()
    before = other(IDS, LENGTHS)
    with pytest.raises(ValueError, match=message):
        load_adapter(other, tmp_path / "adapter")
    assert torch.equal(other(IDS, LENGTHS), before) and not lora_layers(other)


def test_kinds_of_lora_that_we_do_not_have_are_refused(finetuned, tiny_gpt, tmp_path):
    path = tmp_path / "adapter" / "adapter_config.json"
    config = json.loads(path.read_text()) | {"use_dora": True}
    path.write_text(json.dumps(config))
    other = GPTClassifier(type(tiny_gpt)(tiny_gpt.config))
    with pytest.raises(ValueError, match="use_dora=True is not supported"):
        load_adapter(other, tmp_path / "adapter")
    with pytest.raises(ValueError, match=r"adapter_config\.json is missing"):
        load_adapter(other, tmp_path / "nowhere")


@pytest.mark.parametrize("rank", [0, -1, 4.0, True, 10**400, "4", None, 5])
def test_whatever_rank_its_card_says_the_folder_is_named(
    finetuned, tiny_gpt, tmp_path, rank
):
    path = tmp_path / "adapter" / "adapter_config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"r": rank}))
    other = GPTClassifier(type(tiny_gpt)(tiny_gpt.config))
    with pytest.raises(ValueError, match="adapter") as error:
        load_adapter(other, tmp_path / "adapter")
    assert len(str(error.value)) < 500 and not lora_layers(other)


def test_there_must_be_something_to_save(model, tmp_path):
    with pytest.raises(ValueError, match="add_lora first"):
        save_adapter(model, tmp_path / "adapter")
    assert not (tmp_path / "adapter").exists()
