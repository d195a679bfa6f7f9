# %% [markdown]
# # 10 · Store frozen matrices in 4 bits: QLoRA
#
# - **You will** quantise a weight to 16 levels by hand, see the error, count the
#   bytes of four methods of finetuning for four sizes of GPT-2, and train LoRA on top
#   of 4 bits.
# - **You need** LoRA (notebook 9).
# - **It takes** 15 minutes to read and a minute to run with the bundled GPT, some
#   minutes with GPT-2.
# - **A file of your own** works, too: `DATA = "mine.csv"`, with two or more classes and
#   at least 100 messages of each; TEXT and LABEL name its columns, if they are not Text
#   and Label.
#
# The lecture names QLoRA beside LoRA. The Q stands for quantised: the frozen matrices
# are held in 4 bits a number instead of 32.

# %%
import copy

import pandas as pd
import torch

import spamft
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
# 4 bits can tell 16 values apart. Which 16? Numbers of trained matrices are
# distributed nearly like a bell. NF4, *normal float*, puts its levels where a bell
# has its numbers: close together around 0, and far apart at the ends.

# %%
levels = nf4_levels()
[round(level, 3) for level in levels.tolist()]

# %% [markdown]
# Before that, numbers are brought to a common size: every block of 64 is divided by
# its largest one, leaving out the sign, so all lie between -1 and 1. The blocks of
# our matrix, and the levels (the two spikes at the ends are the largest numbers
# themselves, one in each block):

