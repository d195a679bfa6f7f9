import torch
from torch import nn

from spamft.batches import collate
from spamft.classifier import GPTClassifier, set_trainable
from spamft.gpt import generate
from spamft.methods.lora import LoRAConfig, add_lora
from spamft.methods.nf4 import quantize_linears
from spamft.models.prompted import PromptClassifier
from spamft.trunk import TrainablePart, find_cut


class OnlyFive(nn.Module):
    """A GPT of which nothing but the five names can be seen."""

    def __init__(self, gpt):
        super().__init__()
        self.config, self.blocks = gpt.config, gpt.blocks
        self.final_norm, self.inside = gpt.final_norm, nn.ModuleList([gpt])

    def embed(self, ids):
        return self.inside[0].embed(ids)

    def logits(self, hidden):
        return self.inside[0].logits(hidden)


def test_the_five_names_are_enough_for_head_prompt_trunk_lora_and_nf4(tiny_gpt):
    batch = collate([([1, 2, 3], 0), ([4], 1)], pad_id=256)
    five = OnlyFive(tiny_gpt)
    head = GPTClassifier(five)
    assert head(*batch[:2]).equal(GPTClassifier(tiny_gpt)(*batch[:2]))
    torch.testing.assert_close(TrainablePart(head)(*batch[:2]), head(*batch[:2]))
    prompt = PromptClassifier(five, ("a", "b"), [[7], [8, 9]], instruction="?")
    assert prompt(*batch[:2]).shape == (2, 2)
    set_trainable(head, "last_block")
    assert find_cut(head) == 1
    quantize_linears(five)
    add_lora(five, LoRAConfig(2, also=()))
    assert head(*batch[:2]).isfinite().all()


def test_gpt_has_the_five_names(tiny_gpt):
    ids = torch.randint(256, (2, 5))
    x = tiny_gpt.embed(ids)
    for block in tiny_gpt.blocks:
        x = block(x)
    torch.testing.assert_close(tiny_gpt.logits(tiny_gpt.final_norm(x)), tiny_gpt(ids))
    for name in ("vocab_size", "context_length", "emb_dim", "n_layers"):
        assert getattr(tiny_gpt.config, name) > 0
    assert generate(tiny_gpt, ids, 2).shape == (2, 7)
