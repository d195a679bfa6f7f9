# %% [markdown]
# # 9 · Finetune with LoRA, two thin matrices beside each large one
#
# - **You will** look at how a full finetuning changes a matrix, build LoRA by hand,
#   train with it, merge it into the model, and keep what it learned in a small file
#   that Hugging Face's PEFT opens.
# - **You need** the training loop of notebook 7. This and the pages that follow are
#   electives: read them in any order, except that 10 and 11 use LoRA.
# - **It takes** 20 minutes to read and a minute to run with the bundled GPT, some
#   minutes with GPT-2.
# - **A file of your own** works, too: `DATA = "mine.csv"`, with two or more classes and
#   at least 100 messages of each; TEXT and LABEL name its columns, if they are not Text
#   and Label.
#
# The lecture's notes have one line on [LoRA](../docs/glossary.md#lora), *low-rank
# adaptation*: two smaller matrices that approximate a larger matrix are finetuned. They
# list it under instruction finetuning, but it is a method for any kind of finetuning:
# here, as in the book's appendix E, it trains a classifier.

# %%
import copy
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import nn

import spamft
from spamft import diagrams
from spamft.batches import encode_splits, make_bucketed_loader
from spamft.check import ask, check, guess
from spamft.classifier import GPTClassifier
from spamft.methods.lora import LoRAConfig, LoRALinear, add_lora, merge_lora
from spamft.methods.lora_files import load_adapter, save_adapter
from spamft.plots import BLUE, GREY, ORANGE, paper
from spamft.plumbing.device import pick_device
from spamft.reading.layout import Layout
from spamft.sources import open_model, open_splits
from spamft.sources.lessons import lesson_names

# %% tags=["parameters"]
DATA = "auto"
TEXT, LABEL = None, None  # the columns of a file of your own
MODEL = "gpt"
EPOCHS = 1  # the recipe has 5; for a first look one is enough
SEED = 123
DEVICE = "auto"  # or "cuda", "mps", "cpu"
FOLDER = Path("runs/notebook-9")  # for the adapter

# %% [markdown]
# The messages in their leak-free parts, a batch of them to try things on, and a
# classifier whose [head](../docs/glossary.md#head) is new. `untrained` stays as it is.

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
# Train *all* parameters, and look at what happened to one matrix in the last block: the
# new matrix minus the old one is its *update*.

# %% tags=["slow"]
how = {"config": {"epochs": EPOCHS}, "seed": SEED, "device": DEVICE, "log": print}
full = spamft.finetune(data, opened, "full", **how)

# %%
models = (untrained, full.model)
old, new = (m.gpt.blocks[-1].mlp.up.weight.detach().cpu() for m in models)
update = new - old
print(f"the update is {update.norm() / old.norm():.1%} of the matrix's length")

# %% [markdown]
# (Length: the root of the sum of all squares.) Any matrix is a sum of simple ones, each
# a column times a row. We call each a *direction*. How many of them a matrix needs is
# its [rank](../docs/glossary.md#rank). A direction's *singular value* says how much it
# contributes, and the squares of all singular values add up to the squared length. How
# much of it do the 16 strongest hold?

# %%
shares = {}
random = torch.randn_like(update)
for name, matrix in {"the update": update, "random numbers": random}.items():
    squares = torch.linalg.svdvals(matrix) ** 2  # the largest first
    shares[name] = (squares.cumsum(0) / squares.sum() * 100).tolist()
    print(f"16 of {len(squares)} directions hold {shares[name][15]:.0f} % of {name}")

# %%
figure, axes = paper(
    "Two rising curves: 16 directions hold "
    + " and ".join(f"{curve[15]:.0f} % of {name}" for name, curve in shares.items())
    + ".",
    height=3.5,
)
for (name, curve), color in zip(shares.items(), (ORANGE, BLUE), strict=True):
    axes.plot(range(1, len(curve) + 1), curve, color=color, label=name)
axes.axvline(16, color=GREY, linewidth=0.8, linestyle=":")
axes.set_xlabel("directions kept, the strongest first (number; dotted: 16)")
axes.set_ylabel("share of the squared length (%)")
axes.legend(frameon=False, loc="lower right")
figure

