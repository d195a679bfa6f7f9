# %% [markdown]
# # 12 · Choose: which method of finetuning, and when?
#
# - **You will** put baselines, prompts and classifiers side by side on the same
#   messages, read the table with its intervals, and learn when not to finetune at
#   all.
# - **You need** the names of the methods: notebooks 0 and 7 to 11.
# - **It takes** 15 minutes to read and a minute to run with the bundled GPT, longer
#   with GPT-2.
# - **A file of your own** works, too: `DATA = "mine.csv"`, with two or more classes and
#   at least 100 messages of each; TEXT and LABEL name its columns, if they are not Text
#   and Label.
#
# The lecture lists the types of finetuning. Here they meet on one task.

# %%
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from spamft.experiments.compare import ENTRIES, compare
from spamft.experiments.table import interval, paired_test
from spamft.insight.baselines import BASELINES
from spamft.methods.method import METHODS
from spamft.plots import plot_comparison
from spamft.reading.layout import Layout
from spamft.sources import open_model, open_splits
from spamft.sources.lessons import lesson_names

# %% tags=["parameters"]
DATA = "auto"
TEXT, LABEL = None, None  # the columns of a file of your own
MODEL = "gpt"
SEEDS = 3
DEVICE = "auto"  # or "cuda", "mps", "cpu"
FOLDER = Path("runs/notebook-12")  # for the tables; a folder for each DATA and MODEL

# %% [markdown]
# ## All methods on one list
#
# `ENTRIES` has what the comparison knows: baselines without any GPT, prompts without
# any training, class heads with more and more of the model training, LoRA, QLoRA,
# instructions, a regression on frozen features, and the same network from random
# weights.

# %%
list(ENTRIES)

# %% [markdown]
# All of them take many minutes, so this page runs the quick part: the baselines, the
# prompts, the head alone and the last block, three seeds each for the last two. The
# command line runs all: `spamft compare --output runs/compare`. Either can be stopped
# and resumes where it was.

# %% tags=["slow"]
layout = Layout(text=TEXT, label=LABEL)
data, opened = open_splits(DATA, layout=layout, cache_dir="../data"), open_model(MODEL)
lesson_names(data.df, most=None)  # are there enough messages?
prompts = [METHODS[key].name for key in ("zero-shot", "few-shot")]
quick = [*BASELINES, *prompts, "head only", "last block"]
entries = {name: ENTRIES[name] for name in quick}
options = {"seeds": SEEDS, "device": DEVICE, "log": print}
comparison = compare(data, opened, FOLDER, entries=entries, **options)
frame = comparison.table

# %%
columns = [
    "method",
    "accuracy",
    "interval_low",
    "interval_high",
    "mcc",
    "difference",
    "p_value",
    "seconds",
]
frame[columns].round(3)

# %% [markdown]
# `difference` and `p_value` compare each method with the best baseline. The test part
# must not choose that one, or it would be the one that was lucky there: the validation
# part does.

# %%
frame["baseline"][0]

# %% [markdown]
# ## Read the interval first
#
# The test part has a few hundred messages, so chance has a part in an accuracy. The
# interval says which accuracies the same model might have shown on other messages of
# that kind. By hand: draw the test messages again, with replacement, and again; 95 %
# of the accuracies lie between the ends of the interval.

# %%
right = comparison.right("last block")  # (seeds, N)
per_message = right.mean(0)
rng = np.random.default_rng(0)
drawn = rng.integers(len(per_message), size=(4000, len(per_message)))
by_hand = np.quantile(per_message[drawn].mean(1), [0.025, 0.975])
assert np.allclose(by_hand, interval(right))
print(f"last block: {right.mean():.1%}, {by_hand[0]:.1%} to {by_hand[1]:.1%}")

# %% [markdown]
# ## The same messages: a sharper test
#
# Two intervals that overlap do not prove that two methods are equal, because both were
# tested on the *same* messages. McNemar's test uses only the messages on which they
# differ: if neither is better, each is right on half of those, like a coin. Of the last
# block's models take that of the first seed.

# %%
ours, svm = right[0] > 0, comparison.right("TF-IDF + SVM")[0] > 0
only_ours, only_svm = (ours & ~svm).sum(), (svm & ~ours).sum()
print(f"only the GPT is right on {only_ours}, only TF-IDF + SVM on {only_svm} messages")
print(f"p = {paired_test(ours, svm):.2f}")

# %% [markdown]
# By hand: that many heads in that many throws of a fair coin, or a split even less
# even, on either side.

# %%
differ = max(1, int(only_ours + only_svm))  # a coin is thrown at least once
by_hand = binomtest(int(only_ours), differ).pvalue
assert abs(by_hand - paired_test(ours, svm)) < 1e-9

# %% [markdown]
# The p is the chance of a split at least as uneven as this if neither is better.
# Above 0.05, say nothing about which is better. How uneven must a split be for p <
# 0.05? For as many messages as differ here:

