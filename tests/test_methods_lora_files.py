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


TARGETS = {
    "GPT": ["c_attn", "mlp.c_proj"],
    "Llama": ["q_proj", "v_proj", "gate_proj", "down_proj"],
}


def fresh(gpt, *names, **options) -> GPTClassifier:
    """A plain classifier of the same size with other numbers."""
    return GPTClassifier(type(gpt)(gpt.config, seed=7), *names, **options).eval()


def theirs_in(folder):
    """transformers' classifier of an exported folder."""
    transformers = pytest.importorskip("transformers")
    auto = transformers.AutoModelForSequenceClassification
    return auto.from_pretrained(folder).eval()


@pytest.fixture(params=[None, ("qkv", "down", "query", "gate")], ids=["all", "some"])
def finetuned(any_gpt, tmp_path, request):
    """A model with LoRA that has learned, its backbone exported before."""
    model = GPTClassifier(any_gpt).eval()
    export_hf(model, tmp_path / "backbone", pad_id=256)
    ends = tuple(
        end
        for end in request.param or ()
        if any(name.endswith(end) for name, _ in model.named_modules())
    )
    add_lora(model, LoRAConfig(rank=4, alpha=8, targets=ends or None))
    batches = [Batch(IDS, LENGTHS, torch.tensor([0, 1, 0, 1]))] * 3
    fit(model, batches, batches, TrainConfig(epochs=3, lr=0.02))
    save_adapter(model, tmp_path / "adapter", str(tmp_path / "backbone"))
    return model.eval()


def test_peft_opens_ours_over_the_exported_backbone(finetuned, tmp_path):
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
    ours = GPTClassifier(any_gpt, ("a", "b", "c"))
    export_hf(ours, tmp_path / "backbone", pad_id=256)
    lora = peft.LoraConfig(
        task_type="SEQ_CLS",
        r=2,
        lora_alpha=5,
        target_modules=TARGETS[type(any_gpt).__name__],
        fan_in_fan_out="GPT" == type(any_gpt).__name__,
        init_lora_weights=False,
    )
    theirs = peft.get_peft_model(theirs_in(tmp_path / "backbone"), lora)
    nn.init.normal_(theirs.base_model.model.score.modules_to_save.default.weight)
    theirs.save_pretrained(tmp_path / "adapter")
    export_hf(ours, tmp_path / "backbone", pad_id=256)
    if ours.head.bias is not None:  # theirs has it in the norm
        ours.gpt.final_norm.bias.data = theirs.base_model.model.transformer.ln_f.bias
    names = load_adapter(ours, tmp_path / "adapter")
    assert len(names) == 2 * len(lora.target_modules) == len(lora_layers(ours))
    return ours.eval(), theirs.eval()


def test_we_open_what_peft_saved(from_peft):
    ours, theirs = from_peft
    says = theirs(input_ids=IDS).logits
    torch.testing.assert_close(ours(IDS, LENGTHS), says, atol=1e-5, rtol=1e-5)


def test_the_gradients_are_those_of_peft(from_peft):
    ours, theirs = from_peft
    labels = torch.tensor([0, 2, 1, 0])
    nn.functional.cross_entropy(theirs(input_ids=IDS).logits, labels).backward()
    nn.functional.cross_entropy(ours(IDS, LENGTHS), labels).backward()
    wanted = [p.grad for n, p in theirs.named_parameters() if "lora_" in n]
    pairs = [(x.A.grad, x.B.grad) for x in lora_layers(ours).values()]
    by_size = sorted([g for pair in pairs for g in pair], key=lambda g: g.norm())
    wanted = sorted(wanted, key=lambda g: g.norm())
    for ours_is, theirs_is in zip(by_size, wanted, strict=True):
        torch.testing.assert_close(ours_is, theirs_is, atol=1e-6, rtol=1e-4)
    score = theirs.base_model.model.score.modules_to_save.default.weight.grad
    torch.testing.assert_close(ours.head.weight.grad, score, atol=1e-6, rtol=1e-4)


def test_what_we_saved_comes_back(finetuned, any_gpt, tmp_path):
    again = fresh(any_gpt)
    again.gpt.load_state_dict(
        {n.replace(".base.", "."): t for n, t in finetuned.gpt.state_dict().items()},
        strict=False,
    )
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
