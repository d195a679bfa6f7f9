# %% [markdown]
# # 12 · Choose: which way of finetuning, and when?
#
# - **You will** put baselines, prompts and classifiers side by side on the same
#   messages, read the table with its intervals, and learn when not to finetune at
#   all.
# - **You need** the names of the ways: notebooks 0 and 7 to 11.
# - **It takes** 15 minutes to read and a minute to run with the bundled GPT, longer
#   with GPT-2.
#
# The lecture lists the types of finetuning. Here they meet on one task.

# %%
import json
from pathlib import Path

import numpy as np
import pandas as pd

from spamft.methods.compare import ROWS, compare
from spamft.methods.table import interval, mcnemar
from spamft.plots import BLUE, GREY, ORANGE, paper, plot_comparison

# %% tags=["parameters"]
DATA = "auto"
MODEL = "auto"
SEEDS = 3
FOLDER = Path("runs/notebook-12")  # for the tables; delete it to begin anew

# %% [markdown]
# ## All ways on one list
#
# `ROWS` says what the comparison knows: baselines without any GPT, prompts without
# any training, class heads with more and more of the model training, LoRA, QLoRA,
# instructions, and the same network from random weights.

# %%
[row.name for row in ROWS]

# %% [markdown]
# All of them take many minutes, so this page runs the quick half: what needs no
# training, the head alone and the last block, three seeds each. The command line runs
# all: `python -m spamft compare --output runs/compare`. Either can be stopped and
# goes on where it was.

# %%
quick = (
    "majority",
    "length",
    "TF-IDF",
    "zero-shot",
    "few-shot",
    "head only",
    "last block",
)
rows = [row for row in ROWS if row.name.startswith(quick)]
frame = compare(
    DATA, MODEL, FOLDER, rows=rows, seeds=SEEDS, folder="../data", say=print
)

# %%
columns = [
    "way",
    "accuracy",
    "interval_low",
    "interval_high",
    "mcc",
    "trained",
    "seconds",
]
frame[columns].round(3)

# %% [markdown]
# ## Read the interval first
#
# The test part has a few hundred messages, so an accuracy is a draw. The interval
# says which accuracies the same model might have shown on other messages of that
# kind. By hand: draw the test messages again, with replacement, and again; 95 % of
# the accuracies lie between its ends.

# %%
cells = [
    json.loads(p.read_text()) for p in sorted(FOLDER.glob("cells/last-block-*.json"))
]
right = np.array([cell["right"] for cell in cells])  # (seeds, messages)
per_message = right.mean(0)
rng = np.random.default_rng(0)
drawn = rng.integers(len(per_message), size=(4000, len(per_message)))
by_hand = np.quantile(per_message[drawn].mean(1), [0.025, 0.975])
assert np.allclose(by_hand, interval(right))
print(f"last block: {right.mean():.1%}, {by_hand[0]:.1%} to {by_hand[1]:.1%}")

# %% [markdown]
# ## The same messages: a sharper test
#
# Two intervals that overlap do not prove that two ways are equal, because both were
# asked the *same* messages. McNemar's test looks only at messages on which they
# differ: if neither is better, each is right on half of those, like a coin.

# %%
other = json.loads((FOLDER / "cells" / "tf-idf---svm-0.json").read_text())
ours, svm = per_message > 0.5, np.array(other["right"]) > 0
only_ours, only_svm = (ours & ~svm).sum(), (svm & ~ours).sum()
print(f"only the GPT is right on {only_ours}, only TF-IDF + SVM on {only_svm} messages")
print(f"p = {mcnemar(ours, svm):.2f}")

# %% [markdown]
# The p is the chance of a split at least as uneven as this if neither is better.
# Above 0.05, say nothing about which is better. How many coin flips would have to
# fall to one side to be convinced? Of the messages on which the two differ:

