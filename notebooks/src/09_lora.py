# %% [markdown]
# # 9 · Finetune with LoRA, two thin matrices beside each large one
#
# - **You will** see that a full finetuning changes its matrices in few directions,
#   build LoRA by hand, train with it, fold it into the model, and keep what it
#   learned in a small file that Hugging Face's PEFT opens.
# - **You need** the training loop of notebook 7.
# - **It takes** 15 minutes to read and a minute to run with the bundled GPT, some
#   minutes with GPT-2.
# - **A file of your own** works, too: `DATA = "mine.csv"`, with two or more classes and
#   at least 100 messages of each; TEXT and LABEL name its columns, if they are not Text
#   and Label.
#
# The lecture has one sentence on it: *LoRA: two smaller matrices that approximate a
# larger matrix are finetuned.*

# %%
import copy
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

import spamft
from spamft.batches import encode_splits, make_bucketed_loader
from spamft.classifier import GPTClassifier
from spamft.methods.lora import (
    LoRAConfig,
    LoRALinear,
    add_lora,
    lora_layers,
    merge_lora,
)
from spamft.methods.lora_files import load_adapter, save_adapter
from spamft.plots import BLUE, ORANGE, paper
from spamft.plumbing.device import pick_device
from spamft.reading.layout import Layout
from spamft.sources import open_model, open_splits
from spamft.sources.lessons import lesson_names

# %% tags=["parameters"]
DATA = "auto"
TEXT, LABEL = None, None  # the columns of a file of your own
MODEL = "gpt"
SEED = 123
DEVICE = "auto"  # or "cuda", "mps", "cpu"
FOLDER = Path("runs/notebook-9")  # for the adapter

# %% [markdown]
# The messages in their leak-free parts, a batch of them to try things on, and a
# classifier whose head is new. `untrained` stays as it is.

# %%
device = pick_device(DEVICE)
layout = Layout(text=TEXT, label=LABEL)
data = open_splits(DATA, layout=layout, cache_dir="../data", seed=SEED)
classes = lesson_names(data.df, most=None)
opened = open_model(MODEL)
gpt = opened.gpt.to(device)
encoded = encode_splits(data.splits, opened.tokenizer, gpt.config.context_length)
longest = encoded.train.max_length
untrained = GPTClassifier(gpt, classes, max_length=longest, seed=SEED).to(device).eval()
batch = next(iter(make_bucketed_loader(encoded.test)))
ids, lengths = batch.ids.to(device), batch.lengths.to(device)
print(data, opened.source, sep="\n")

# %% [markdown]
# ## What a full finetuning changes
#
# Train *everything* for one epoch, and look at what came of one matrix of the last
# block: the new one minus the old one, the *update*.

# %% tags=["slow"]
how = {"seed": SEED, "device": DEVICE, "log": print}
full = spamft.finetune(data, opened, "full", config={"epochs": 1}, **how)

# %%
models = (untrained, full.model)
old, new = (m.gpt.blocks[-1].mlp.up.weight.detach().cpu() for m in models)
update = new - old
print(f"the update is {update.norm() / old.norm():.1%} of the matrix's length")

# %% [markdown]
# (Length: the root of the sum of all squares.) Any matrix is a sum of simple ones,
# each a column times a row; we call each a *direction*. Its *singular value* says how
# much it contributes, the largest first. For random numbers these values fall slowly.
# The picture adds up their squares, as a share of all:

# %%
random = torch.randn_like(update)
values = {"the update": update, "random numbers": random}
shares = {}
for name, matrix in values.items():
    squares = torch.linalg.svdvals(matrix) ** 2
    shares[name] = squares.cumsum(0) / squares.sum() * 100
rank = int((shares["the update"] < 90).sum()) + 1

# %%
figure, axes = paper(
    f"Two rising curves: {rank} of {len(update.T)} directions hold 90 % of the update, "
    "random numbers need many more."
)
for (name, curve), color in zip(shares.items(), (ORANGE, BLUE), strict=True):
    axes.plot(range(1, len(curve) + 1), curve, color=color, label=name)