# %%
sides = range(differ // 2, differ + 1)
needed = next((k for k in sides if binomtest(k, differ).pvalue < 0.05), None)
print(f"of {differ} messages one method must win {needed or 'more than all'}")

# %% [markdown]
# One seed may be lucky. With all of them, a message counts by the share of seeds that
# are right; if neither method is better, each difference might as well have the other
# sign. By hand: throw a coin for every sign, 4,000 times over.

# %%
apart = per_message - svm
signs = rng.choice([-1, 1], size=(4000, len(apart)))
by_hand = np.mean(abs(signs @ apart) > abs(apart.sum()) - 1e-6)
assert abs(by_hand - paired_test(right, svm)) < 0.05
print(f"all seeds: p = {paired_test(right, svm):.2f}, by 4,000 throws {by_hand:.2f}")

# %% [markdown]
# ## The whole comparison
#
# Measured with all methods, five seeds for each that draws by chance, on the SMS Spam
# Collection (5,574 messages, leak-free split) with the bundled GPT, by `spamft compare
# --data sms+spam+collection.zip --model tiny --output runs/compare`. Lowest and highest
# are over the seeds.

# %%
whole = pd.read_csv("results/uci.csv")
whole[["method", "accuracy", "lowest", "highest", "mcc", "seconds"]].round(3)

# %%
plot_comparison(whole)

# %% [markdown]
# Each row is a method, the best at the top. The bar is its interval, the stroke its
# mean, and the thin line goes from its lowest to its highest seed; the number is the
# mean again. An arrow says that it is too low for the axis. The vertical line is the
# best baseline. On the right are the time and how many parameters train. The majority
# class scores below 50 % because the larger class in training is the smaller one in the
# test part.
#
# How many points lie between each method and the best baseline?

# %%
accuracy = whole.set_index("method")["accuracy"]
points = 100 * (accuracy - accuracy[whole["baseline"][0]])
points.round(1).sort_values(ascending=False)

# %% [markdown]
# Which methods lie within the interval of the best one?

# %%
best = whole.loc[whole["accuracy"].idxmax()]
inside = whole[whole["accuracy"] >= best["interval_low"]]["method"].tolist()
print(f"within the interval of the best: {', '.join(inside)}")

# %% [markdown]
# Read it as a first look. A method inside the interval is close to the best one; only a
# paired test on the same messages can say more. Well below it are the majority class,
# the length rule, the prompts and the head alone, which can only weigh what the
# frozen body happens to give. And TF-IDF, with no GPT and no seconds, is among the
# best.
#
# What do accuracy and price say together? The price of a method is what trains, the
# file per task, and the time. `peak_MB` is the whole process, Python and PyTorch
# included, some 370 MB before anything trains. So QLoRA saves nothing visible here:
# the frozen matrices of the small GPT are only 25 MB, and making full numbers costs
# time. It pays for large models; notebook 10 has the bill.

# %%
price = whole.set_index("method")[["trained", "file_bytes", "seconds", "peak_bytes"]]
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
# | 16 to 32 labels | a pretrained model, with TF-IDF beside it (see the README) |
# | one model, many tasks | LoRA: a small file per task |
# | the model hardly fits into memory | QLoRA |
# | answers in words, several instructions | instruction finetuning, with more data |
#
# The first two lines were measured, on spam messages and a small GPT; with a thousand
# labels even random weights come close. The others follow from what each method stores
# and can express. With GPT-2 and with another task it may come out otherwise, and the
# comparison is one command.
#
# ## What just happened
#
# - All methods met on the same test messages, with seeds, intervals and a paired
#   test.
# - Inside the interval, ask a paired test before you call one better.
# - The cheapest method within the best one's interval is the one to take.
#
# ## Exercises
#
# Predict first, then compute. Replace the `...`; the cell below says nothing if you
# are right, and gives a hint if not. Solutions: `src/solutions/12_which_one_when.py`.
#
# **1.** *Predict:* two methods are right on 290 and 285 of 300 messages, and whenever
# the second one is right, so is the first. Is that enough for p < 0.05? Compute p
# with `paired_test`, for two arrays of 300 truth values.

# %% tags=["exercise-1"]
p_value = ...

# %% tags=["check-1"]
if p_value is not ...:
    places = np.arange(300)
    assert abs(p_value - paired_test(places < 290, places < 285)) < 1e-9, (
        "Hint: only 5 messages count, all on one side: twice one half to the fifth."
    )

# %% [markdown]
# **2.** *Predict:* which of the quick methods is the cheapest within the best one's
# interval? Put into `choice` the name of the method with the fewest seconds among those
# in `frame` whose accuracy is at least the best one's `interval_low`.

# %% tags=["exercise-2"]
choice = ...

# %% tags=["check-2"]
if choice is not ...:
    top = frame.loc[frame["accuracy"].idxmax()]
    close = frame[frame["accuracy"] >= top["interval_low"]]
    assert choice == close.loc[close["seconds"].idxmin(), "method"], (
        "Hint: filter by accuracy, then idxmin of seconds."
    )

# %% [markdown]
# **3.** *Predict:* how much narrower is an interval with four times as many messages?
# Put into `ratio` the width for `guesses` divided by the width for `guesses` four times
# over (`np.tile(guesses, 4)`).

# %% tags=["exercise-3"]
guesses = comparison.right("majority class")
ratio = ...

# %% tags=["check-3"]
if ratio is not ...:
    widths = [np.diff(interval(each))[0] for each in (guesses, np.tile(guesses, 4))]
    assert abs(ratio - widths[0] / widths[1]) < 1e-6 and 1.5 < ratio < 2.5, (
        "Hint: interval gives (low, high); the width shrinks with the square root."
    )

# %% [markdown]
# **Next:** your own messages: `spamft compare --data yours.csv --output out`, or back
# to [0 · What is finetuning](00_what_is_finetuning.ipynb).
