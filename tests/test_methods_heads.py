import pytest
import torch

from spamft.classifier import GPTClassifier
from spamft.gpt import GPT
from spamft.methods.heads import ClassHead, RandomWeights, WithLoRA, sharing_copy
from spamft.methods.lora import lora_layers
from spamft.methods.nf4 import NF4Linear
from spamft.methods.task import Task

TASK = Task(("a", "b", "c"), max_length=20)
IDS, LENGTHS = torch.randint(256, (3, 9)), torch.tensor([9, 4, 1])


def storage(tensor) -> int:
    return tensor.untyped_storage().data_ptr()


def test_a_copy_shares_its_numbers_but_not_its_flags(tiny_gpt):
    copied = sharing_copy(tiny_gpt)
    for ours, theirs in zip(tiny_gpt.parameters(), copied.parameters(), strict=True):
        assert storage(ours) == storage(theirs) and ours is not theirs
        assert ours.requires_grad and not theirs.requires_grad
    assert isinstance(copied, GPT) and copied.config == tiny_gpt.config


@pytest.mark.parametrize(
    "attach",
    [
        ClassHead("head"),
        ClassHead("last_block"),
        ClassHead("all"),
        WithLoRA(4),
        WithLoRA(4, in_4_bits=True),
        RandomWeights(ClassHead("all")),
    ],
)
def test_training_never_moves_the_gpt_that_was_given(tiny_gpt, attach):
    before = [p.clone() for p in tiny_gpt.parameters()]
    model = attach(tiny_gpt, TASK, 1)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.add_(1.0)
    assert all(map(torch.equal, before, tiny_gpt.parameters()))
    assert all(p.requires_grad for p in tiny_gpt.parameters())


def test_what_does_not_train_is_shared_and_not_copied(tiny_gpt):
    model = ClassHead("last_block")(tiny_gpt, TASK, 1)
    frozen = [p for p in model.parameters() if not p.requires_grad]
    own = {storage(p) for p in tiny_gpt.parameters()}
    assert frozen and all(storage(p) in own for p in frozen)


def test_a_head_can_stand_on_the_lower_blocks_alone(three_blocks):
    model = ClassHead("head", depth=0.6)(three_blocks, TASK, 1)
    assert len(model.gpt.blocks) == model.gpt.config.n_layers == 2
    assert len(three_blocks.blocks) == three_blocks.config.n_layers == 3
    x = three_blocks.embed(IDS)
    for block in three_blocks.blocks[:2]:
        x = block(x)
    last = three_blocks.final_norm(x)[torch.arange(3), LENGTHS - 1]
    torch.testing.assert_close(model(IDS, LENGTHS), model.head(last))


def test_the_task_decides_names_length_and_pooling(tiny_gpt):
    model = ClassHead("head", pooling="mean")(tiny_gpt, TASK, 1)
    assert model.label_names == ("a", "b", "c") and model.max_length == 20
    assert model.pooling == "mean"
    chosen = Task(("a", "b"), 20, pooling="first")
    assert ClassHead("head", pooling="mean")(tiny_gpt, chosen, 1).pooling == "first"


def test_the_seed_decides_every_new_number(tiny_gpt):
    for attach in (ClassHead("head"), WithLoRA(2), RandomWeights(ClassHead("all"))):
        one, again, other = (
            [p for p in attach(tiny_gpt, TASK, seed).parameters() if p.requires_grad]
            for seed in (1, 1, 2)
        )
        assert all(map(torch.equal, one, again))
        assert not all(map(torch.equal, one, other))


def test_lora_starts_as_the_frozen_model_and_puts_4_bits_below_if_asked(tiny_gpt):
    plain = ClassHead("head")(tiny_gpt, TASK, 1)
    model = WithLoRA(4)(tiny_gpt, TASK, 1)
    assert model(IDS, LENGTHS).equal(plain(IDS, LENGTHS))
    assert len(lora_layers(model)) == 8
    below = WithLoRA(4, in_4_bits=True)(tiny_gpt, TASK, 1)
    assert all(isinstance(x.base, NF4Linear) for x in lora_layers(below).values())
    assert isinstance(below, GPTClassifier)
