# %% [markdown]
# # 10 · Store frozen matrices in 4 bits: QLoRA
#
# - **You will** quantise a matrix to 16 levels by hand, see the error, count the bytes
#   of four methods of finetuning for four sizes of GPT-2, and train LoRA beside
#   matrices of 4 bits.
# - **You need** LoRA (notebook 9).
# - **It takes** 25 minutes to read, 20 for questions and exercises. The page runs in
#   a minute with the bundled GPT, in some minutes with GPT-2.
# - **A file of your own** works, too: `DATA = "mine.csv"`, with two or more classes and
#   at least 100 messages of each; TEXT and LABEL name its columns, if they are not Text
#   and Label.
# - **The outputs stored here** were made on the bundled sample with the small GPT.
#
# The lecture names [QLoRA](../docs/glossary.md#qlora) beside LoRA. The Q stands for
# *[quantised](../docs/glossary.md#quantisation)*: the frozen matrices are stored in 4
# bits per number instead of 32, each number as the nearest of a few levels.

# %%
import copy

import pandas as pd
import torch

import spamft
from spamft import diagrams
from spamft.check import ask, check, guess
from spamft.methods.memory import measure_memory, plan_memory
from spamft.methods.method import METHODS
from spamft.methods.nf4 import NF4Linear, dequantize, nf4_levels, quantize
from spamft.methods.task import Task
from spamft.plots import BLUE, ORANGE, paper
from spamft.pretrained import PUBLISHED
from spamft.reading.layout import Layout
from spamft.sources import open_model, open_splits
from spamft.sources.lessons import lesson_names

# %% tags=["parameters"]
DATA = "auto"
TEXT, LABEL = None, None  # the columns of a file of your own
MODEL = "gpt"
EPOCHS = 1  # the recipe has 5; to see that it learns one is enough
SEED = 123
DEVICE = "auto"  # or "cuda", "mps", "cpu"

# %% [markdown]
# A pretrained GPT, and one of its matrices to look at:

# %%
opened = open_model(MODEL)
weight = opened.gpt.blocks[0].mlp.up.weight.detach()
print(opened.source, tuple(weight.shape), f"{weight.numel():,} numbers")

# %% [markdown]
# ## Sixteen levels
#
# 4 bits can tell 16 values apart. Which 16? The numbers of a trained matrix are
# distributed nearly normally, in the shape of a bell. [NF4](../docs/glossary.md#nf4),
# *normal float*, places its levels where a normal distribution has most of its values:
# close together around 0, and far apart at the ends. (Hugging Face:
# `bnb_4bit_quant_type="nf4"`.)

# %%
levels = nf4_levels()
print(*(f"{level:.3f}" for level in levels))

# %% [markdown]
# Before that, numbers are brought to a common size. They are cut into blocks of 64, and
# each block is divided by its largest number, sign left out, so all lie between -1 and
# 1. (These *blocks* are runs of numbers in a matrix; the blocks of the transformer are
# something else.) Our matrix, so scaled, and the levels; the two spikes at the ends are
# the largest numbers themselves, one in each block:

# %%
whole_blocks = weight.numel() // 64
blocks = weight.flatten()[: whole_blocks * 64].view(-1, 64)  # a row is a block
scaled = blocks / blocks.abs().amax(1, keepdim=True)  # by each row's largest
figure, axes = paper(
    "Histogram of a matrix's scaled numbers, a bell around 0; 16 lines, the levels, "
    "are close together where the bell is high.",
    height=3.5,
)
axes.hist(scaled.flatten(), bins=160, color=BLUE, alpha=0.6)
axes.vlines(levels, 0, axes.get_ylim()[1], color=ORANGE, linewidth=1)
axes.set_xlabel("number, divided by the largest of its block")
axes.set_ylabel("numbers in the matrix")
figure

# %% [markdown]
# ## One block by hand
#
# Divide by the largest, take the nearest level, and keep its place, 0 to 15, and the
# largest. To get the numbers back, multiply each level by the largest. (`[:, None]`
# makes a column of the 64 numbers. A column minus a row of 16 levels is a table of 64
# rows and 16 columns, and `argmin(1)` is the place of the smallest in each row.)

# %%
block = blocks[0]
largest = block.abs().max()
places = (block[:, None] / largest - levels).abs().argmin(1)
back = levels[places] * largest
print("places ", places[:6].tolist())
print("before ", *(f"{number:.4f}" for number in block[:6]))
print("after  ", *(f"{number:.4f}" for number in back[:6]))

# %% [markdown]
# The whole block in a picture; a place is one hexadecimal digit, and two of them fit
# into a byte:

# %%
diagrams.nf4(block)