axes.axhline(90, color="grey", linewidth=0.8, linestyle=":")
axes.set_xlabel("directions kept, the strongest first (number)")
axes.set_ylabel("share of the squared update (%)")
axes.legend(frameon=False, loc="lower right")
figure

# %% [markdown]
# > **You should see** a curve that rises much faster than that of random numbers: few
# > directions hold most of the update. That is LoRA's bet. Why then train all numbers
# > of the matrix? Train a product of two thin matrices, which has few directions by
# > construction.
#
# ## By hand
#
# The large matrix W is frozen. A has r rows, B has r columns; the product B·A has the
# shape of W and rank r at most. The output is W x plus B·A x, scaled by alpha / r:
# alpha is ours to choose, and dividing by r keeps the size of the update alike when r
# changes. B starts at zero, so at the start nothing is added.


# %%
class ByHand(nn.Module):
    def __init__(self, linear, rank, alpha):
        super().__init__()
        self.linear = linear.requires_grad_(False)
        self.A = nn.Parameter(torch.randn(rank, linear.in_features) * 0.05)
        self.B = nn.Parameter(torch.zeros(linear.out_features, rank))
        self.scale = alpha / rank

    def forward(self, x):
        return self.linear(x) + self.scale * (x @ self.A.T) @ self.B.T


# %% [markdown]
# The library's `LoRALinear` with the same A and B must give the same, also after B
# has become something:

# %%
linear = copy.deepcopy(gpt.blocks[0].mlp.up).cpu()
by_hand = ByHand(linear, rank=4, alpha=8)
by_hand.B.data.normal_()
library = LoRALinear(linear, LoRAConfig(rank=4, alpha=8))
library.load_state_dict({"A": by_hand.A, "B": by_hand.B}, strict=False)
x = torch.randn(3, linear.in_features)
torch.testing.assert_close(library(x), by_hand(x), atol=1e-5, rtol=1e-4)

# %% [markdown]
# And LoRA's defining equation, W' = W + alpha / r · B·A:

# %%
weight = linear.weight + 8 / 4 * by_hand.B @ by_hand.A
torch.testing.assert_close(library.weight, weight, atol=1e-5, rtol=1e-4)

# %% [markdown]
# ## In the whole model
#
# `add_lora` freezes a model and puts such a layer in the place of each target, by
# default the four matrices of every block. The new head trains in full beside them.
# At the start, the model is the one it was, bit for bit:

# %%
model = copy.deepcopy(untrained)
with torch.no_grad():
    before = model(ids, lengths)
names = add_lora(model, LoRAConfig(rank=16, alpha=32), seed=SEED)
with torch.no_grad():
    assert torch.equal(model(ids, lengths), before)
print(len(names), "layers, for example", names[:2])

# %%
trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
total = sum(p.numel() for p in untrained.parameters())
print(f"{trained:,} of {total:,} parameters train ({trained / total:.1%})")

# %% [markdown]
# (For GPT-2 with rank 16 it is 2,360,834 of 124 million, 1.9 %; the share is larger
# in a small model, for 16 rows are a larger part of 320 than of 768.) The loop is
# that of notebook 7, and `finetune` does all of it: `METHODS` has a line `lora-16`
# that adds the same layers, with a larger learning rate. Two epochs, as so little
# trains:

# %% tags=["slow"]
tuned = spamft.finetune(data, opened, "lora-16", config={"epochs": 2}, **how)
model = tuned.model

# %% [markdown]
# Beside it the full finetuning from above, on the test part. Not an even race, for
# that one had one epoch; notebook 12 has an even one.

# %%
for name, run in (("full, 1 epoch", full), ("LoRA, 2 epochs", tuned)):
    report = run.reports["test"]
    low, high = report.interval
    print(f"{name:15s} {report.accuracy:.2%} ({low:.1%} to {high:.1%})")

# %% [markdown]
# The frozen matrices did not move, not even by rounding:

# %%
for i, block in enumerate(model.gpt.blocks):
    there = block.mlp.up.base.weight
    assert torch.equal(there, gpt.blocks[i].mlp.up.weight)

