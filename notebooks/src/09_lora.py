# %% [markdown]
# # 9 · Finetune with LoRA, two thin matrices beside each large one
#
# - **You will** look at how a full finetuning changes a matrix, build LoRA by hand,
#   train with it, merge it into the model, and keep what it learned in a small file
#   that Hugging Face's PEFT opens.
# - **You need** the training loop of notebook 7. This and the pages that follow are
#   electives: read them in any order, except that 10 and 11 use LoRA.
# - **It takes** 20 minutes to read, 20 for questions and exercises. The page runs in
#   a minute with the bundled GPT, in some minutes with GPT-2.
# - **A file of your own** works, too: `DATA = "mine.csv"`, with two or more classes and
#   at least 100 messages of each; TEXT and LABEL name its columns, if they are not Text
#   and Label.
# - **The outputs stored here** were made on the bundled sample with the small GPT.
#
# In the book: appendix E; its `LoRALayer` and `LinearWithLoRA` are our `LoRALinear`,
# its `replace_linear_with_lora` our `add_lora` ([other names](../docs/lecture.md)).
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
# The messages, a batch of them to try things on, and a classifier whose
# [head](../docs/glossary.md#head) is new. `untrained` stays as it is. The parts are
# free of [leaks](../docs/glossary.md#leak). Notebooks 2 to 8 keep the lecture's split,
# so they test on other messages than this one.

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
# new matrix minus the old one is its *update*. If a few simple matrices make up most of
# the update, two thin matrices might be enough.

# %% tags=["slow"]
how = {"config": {"epochs": EPOCHS}, "seed": SEED, "device": DEVICE, "log": print}
full = spamft.finetune(data, opened, "full", **how)

# %% [markdown]
# How large is it? The *length* of a matrix is the root of the sum of all its numbers
# squared; PyTorch calls it `norm`.

# %%
models = (untrained, full.model)
# detach: only the numbers, without what training needs; cpu: off the graphics card
old, new = (m.gpt.blocks[-1].mlp.up.weight.detach().cpu() for m in models)
update = new - old
print(f"the update is {update.norm() / old.norm():.1%} of the matrix's length")

# %% [markdown]
# Any matrix is a sum of simple ones, each a column times a row. We call each a
# *direction*. Here is one of strength 10 plus one of strength 1:

# %%
column, row = torch.tensor([0.6, 0.8, 0]), torch.tensor([1.0, 0, 0])
column_2, row_2 = torch.tensor([0.8, -0.6, 0]), torch.tensor([0, 1.0, 0])
table = 10 * torch.outer(column, row) + 1 * torch.outer(column_2, row_2)
print(table)
print("strengths", *(f"{each:.0f}" for each in torch.linalg.svdvals(table)))

# %% [markdown]
# `svdvals` finds the strengths again. Their name is *singular values*. Two are not
# zero, so this matrix has the [rank](../docs/glossary.md#rank) 2. Squared they add up
# to the squared length: 10² + 1² = 101. So the first direction alone holds 100 of 101.
# How much do the 16 strongest directions of the update hold?

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
# > numbers: few directions do most of the work. What lies outside the best 16 (29 % in
# > the stored output) no matrix of rank 16 can copy.
#
# LoRA does not copy this update. It looks for one of its own, of low rank, that serves
# the task as well. The picture makes that plausible; whether it is so has to be
# measured, as below and in notebook 12.
#
# ## By hand
#
# The large matrix W is frozen. Two thin ones train: A has r rows and B has r columns,
# so the product B A has the shape of W and a rank of r at most. The output is W x plus
# B A x, multiplied by alpha / r. We choose both numbers (PEFT: `r`, `lora_alpha`). r
# says how much can be learned, alpha how loudly it counts: with r = 16 and alpha = 32
# it counts double. B starts at zero, so at the start nothing is added. For the matrix
# above, with r = 16:

# %%
diagrams.lora(*old.shape, rank=16)

# %% [markdown]
# The formula has x as a column, to the right of the matrix. PyTorch has each x as a row
# of a batch, so in code the products stand the other way round, with turned matrices
# (`.T`). The book's A and B are ours turned. It multiplies by alpha alone in its first
# edition, so its alpha = 16 with r = 16 is our alpha = 256. `nn.Parameter` marks what
# an optimizer may train, and `forward` is what a call of the layer computes:


# %%
class ByHand(nn.Module):
    def __init__(self, linear, rank, alpha):
        super().__init__()  # PyTorch's own preparations
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
# Walk through the parts of the blocks, and put such a layer in the place of each linear
# one. A part may have parts itself, so the function calls itself:


# %%
def replace_linears(module):
    for name, part in module.named_children():
        if isinstance(part, nn.Linear):
            setattr(module, name, ByHand(part, rank=16, alpha=32))
        else:
            replace_linears(part)