# %% [markdown]
# The library does all blocks at once. Its first 32 bytes are our block:

# %%
stored = quantize(weight)
bytes_by_hand = places[0::2] * 16 + places[1::2]  # two places in a byte
assert stored["codes"][:32].tolist() == bytes_by_hand.tolist()
{name: (tuple(t.shape), t.dtype) for name, t in stored.items()}

# %% [markdown]
# `codes` are the places, two in a byte. What are the other three? The largest number of
# each block must be kept, too. At 4 bytes for 64 numbers it would cost half a bit per
# number, so QLoRA quantises these largest numbers as well (*double quantisation*), to
# one byte each. First their mean is subtracted (`scale_mean`). Then they are divided,
# in groups of 256, by the largest of the group (`scale_max`), and `scales` are the
# bytes. So one number costs:

# %%
held = sum(t.numel() * t.element_size() for t in stored.values())
# its 4 bits, its part of a block's byte, its part of a group's 4 bytes
by_hand = 4 / 8 + 1 / 64 + 4 / (64 * 256)
print(f"{held / weight.numel():.4f} bytes per number, by hand {by_hand:.4f}, before 4")
assert abs(held / weight.numel() - by_hand) < 1e-3

# %% [markdown]
# ## What is lost
#
# Most numbers are off by a little. As a share of how much the numbers themselves vary:

# %%
restored = dequantize(stored, weight.shape)
error = (restored - weight).flatten() / weight.std()
typical = error.pow(2).mean().sqrt().item()
print(f"the error is typically {typical:.1%} of the standard deviation")
figure, axes = paper(
    f"Histogram of the error, a narrow peak: typically {typical:.1%} of the spread.",
    height=3,
)
axes.hist(error * 100, bins=120, color=BLUE)
axes.set_xlabel("error (% of the weights' standard deviation)")
axes.set_ylabel("numbers in the matrix")
figure

# %% [markdown]
# (*Typically*: the root of the mean square.) Does it matter where the levels lie? Try
# the same 4 bits with 16 levels from -1 to 1 at equal distances. This error is one of
# the scaled numbers:


# %%
def typical_error(levels):
    nearest = levels[(scaled.flatten()[:, None] - levels).abs().argmin(1)]
    return (nearest - scaled.flatten()).pow(2).mean().sqrt().item()


equal = typical_error(torch.linspace(-1, 1, 16))
print(f"NF4 {typical_error(levels):.4f}, equal distances {equal:.4f}")

# %% [markdown]
# > **You should see** that NF4's error is smaller, but not by much.
#
# ## A layer that multiplies with it
#
# QLoRA stores in 4 bits, but does not multiply in 4 bits. `NF4Linear` restores the full
# matrix when it needs it, multiplies, and discards it: only one layer's full matrix
# exists at a time.

# %%
linear = copy.deepcopy(opened.gpt.blocks[0].mlp.up)
layer = NF4Linear(linear)
x = torch.randn(3, weight.shape[1])
by_hand = x @ dequantize(stored, weight.shape).T + linear.bias
torch.testing.assert_close(layer(x), by_hand, atol=1e-4, rtol=1e-4)

# %% [markdown]
# ## The memory ledger
#
# Training holds four things in memory: the weights; a
# [gradient](../docs/glossary.md#gradient) for each number that trains; the two averages
# that the [optimizer](../docs/glossary.md#optimizer) keeps for each of these; and the
# *activations*: what the layers computed on the way to the loss, kept until the
# gradients have been computed from it. `plan_memory` counts all four without building
# anything. Is it right? Take one real step with each method, and measure what was held:

# %% tags=["slow"]
ids, lengths = torch.randint(4096, (8, 64)), torch.full((8,), 64)  # any 8 messages
task, four = Task(("ham", "spam"), 64), ("full", "last_block", "lora-16", "qlora-16")
ledger = {}
for name in four:
    trial = METHODS[name].attach(opened.gpt, task, SEED)  # a model ready to train
    planned = plan_memory(opened.gpt.config, name, batch_size=8, tokens=64)
    assert measure_memory(trial, ids, lengths) == planned
    ledger[name] = vars(planned)
(pd.DataFrame(ledger).T / 1e6).round(2)  # in MB

# %% [markdown]
# Planned and measured agree to the byte, for all four methods. Not counted is what
# lives only for a moment, such as the restored matrix of one NF4 layer, nor Python and
# PyTorch themselves. So use the ledger for models that do not fit here: the four sizes
# of GPT-2, a batch of 8 messages of 64 tokens, in gigabytes.