# %% [markdown]
# ## Fold it in
#
# In use the extra products can be left out: compute W + alpha / r · B·A once and put
# a plain matrix in. The answers stay the same, to rounding, and the model is an
# ordinary one again, which `save` takes.

# %%
model.eval()
with torch.no_grad():
    apart = model(ids, lengths)
    merged = copy.deepcopy(model)
    merge_lora(merged)
    together = merged(ids, lengths)
print(f"largest difference {(apart - together).abs().max():.1e}")
assert not lora_layers(merged)

# %% [markdown]
# ## Or keep it apart: a small file
#
# A, B and the head are all that was learned. Stored alone they are an *adapter*: one
# large model on disk, and a small file for each task. (PEFT's head has no bias; ours
# is moved into the final norm, so the file holds that norm, too.) The names in the
# file are PEFT's, so the `peft` library opens it over the same GPT-2 (the tests of
# this package do so).

# %%
save_adapter(model, FOLDER)
stored = load_file(FOLDER / "adapter_model.safetensors")
size = (FOLDER / "adapter_model.safetensors").stat().st_size
print(f"{size / 1e6:.2f} MB instead of {4 * total / 1e6:.0f} MB")
list(stored)[:3]

# %% [markdown]
# Load it into a fresh model, and it answers as before:

# %%
fresh = GPTClassifier(gpt, classes, max_length=longest, seed=SEED + 1).to(device)
fresh = copy.deepcopy(fresh).eval()
load_adapter(fresh, FOLDER)
with torch.no_grad():
    again = fresh(ids, lengths)
torch.testing.assert_close(again, apart, atol=1e-4, rtol=1e-4)

# %% [markdown]
# ## What just happened
#
# - In the matrix that we looked at, one epoch of full finetuning changed mostly few
#   directions; LoRA trains only few.
# - LoRA is W x + alpha / r · B·A x with W frozen and B zero at first.
# - What it learned can be folded in, or kept as a file of its own.
#
# ## Exercises
#
# Predict first, then compute. Replace the `...`; the cell below says nothing if you
# are right, and gives a hint if not. Solutions: `src/solutions/09_lora.py`.
#
# **1.** *Predict:* how many numbers train with rank 4 instead of 16, the head
# included?

# %% tags=["exercise-1"]
with_rank_4 = ...

# %% tags=["check-1"]
if with_rank_4 is not ...:
    other = copy.deepcopy(untrained)
    add_lora(other, LoRAConfig(rank=4))
    right = sum(p.numel() for p in other.parameters() if p.requires_grad)
    assert with_rank_4 == right, "Hint: A and B shrink to a quarter, the head does not."

# %% [markdown]
# **2.** *Predict:* A starts with random numbers and B with zeros. Would it also work
# if both were zero? Fill `dead.A` with zeros, call `dead(x).sum().backward()`, and
# put the largest absolute gradient of B into `gradient_of_B`. (That of A is 0 at the
# start in any case, for it is multiplied by B.)

# %% tags=["exercise-2"]
dead = LoRALinear(linear, LoRAConfig(rank=4))
gradient_of_B = ...

# %% tags=["check-2"]
if gradient_of_B is not ...:
    assert dead.A.abs().max() == 0 and dead.B.grad is not None, (
        "Hint: dead.A.data.zero_(), then dead(x).sum().backward()."
    )
    assert gradient_of_B == dead.B.grad.abs().max(), (
        "Hint: dead.B.grad.abs().max().item()."
    )

# %% [markdown]
# **3.** *Predict:* what rank has the update of a trained layer? Put into
# `rank_of_update` the rank of B·A in `model.gpt.blocks[0].mlp.up`.

# %% tags=["exercise-3"]
rank_of_update = ...

# %% tags=["check-3"]
if rank_of_update is not ...:
    layer = model.gpt.blocks[0].mlp.up
    assert rank_of_update == torch.linalg.matrix_rank(layer.B @ layer.A), (
        "Hint: torch.linalg.matrix_rank(layer.B @ layer.A); no more than r."
    )

# %% [markdown]
# **Next:** [10 · QLoRA](10_qlora.ipynb): the frozen matrices in 4 bits.