# %%
blocks = weight.flatten()[: weight.numel() // 64 * 64].view(-1, 64)
scaled = blocks / blocks.abs().amax(1, keepdim=True)
figure, axes = paper(
    "Histogram of a matrix's scaled numbers, a bell around 0; 16 lines, the levels, "
    "are close together where the bell is high."
)
axes.hist(scaled.flatten(), bins=160, color=BLUE, alpha=0.6)
axes.vlines(levels, 0, axes.get_ylim()[1], color=ORANGE, linewidth=1)
axes.set_xlabel("number, divided by its block's largest")
axes.set_ylabel("numbers in the matrix")
figure

# %% [markdown]
# ## One block by hand
#
# Divide by the largest, take the nearest level, remember its place (0 to 15) and the
# largest. To get numbers back: the level times the largest.

# %%
block = blocks[0]
largest = block.abs().max()
places = (block[:, None] / largest - levels).abs().argmin(1)
back = levels[places] * largest
print(places[:8].tolist())
print(
    [round(x, 4) for x in block[:4].tolist()], [round(x, 4) for x in back[:4].tolist()]
)

# %% [markdown]
# The library does all blocks at once and packs two places into a byte, the first into
# the high half. Its first 32 bytes are our block:

# %%
stored = quantize(weight)
bytes_by_hand = places[0::2] * 16 + places[1::2]
assert stored["codes"][:32].tolist() == bytes_by_hand.tolist()
{name: (tuple(t.shape), t.dtype) for name, t in stored.items()}

# %% [markdown]
# What are the other three? The largest number of each block must be kept, 4 bytes for
# 64 numbers, half a bit for each. QLoRA quantises these as well (*double
# quantisation*): a byte each, in blocks of 256: `scales` are the bytes, `scale_max`
# the largest of 256, and `scale_mean` their mean, taken off before. So one number
# costs:

# %%
held = sum(t.numel() * t.element_size() for t in stored.values())
by_hand = 4 / 8 + 1 / 64 + 4 / (64 * 256)
print(f"{held / weight.numel():.4f} bytes a number, by hand {by_hand:.4f}, before 4")
assert abs(held / weight.numel() - by_hand) < 1e-3

# %% [markdown]
# ## What is lost
#
# Most numbers are off by a little. Relative to the numbers' own spread:

# %%
restored = dequantize(stored, weight.shape)
error = (restored - weight).flatten() / weight.std()
typical = error.pow(2).mean().sqrt().item()
figure, axes = paper(
    f"Histogram of the error, a narrow peak: typically {typical:.1%} of the spread.",
    height=3,
)
axes.hist(error * 100, bins=120, color=BLUE)
axes.set_xlabel("error (% of the weights' standard deviation)")
axes.set_ylabel("numbers in the matrix")
figure

# %% [markdown]
# Equally spaced levels would do a little worse on a bell. Try it: the same 4 bits, 16
# levels from -1 to 1 with equal gaps.


# %%
def typical_error(levels):
    nearest = levels[(scaled.flatten()[:, None] - levels).abs().argmin(1)]
    return (nearest - scaled.flatten()).pow(2).mean().sqrt().item()


equal = typical_error(torch.linspace(-1, 1, 16))
print(f"NF4 {typical_error(levels):.4f}, equal gaps {equal:.4f}")

# %% [markdown]
# ## A layer that multiplies with it
#
# QLoRA stores in 4 bits, but does not multiply in 4 bits. `NF4Linear` makes the full
# numbers when it needs them, multiplies, and discards them. They exist for one layer
# at a time.

# %%
linear = copy.deepcopy(opened.gpt.blocks[0].mlp.up)
layer = NF4Linear(linear)
x = torch.randn(3, weight.shape[1])
by_hand = x @ dequantize(stored, weight.shape).T + linear.bias
torch.testing.assert_close(layer(x), by_hand, atol=1e-4, rtol=1e-4)

# %% [markdown]
# ## The memory ledger
#
# What is held in training: the weights, a gradient and two averages for each number
# that trains, and the *activations*, what the forward pass keeps for the backward
# one. `plan_memory` counts them without building anything. Is it right? Take one real
# step and measure what was held:

# %% tags=["slow"]
ids, lengths = torch.randint(4096, (8, 64)), torch.full((8,), 64)
task, four = Task(("ham", "spam"), 64), ("full", "last_block", "lora-16", "qlora-16")
for name in four:
    trial = METHODS[name].attach(opened.gpt, task, SEED)
    planned = plan_memory(opened.gpt.config, name, batch_size=8, tokens=64)
    assert measure_memory(trial, ids, lengths) == planned
print(planned)

# %% [markdown]
# To the byte, for all four methods (printed: QLoRA). Not counted is what lives only
# for a moment, such as the full matrix of one NF4 layer, and Python and PyTorch
# themselves. The rest can be computed for sizes that do not fit here: the four GPT-2,
# a batch of 8 messages of 64 tokens, in gigabytes:

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
# LoRA saves gradients and averages; QLoRA also the weights. The activations remain,
# for the gradient must pass through all blocks. Training only the last block keeps
# few gradients, and few activations, for nothing must pass through the blocks below;
# that is the lecture's method. For the largest GPT-2 the bill of a full finetuning is
# seven times that of QLoRA.
#
# ## Does it still learn?
#
# LoRA on the full matrices and on the 4-bit ones, one epoch each, the same seed:

# %%
layout = Layout(text=TEXT, label=LABEL)
data = open_splits(DATA, layout=layout, cache_dir="../data", seed=SEED)
lesson_names(data.df, most=None)  # are there enough messages?

# %% tags=["slow"]
how = {"config": {"epochs": 1}, "seed": SEED, "device": DEVICE}
for name in ("lora-16", "qlora-16"):
    report = spamft.finetune(data, opened, name, **how).reports["test"]
    low, high = report.interval
    print(f"{name:8s} {report.accuracy:.2%} ({low:.1%} to {high:.1%})")

# %% [markdown]
# One epoch and one seed decide nothing; notebook 12 has five seeds. But it learns,
# from matrices that take an eighth of the room.
#
# ## What just happened
#
# - A number became one of 16 levels, placed where a bell has its numbers, and a block
#   of 64 shares a scale: 0.516 bytes a number.
# - The layer makes full numbers for one product at a time, and gradients pass
#   through.
# - What each method holds in memory can be computed, and the computation be checked.
#
# ## Exercises
#
# Predict first, then compute. Replace the `...`; the cell below says nothing if you
# are right, and gives a hint if not. Solutions: `src/solutions/10_qlora.py`.
#
# **1.** *Predict:* does the largest number of a block change when it is quantised
# (not counting the rounding of its scale)? Put its level into `level_of_the_largest`,
# for `block` above, as a positive number.

# %% tags=["exercise-1"]
level_of_the_largest = ...

# %% tags=["check-1"]
if level_of_the_largest is not ...:
    assert level_of_the_largest == levels[places[block.abs().argmax()]].abs(), (
        "Hint: divided by itself it is 1 or -1, and both are levels."
    )

# %% [markdown]
# **2.** *Predict:* how many bytes would the linear layers of a model with 7 billion
# numbers in them take, in NF4? In gigabytes (1e9 bytes), to one digit after the
# point.

# %% tags=["exercise-2"]
gigabytes = ...

# %% tags=["check-2"]
if gigabytes is not ...:
    right_answer = 7 * (4 / 8 + 1 / 64 + 4 / (64 * 256))
    assert round(gigabytes, 1) == round(right_answer, 1), "Hint: 7 times 0.516."

# %% [markdown]
# **3.** *Predict:* a block with one huge number and 63 small ones: are the small ones
# kept well? Put into `lost` the share of numbers of `outlier` that come back as 0.

# %% tags=["exercise-3"]
outlier = torch.randn(64, generator=torch.Generator().manual_seed(1)) * 0.02
outlier[0] = 5.0
lost = ...

# %% tags=["check-3"]
if lost is not ...:
    expected = (dequantize(quantize(outlier), (64,)) == 0).float().mean().item()
    assert abs(lost - expected) < 1e-6 and lost > 0.9, (
        "Hint: (dequantize(quantize(outlier), (64,)) == 0).float().mean()."
    )

# %% [markdown]
# **Next:** [11 · Instruction finetuning](11_instructions.ipynb): the same task in
# words.