# %%
rows = {
    name: {
        method: plan_memory(PUBLISHED[name].config, method).total / 1e9
        for method in four
    }
    for name in PUBLISHED
}
table = pd.DataFrame(rows).T
table.round(2)

# %%
last = table.iloc[-1]
words = ", ".join(f"{method} {last[method]:.1f}" for method in table.columns)
figure, axes = paper(f"Bars of memory by size and method; GPT-2 XL in GB: {words}.")
table.plot.bar(ax=axes, rot=0, color=["#8a8a8a", "#b9c7e8", BLUE, ORANGE], width=0.8)
axes.set_xlabel("model")
axes.set_ylabel("held in training (GB)")
axes.legend(frameon=False)
figure

# %% [markdown]
# LoRA saves most of the gradients and averages; QLoRA saves most of the weights, too.
# Neither saves activations, because the gradient has to pass through all blocks. If
# only the last block trains, as in the book's chapter 6, it need not pass through the
# blocks below: few gradients and few activations. For the largest GPT-2, full
# finetuning holds seven times what QLoRA holds.
#
# ## Does it still learn?
#
# LoRA beside the full matrices and beside the 4-bit ones, the same messages, the same
# seed:

# %%
layout = Layout(text=TEXT, label=LABEL)
data = open_splits(DATA, layout=layout, cache_dir="../data", seed=SEED)
lesson_names(data.df, most=None)  # are there enough messages?

# %% tags=["slow"]
how = {"config": {"epochs": EPOCHS}, "seed": SEED, "device": DEVICE}
for name in ("lora-16", "qlora-16"):
    report = spamft.finetune(data, opened, name, **how).reports["test"]
    low, high = report.interval
    print(f"{name:8s} {report.accuracy:.1%} of the test part ({low:.1%} to {high:.1%})")

# %% [markdown]
# One run of each does not say which is better. Five seeds each in notebook 12 have
# 95.2 % for LoRA and 95.7 % for QLoRA, within the spread of the seeds. So it learns,
# beside matrices that take an eighth of the memory.
#
# ## What just happened
#
# - A number became one of 16 levels, placed where a normal distribution has most of its
#   values, and 64 numbers share a scale: 0.516 bytes per number.
# - The layer restores full numbers for one product at a time, and gradients pass
#   through it to A and B.
# - What each method holds in memory can be computed, and the computation was checked.
#
# ## What if?
#
# Three questions. Below each put a letter for the first `...`, and for the second the
# chance that you are right, from 0.33 (a blind guess) to 1. Then each choice is
# explained.

# %%
ask("10.q1")

# %% tags=["guess-q1"]
guess("10.q1", ..., sure=...)

# %% [markdown]
# The second one:

# %%
ask("10.q2")

# %% tags=["guess-q2"]
guess("10.q2", ..., sure=...)

# %% [markdown]
# And the third:

# %%
ask("10.q3")

# %% tags=["guess-q3"]
guess("10.q3", ..., sure=...)

# %% [markdown]
# ## Exercises
#
# Guess, then compute. A number that you guess counts as right within a tenth. The cell
# with `check` says whether you are right and why, and what a usual mistake confuses.
# Solutions: `src/solutions/10_qlora.py`.
#
# **1.** *Guess:* does the largest number of a block change when it is quantised (not
# counting the rounding of its scale), `"yes"` or `"no"`?

# %% tags=["guess-1"]
guess("10.1", ..., sure=...)

# %% [markdown]
# Which level does the largest number of `block` get? Give it as a positive number.

# %% tags=["exercise-1"]
level_of_the_largest = ...

# %% tags=["check-1"]
check("10.1", level_of_the_largest, block=block)

# %% [markdown]
# **2.** *Guess:* how many gigabytes (1e9 bytes) do 7 billion numbers take in NF4?

# %% tags=["guess-2"]
guess("10.2", ..., sure=...)

# %% [markdown]
# Compute it, to one digit after the point:

# %% tags=["exercise-2"]
gigabytes = ...

# %% tags=["check-2"]
check("10.2", gigabytes)

# %% [markdown]
# **3.** *Guess:* a block has one huge number and 63 small ones. Are the small ones kept
# well, `"yes"` or `"no"`?

# %% tags=["guess-3"]
guess("10.3", ..., sure=...)

# %% [markdown]
# Quantise `outlier` and restore it. Which share of its numbers comes back as 0?

# %% tags=["exercise-3"]
outlier = torch.randn(64, generator=torch.Generator().manual_seed(1)) * 0.02
outlier[0] = 5.0
lost = ...

# %% tags=["check-3"]
check("10.3", lost, outlier=outlier)

# %% [markdown]
# **Next:** [11 · Instruction finetuning](11_instructions.ipynb): the same task in
# words.