# %% [markdown]
# > **You should see** that the update's curve rises much faster than that of random
# > numbers: most directions hardly matter, but more than 16 do.
#
# LoRA does not copy this update. It looks for one of its own among those of low rank,
# and its bet is that one of them serves the task as well. That cannot be derived from
# the picture; it has to be measured, as below and in notebook 12.
#
# ## By hand
#
# The large matrix W is frozen. Two thin ones train: A has r rows and B has r columns,
# so the product B A has the shape of W and a rank of r at most. The output is W x plus
# B A x, scaled by alpha / r. We choose r and alpha (PEFT: `r`, `lora_alpha`); dividing
# by r keeps the size of the update similar when r changes. B starts at zero, so at the
# start nothing is added. For the matrix above, with r = 16:

# %%
diagrams.lora(*old.shape, rank=16)

# %% [markdown]
# The book has two classes for it, `LoRALayer` and `LinearWithLoRA`. Here it is one:


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
# With the same A and B the library's `LoRALinear` must give the same output. B gets
# random numbers first, or the test would only compare W with itself:

# %%
linear = copy.deepcopy(gpt.blocks[0].mlp.up).cpu()
by_hand = ByHand(linear, rank=4, alpha=8)
by_hand.B.data.normal_()
library = LoRALinear(linear, LoRAConfig(rank=4, alpha=8))
library.load_state_dict({"A": by_hand.A, "B": by_hand.B}, strict=False)
x = torch.randn(3, linear.in_features)
torch.testing.assert_close(library(x), by_hand(x), atol=1e-5, rtol=1e-4)

# %% [markdown]
# One plain matrix would do the same: W' = W + alpha / r · B A.

# %%
weight = linear.weight + 8 / 4 * by_hand.B @ by_hand.A
torch.testing.assert_close(library.weight, weight, atol=1e-5, rtol=1e-4)

# %% [markdown]
# ## In the whole model
#
# `add_lora` freezes a model and replaces each target, by default the four matrices of
# every block, with such a layer. The new head trains in full beside them. At the start,
# the model gives the same logits as before, bit for bit:

# %%
model = copy.deepcopy(untrained)
with torch.no_grad():
    before = model(ids, lengths)
names = add_lora(model, LoRAConfig(rank=16, alpha=32), seed=SEED)
with torch.no_grad():
    assert torch.equal(model(ids, lengths), before)
print(len(names), "layers have LoRA, for example", names[:2])

# %% [markdown]
# What an MLP consists of now, and which parts of it train:

# %%
for name, part in model.gpt.blocks[0].mlp.named_parameters():
    print(f"{name:17s}", "trains" if part.requires_grad else "frozen", [*part.shape])

# %%
trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
total = sum(p.numel() for p in untrained.parameters())
print(f"{trained:,} of {total:,} parameters train ({trained / total:.1%})")

# %% [markdown]
# For GPT-2 with rank 16 it would be 2,360,834 of 124 million. The book's appendix E
# counts 2,666,528: it has three matrices for query, key and value where we have one
# (294,912 more), and gives the head LoRA instead of training it (10,782 more).
#
# The loop is that of notebook 7, and `finetune` does all of it: its method `lora-16`
# adds the same layers, and has a larger learning rate.

# %% tags=["slow"]
tuned = spamft.finetune(data, opened, "lora-16", **how)
model = tuned.model

# %% [markdown]
# Beside it the full finetuning from above: the same messages and the same number of
# epochs, each method with the learning rate of its recipe.

# %%
for name, run in (("full", full), ("LoRA", tuned)):
    report = run.reports["test"]
    low, high = report.interval
    print(f"{name} {report.accuracy:.1%} of the test part ({low:.1%} to {high:.1%})")

# %% [markdown]
# Where the intervals overlap, one run does not say which is better; notebook 12
# compares them over several seeds. The frozen matrices have not moved, not even by
# rounding:

