import pytest
import torch
from safetensors.torch import load_file
from test_models_llama import random_llama

from spamft.classifier import GPTClassifier
from spamft.export.hf_classifier import hf_files, write_hf
from spamft.gpt import GPT, GPTConfig
from spamft.methods.lora import LoRAConfig, add_lora
from spamft.plumbing.errors import SpamftError

PAD = 96  # the last of the vocabulary


def random_gpt(n_heads: int) -> GPT:
    gpt = GPT(GPTConfig(97, 64, 48, 3, n_heads)).eval()
    for parameter in gpt.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    return gpt


BACKBONES = {f"gpt2 {heads}": lambda h=heads: random_gpt(h) for heads in (1, 4)} | {
    f"llama {heads}/{groups} {'tied' if tied else 'untied'}": (
        lambda h=heads, g=groups, t=tied: random_llama(h, g, tied=t)
    )
    for heads, groups in [(1, 1), (4, 4), (4, 2), (4, 1), (6, 3), (8, 2)]
    for tied in (True, False)
}


@pytest.mark.parametrize("name", BACKBONES)
def test_transformers_classifier_gives_the_same_logits(name, tmp_path):
    """Also with our head's bias, which theirs lacks, and in ragged batches."""
    transformers = pytest.importorskip("transformers")
    model = GPTClassifier(BACKBONES[name](), ["no", "yes", "?"])
    write_hf(model, tmp_path, pad_id=PAD)
    theirs = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path)
    ids, lengths = torch.randint(PAD, (4, 17)), torch.tensor([17, 5, 1, 9])
    ids[torch.arange(17) >= lengths[:, None]] = PAD
    mask = (torch.arange(17) < lengths[:, None]).long()
    logits = model(ids, lengths)
    for how in ({"attention_mask": mask}, {}):
        found = theirs.eval()(ids, **how).logits
        torch.testing.assert_close(found, logits, atol=1e-4, rtol=1e-5)
    alone = theirs(ids[1:2, :5]).logits
    torch.testing.assert_close(alone, logits[1:2], atol=1e-4, rtol=1e-5)
    assert theirs.config.id2label == {0: "no", 1: "yes", 2: "?"}


def test_the_file_holds_what_theirs_has_and_no_more(any_gpt, tmp_path):
    transformers = pytest.importorskip("transformers")
    write_hf(GPTClassifier(any_gpt), tmp_path, pad_id=PAD)
    config = transformers.AutoConfig.from_pretrained(tmp_path)
    theirs = transformers.AutoModelForSequenceClassification.from_config(config)
    assert (
        load_file(tmp_path / "model.safetensors").keys() == theirs.state_dict().keys()
    )
    [name] = config.architectures
    assert name == type(theirs).__name__


def test_gpt2_is_padded_with_its_end_and_a_llama_must_be_told(tiny_gpt, tiny_llama):
    config, _ = hf_files(GPTClassifier(tiny_gpt))
    assert config["pad_token_id"] == config["eos_token_id"] == 256
    for pad_id in (None, -1, 257):
        with pytest.raises(SpamftError, match="pad_id=.* say pad_id=tokenizer.eot"):
            hf_files(GPTClassifier(tiny_llama), pad_id)


def test_export_needs_the_pooling_that_transformers_has(any_gpt):
    with pytest.raises(SpamftError, match="reads the last real token, not 'mean'"):
        hf_files(GPTClassifier(any_gpt, pooling="mean"), PAD)


def test_a_model_with_lora_must_be_merged_before(any_gpt):
    model = GPTClassifier(any_gpt)
    add_lora(model, LoRAConfig(2))
    with pytest.raises(SpamftError, match="is no part of a plain model: merge_lora"):
        hf_files(model, PAD)