# %%
differ = int(only_ours + only_svm)
trials = {k: mcnemar(*np.eye(2, dtype=bool)[[0] * k + [1] * (differ - k)].T)
          for k in range(differ // 2, differ + 1)}  # fmt: skip
needed = min((k for k, p in trials.items() if p < 0.05), default=None)
print(f"of {differ} messages, {needed} must be right in one of the two alone")

# %% [markdown]
# ## The whole comparison
#
# Measured once with all ways and five seeds, on the SMS Spam Collection (5,574
# messages, leak-free split) with the bundled GPT, by `python -m spamft compare --data
# sms+spam+collection.zip --model tiny --output runs/compare`:

# %%
whole = pd.read_csv("results/uci.csv")
whole[["way", "accuracy", "lowest", "highest", "mcc", "mcnemar_p"]].round(3)

# %%
plot_comparison(whole)

# %% [markdown]
# Each number in the picture is a way, its line the interval, its size the parameters
# that train, and to the right it gets expensive. Put the ways in order, with the best
# one's interval drawn through:

# %%
ordered = whole.sort_values("accuracy")
best = ordered.iloc[-1]
figure, axes = paper(
    f"Bars of accuracy in order; the best is {best['way']}, {best['accuracy']:.1%}.",
    height=4.6,
)
colors = np.where(
    ordered["trained"] > 1e5, ORANGE, np.where(ordered["seeds"] > 1, BLUE, GREY)
)
axes.barh(ordered["way"], ordered["accuracy"] * 100, color=colors)
for edge in (best["interval_low"], best["interval_high"]):
    axes.axvline(edge * 100, color="black", linewidth=0.8, linestyle=":")
axes.set_xlim(45, 100)
axes.set_xlabel("test accuracy (%); dotted: the best one's 95 % interval")
axes.set_ylabel("way")
axes.grid(axis="y", visible=False)
figure

# %%
inside = whole[whole["accuracy"] >= best["interval_low"]]["way"].tolist()
print(f"within the interval of the best: {', '.join(inside)}")

# %% [markdown]
# Read it like this. Everything that the interval of the best one covers has not been
# told apart from it by these messages. Below it are the ways that lose something for
# sure: what does not train, and the head alone, which can only weigh what the frozen
# body happens to say.
#
# What do accuracy and price say together? The price of a way is what trains (memory),
# the file per task, and the time:

# %%
price = whole.set_index("way")[["trained", "file_bytes", "seconds", "peak_bytes"]]
price = price.assign(
    file_MB=price.pop("file_bytes") / 1e6, peak_MB=price.pop("peak_bytes") / 1e6
)
price.round(2)

# %% [markdown]
# ## A rule of thumb, and its limits
#
# | your situation | begin with |
# |---|---|
# | a thousand labelled texts of one kind | TF-IDF; then see what a GPT adds |
# | a few dozen labels | a pretrained model (the README has 16 to 128) |
# | one model, many tasks | LoRA: a small file a task |
# | the model hardly fits into memory | QLoRA |
# | answers in words, several instructions | instruction finetuning, with more data |
#
# All of this was measured on spam messages and a small GPT. With GPT-2 and with
# another task it may come out otherwise, and the comparison is one command.
#
# ## What just happened
#
# - Fifteen ways met on the same messages, with seeds, intervals and a paired test.
# - Differences inside the interval are not differences yet.
# - The cheapest way within the best one's interval is the one to take.
#
# ## Exercises
#
# Predict first, then compute. Replace the `...`; the cell below says nothing if you
# are right, and gives a hint if not. Solutions: `src/solutions/12_which_one_when.py`.
#
# **1.** *Predict:* two ways are right on 290 and 285 of 300 messages, and whenever
# the second one is right, so is the first. Is that enough for p < 0.05? Compute p
# with `mcnemar`, for two arrays of 300 truth values.

# %% tags=["exercise-1"]
p_value = ...

# %% tags=["check-1"]
if p_value is not ...:
    places = np.arange(300)
    assert p_value == mcnemar(places < 290, places < 285), (
        "Hint: only 5 messages count, all on one side: twice one half to the fifth."
    )

# %% [markdown]
# **2.** *Predict:* which of the quick ways is the cheapest within the best one's
# interval? Put into `choice` the name of the way with the fewest seconds among those
# in `frame` whose accuracy is at least the best one's `interval_low`.

# %% tags=["exercise-2"]
choice = ...

# %% tags=["check-2"]
if choice is not ...:
    top = frame.loc[frame["accuracy"].idxmax()]
    close = frame[frame["accuracy"] >= top["interval_low"]]
    assert choice == close.loc[close["seconds"].idxmin(), "way"], (
        "Hint: filter by accuracy, then idxmin of seconds."
    )

# %% [markdown]
# **3.** *Predict:* how much narrower is an interval with four times as many messages?
# Put into `ratio` the width for `right` divided by the width for `right` four times
# over (`np.tile(right, 4)`).

# %% tags=["exercise-3"]
ratio = ...

# %% tags=["check-3"]
if ratio is not ...:
    widths = [np.diff(interval(each))[0] for each in (right, np.tile(right, 4))]
    assert abs(ratio - widths[0] / widths[1]) < 1e-6 and 1.5 < ratio < 2.5, (
        "Hint: interval gives (low, high); the width shrinks with the square root."
    )

# %% [markdown]
# **Next:** your own messages: `python -m spamft compare --data yours.csv --output
# out`, or back to [0 · What is finetuning](00_what_is_finetuning.ipynb).