# %%
for i, block in enumerate(model.gpt.blocks):
    there = block.mlp.up.base.weight
    assert torch.equal(there, gpt.blocks[i].mlp.up.weight)

# %% [markdown]
# ## Merge it into the model
#
# In use the two extra products can be saved: compute W + alpha / r · B A once, and put
# a plain matrix with that result in the layer's place (PEFT: `merge_and_unload`). The
# logits stay the same, up to rounding, and the model is an ordinary one again, which
# `save` takes.

# %%
model.eval()
with torch.no_grad():
    apart = model(ids, lengths)
    merged = copy.deepcopy(model)
    merge_lora(merged)
    together = merged(ids, lengths)
print(f"largest difference {(apart - together).abs().max():.1e}")
print(merged.gpt.blocks[0].mlp.up)

# %% [markdown]
# ## Or keep it apart: the adapter
#
# A, B and the head are all that was learned. Stored alone they are an
# [adapter](../docs/glossary.md#adapter): one large model on disk, and a small file for
# each task. The names in the file are PEFT's, so the `peft` library opens it over the
# same GPT-2, as a test of this package does. (PEFT's head has no bias term. We move
# ours into the final norm's bias, so the adapter also stores that norm.)

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
# - In the matrix that we looked at, the update of a full finetuning used its directions
#   very unequally; LoRA has r directions, and finds its own.
# - LoRA computes W x + alpha / r · B A x, with W frozen and B zero at first.
# - What it learned can be merged into the model, or kept as an adapter.
#
# ## What if?
#
# Three questions that the page does not answer word for word. Answer each in the cell
# below it: `"a"`, `"b"` or `"c"` in place of the first `...`, and how sure you are,
# from 0.33 (drawn by lot) to 1, in place of the second. Your answer is written down in
# `guesses.json`, and then explained.

# %%
ask("9.q1")

# %% tags=["guess-q1"]
guess("9.q1", ..., sure=...)

# %% [markdown]
# The second one:

# %%
ask("9.q2")

# %% tags=["guess-q2"]
guess("9.q2", ..., sure=...)

# %% [markdown]
# And the third:

# %%
ask("9.q3")

# %% tags=["guess-q3"]
guess("9.q3", ..., sure=...)

# %% [markdown]
# ## Exercises
#
# Guess, then compute. A number that you guess counts as right within a tenth. The cell
# with `check` says whether you are right and why, and what a usual mistake confuses.
# Solutions: `src/solutions/09_lora.py`.
#
# **1.** *Guess:* how many numbers train with rank 4 instead of 16, the head included?

# %% tags=["guess-1"]
guess("9.1", ..., sure=...)

# %% [markdown]
# Compute it, from `trained` and the head's parameters:

# %% tags=["exercise-1"]
with_rank_4 = ...

# %% tags=["check-1"]
check("9.1", with_rank_4, untrained=untrained)

# %% [markdown]
# **2.** *Guess:* A starts with random numbers and B with zeros. Would LoRA also learn
# if both were zero, `"yes"` or `"no"`?

# %% tags=["guess-2"]
guess("9.2", ..., sure=...)

# %% [markdown]
# Fill `dead.A` with zeros, call `dead(x).sum().backward()`, and put the largest
# absolute gradient of B into `gradient_of_B`. (That of A is zero at the start in any
# case, because it is multiplied by B.)

# %% tags=["exercise-2"]
dead = LoRALinear(linear, LoRAConfig(rank=4))
gradient_of_B = ...

# %% tags=["check-2"]
check("9.2", gradient_of_B, dead=dead)

# %% [markdown]
# **3.** *Guess:* what is the rank of the update of a trained layer?

# %% tags=["guess-3"]
guess("9.3", ..., sure=...)

# %% [markdown]
# Compute the rank of B A in `layer`:

# %% tags=["exercise-3"]
layer = model.gpt.blocks[0].mlp.up
rank_of_update = ...

# %% tags=["check-3"]
check("9.3", rank_of_update, layer=layer)

# %% [markdown]
# **Next:** [10 · QLoRA](10_qlora.ipynb) stores the frozen matrices in 4 bits.