copied = copy.deepcopy(untrained)
replace_linears(copied.gpt.blocks)
replaced = [name for name, part in copied.named_modules() if isinstance(part, ByHand)]

# %% [markdown]
# `add_lora` does the same, and freezes the rest of the model except the new head, which
# trains in full. At the start, the model gives the same logits as before, bit for bit:

# %%
model = copy.deepcopy(untrained)
with torch.no_grad():
    before = model(ids, lengths)
names = add_lora(model, LoRAConfig(rank=16, alpha=32), seed=SEED)
with torch.no_grad():
    assert torch.equal(model(ids, lengths), before)
assert names == replaced
print(len(names), "layers have LoRA, for example", names[:2])

# %% [markdown]
# What an MLP consists of now, and which parts of it train:

# %%
for name, part in model.gpt.blocks[0].mlp.named_parameters():
    print(f"{name:17s}", "trains" if part.requires_grad else "frozen", [*part.shape])

# %%
trained = sum(p.numel() for p in model.parameters() if p.requires_grad)
total = sum(p.numel() for p in model.parameters())  # with A and B
print(f"{trained:,} of {total:,} parameters train ({trained / total:.1%})")

# %% [markdown]
# For GPT-2 with rank 16 it would be 2,360,834 of 124 million. The book's appendix E
# counts 2,666,528: it has three matrices for query, key and value where we have one
# (294,912 more), and gives the head LoRA instead of training it (10,782 more).
#
# The loop is that of notebook 7, and `finetune` does all of it. Its method `lora-16`
# adds the same layers. Its learning rate is 0.001 with the small GPT, where full
# finetuning has 0.0003 (with GPT-2 0.0002 and 0.00005).

# %% tags=["slow"]
tuned = spamft.finetune(data, opened, "lora-16", **how)
model = tuned.model

# %% [markdown]
# Fewer numbers train, but that takes no less time than full finetuning: the gradient
# passes through every block. Training the last block alone, as in notebook 7, is much
# quicker, because the frozen blocks below it run only once. Both results:

# %%
for name, run in (("full", full), ("LoRA", tuned)):
    report = run.reports["test"]
    low, high = report.interval
    print(f"{name} {report.accuracy:.1%} of the test part ({low:.1%} to {high:.1%})")

# %% [markdown]
# Where the intervals overlap, one run does not say which is better. And this was one
# epoch, where notebook 7 trains for five. In the comparison of notebook 12 (SMS
# collection, small GPT, three epochs, five seeds) the last block has 94.6 %, LoRA with
# r = 16 95.2 % and full finetuning 96.1 %.
#
# The frozen matrices have not moved, not even by rounding:

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
# same GPT-2, as a test of this package does. (The final norm is in the file, too,
# because PEFT's head has no place for our head's bias term.)

# %%
save_adapter(model, FOLDER)
stored = load_file(FOLDER / "adapter_model.safetensors")
size = (FOLDER / "adapter_model.safetensors").stat().st_size
whole = sum(p.numel() for p in untrained.parameters())
print(f"{size / 1e6:.2f} MB instead of {4 * whole / 1e6:.0f} MB")
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
# Three questions. Below each put a letter for the first `...`, and for the second the
# chance that you are right, from 0.33 (a blind guess) to 1. Then each choice is
# explained.

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
# **2.** *Guess:* A starts with random numbers and B with zeros. The output has the
# product B A, so the gradient of each contains the other. Would A and B ever change if
# both started at zero, `"yes"` or `"no"`?

# %% tags=["guess-2"]
guess("9.2", ..., sure=...)

# %% [markdown]
# Fill `dead.A` with zeros (`dead.A.data.zero_()`), call `dead(x).sum().backward()` with
# the three random rows `x` from above, and put the largest absolute gradient of B
# (`dead.B.grad`) into `gradient_of_B`.

# %% tags=["exercise-2"]
dead = LoRALinear(linear, LoRAConfig(rank=4))
gradient_of_B = ...

# %% tags=["check-2"]
check("9.2", gradient_of_B, dead=dead)

# %% [markdown]
# **3.** *Guess:* after merging, W + alpha / r · B A, is the new matrix of rank r, too,
# `"yes"` or `"no"`?

# %% tags=["guess-3"]
guess("9.3", ..., sure=...)

# %% [markdown]
# Compute two ranks in `layer`, as a pair: of B A, and of the sum, `layer.weight`:

# %% tags=["exercise-3"]
layer = model.gpt.blocks[0].mlp.up
two_ranks = ...

# %% tags=["check-3"]
check("9.3", two_ranks, layer=layer)

# %% [markdown]
# **Next:** [10 · QLoRA](10_qlora.ipynb) stores the frozen matrices in 4 bits.
