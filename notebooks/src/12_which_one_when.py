# %% [markdown]
# # 12 · Choose: which method of finetuning, and when?
#
# - **You will** put baselines and classifiers side by side on the same messages, read
#   the table with its intervals and tests, and learn when not to finetune at all.
# - **You need** the names of the methods: notebooks 0 and 7 to 11.
# - **It takes** 25 minutes to read, 20 for questions and exercises. The page runs in
#   a minute with the bundled GPT, longer with GPT-2.
# - **A file of your own** works, too: `DATA = "mine.csv"`, with two or more classes and
#   at least 100 messages of each; TEXT and LABEL name its columns, if they are not Text
#   and Label.
# - **The outputs stored here** were made on the bundled sample with the small GPT. The
#   section "The whole comparison" shows stored results of the SMS collection.
#
# The lecture lists the types of finetuning. Here they meet on one task. In the book:
# section 6.5 and its exercises; its repository has a table of 19 variants of chapter 6,
# each run with one seed ([names there and here](../docs/lecture.md)).

# %%
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.stats import binomtest

from spamft import diagrams
from spamft.check import ask, check, guess
from spamft.experiments.compare import ENTRIES, compare
from spamft.experiments.table import interval, paired_test
from spamft.insight.baselines import BASELINES
from spamft.plots import plot_comparison
from spamft.reading.layout import Layout
from spamft.sources import open_model, open_splits
from spamft.sources.lessons import lesson_names

# %% tags=["parameters"]
DATA = "auto"
TEXT, LABEL = None, None  # the columns of a file of your own
MODEL = "gpt"
SEEDS = 3
EPOCHS = 3  # as in the whole comparison
DEVICE = "auto"  # or "cuda", "mps", "cpu"
FOLDER = Path("runs/notebook-12")  # for the tables; a folder for each DATA and MODEL

# %% [markdown]
# ## All methods on one list
#
# Two choices have to be made: whether the model is to answer with a label or in words,
# and how much of it trains.

# %%
diagrams.finetuning_kinds()

# %% [markdown]
# The comparison knows more than these. [Baselines](../docs/glossary.md#baseline) use no
# GPT at all, and prompts use it untrained. Frozen features are what its blocks give,
# read by a logistic regression. Random weights show what pretraining is worth.

# %%
print(*ENTRIES, sep="\n")

# %% [markdown]
# All of them take many minutes, so this page runs the quick part: the baselines, the
# head alone and the last block, these two with three seeds each and for three epochs
# (notebooks 7 and 8 train for five, 9 to 11 for one). The parts are free of leaks, as
# in notebook 9. The command line runs all: `spamft compare --output runs/compare`.
# Either can be stopped, and resumes where it was.

# %% tags=["slow"]
layout = Layout(text=TEXT, label=LABEL)
data, opened = open_splits(DATA, layout=layout, cache_dir="../data"), open_model(MODEL)
lesson_names(data.df, most=None)  # are there enough messages?
entries = {name: ENTRIES[name] for name in [*BASELINES, "head only", "last block"]}
options = {"seeds": SEEDS, "epochs": EPOCHS, "device": DEVICE, "log": print}
comparison = compare(data, opened, FOLDER, entries=entries, **options)
frame = comparison.table

# %%
frame[["method", "accuracy", "interval_low", "interval_high", "seconds"]].round(3)

# %% [markdown]
# ## Read the interval first
#
# The test part has a few hundred messages, so part of each accuracy is chance. The
# interval says which accuracies the same model might have shown on other messages of
# that kind. By hand: draw as many test messages again, with replacement, 4,000 times
# over (a *bootstrap*). 95 % of these accuracies lie between the ends of the interval.

# %%
right = comparison.right("last block")  # (seeds, N): 1 or 0 per test message
per_message = right.mean(0)
rng = np.random.default_rng(0)  # 0: its seed
drawn = rng.integers(len(per_message), size=(4000, len(per_message)))
by_hand = np.quantile(per_message[drawn].mean(1), [0.025, 0.975])
assert np.allclose(by_hand, interval(right))
print(f"last block: {right.mean():.1%}, {by_hand[0]:.1%} to {by_hand[1]:.1%}")

# %% [markdown]
# ## The same messages: a sharper test
#
# Two intervals that overlap do not prove that two methods are equal, because both were
# tested on the *same* messages. *McNemar's test* uses only the messages on which the
# two differ: if neither method is better, each wins half of those, like a coin. Compare
# TF-IDF + SVM with the first of the last block's models:

# %%
# [0]: the first seed; > 0 makes True and False of 1 and 0
ours, svm = right[0] > 0, comparison.right("TF-IDF + SVM")[0] > 0
only_ours, only_svm = (ours & ~svm).sum(), (svm & ~ours).sum()
print(f"only the GPT is right on {only_ours}, only TF-IDF + SVM on {only_svm} messages")
print(f"p = {paired_test(ours, svm):.2f}")

# %% [markdown]
# p is the chance of a split at least as uneven as this one, to either side, if neither
# method is better. By hand, with a fair coin thrown once for each message on which they
# differ:

# %%
differ = max(1, int(only_ours + only_svm))  # a coin is thrown at least once
by_hand = binomtest(int(only_ours), differ).pvalue
assert abs(by_hand - paired_test(ours, svm)) < 1e-9

# %% [markdown]
# A difference with p below 0.05 is called *significant*. Above that, do not say which
# method is better. How uneven must the split be? For as many messages as differ here:

# %%
sides = range(differ // 2, differ + 1)
needed = next((k for k in sides if binomtest(k, differ).pvalue < 0.05), None)
print(f"of {differ} messages one method must win {needed or 'more than all'}")

# %% [markdown]
# One seed may be lucky. With all seeds, a message counts by the share of them that are
# right on it. If neither method is better, each difference might as well have the
# opposite sign. By hand: throw a coin for every sign, 4,000 times over (a *permutation
# test*).

# %%
apart = per_message - svm
signs = rng.choice([-1, 1], size=(4000, len(apart)))
# signs @ apart: the sum of the differences, each with its sign, 4,000 times
by_hand = np.mean(abs(signs @ apart) > abs(apart.sum()) - 1e-6)
assert abs(by_hand - paired_test(right, svm)) < 0.05
print(f"all seeds: p = {paired_test(right, svm):.2f}, by 4,000 throws {by_hand:.2f}")

# %% [markdown]
# The table has this p for every method, against the best baseline. The validation part
# chooses that one: the test part would choose the one that was lucky there.

# %%
print("best baseline:", frame["baseline"][0])
frame[["method", "difference", "p_value"]].round(3)

# %% [markdown]
# ## The whole comparison
#
# All methods on the SMS Spam Collection: 5,574 messages, a leak-free split, the bundled
# GPT, three epochs, five seeds for each method that uses chance. It was measured by
# `spamft compare --data sms+spam+collection.zip --model tiny --output runs/compare`.
# Another machine can give other digits. Lowest and highest are over the seeds.

# %%
whole = pd.read_csv("results/uci.csv")
whole[["method", "accuracy", "lowest", "highest", "mcc", "seconds"]].round(3)

# %%
plot_comparison(whole)

# %% [markdown]
# Each row is a method, the best at the top. The bar is its interval, the stroke its
# mean, and each dot a seed; the number is the mean again. An arrow means that a method
# is too low for the axis. The vertical line is the best baseline. On the right are the
# time and the number of parameters that train.
#
# The majority class is below 50 % because the larger class in training is the smaller
# one in the test part. For six methods the book's repository has a number, too (GPT-2
# with 124 million parameters, one seed, 300 other test messages):

# %%
accuracy = 100 * whole.set_index("method")["accuracy"]
book = {"head only": 72.00, "last block": 95.00, "last two blocks": 98.33}
book |= {"full": 96.67, "random weights, full": 93.67, "LoRA, r = 16": 96.67}
pd.DataFrame({"here": accuracy[list(book)].round(1), "the book's repository": book})

# %% [markdown]
# The largest difference is that of the head alone. With the small GPT ours trains at a
# rate of 0.005, the book's at 0.00005, which may be too small for a head that begins
# with random numbers. The other pairs differ by three points or less, about what chance
# can do with 300 messages. (The repository also has a larger GPT-2 that is worse than
# the small one, 84.67 % with 355 million parameters: at one and the same rate larger
# need not be better.)

# %% [markdown]
# Which methods lie within the interval of the best one?

# %%
best = whole.loc[whole["accuracy"].idxmax()]
inside = whole["accuracy"] >= best["interval_low"]
print("within the interval of the best:", *whole["method"][inside], sep="\n  ")
print("below it:", *whole["method"][~inside], sep="\n  ")

# %% [markdown]
# This is a first look, not a test: a method inside the interval is close to the best
# one, and only a paired test on the same messages can say more. TF-IDF with a logistic
# regression and instructions are best, as good as each other to a tenth of a point; the
# first needs no GPT and 0.02 seconds. The head alone is below the interval; a
# regression on frozen features, which trains as few numbers, is in it.
#
# What does each accuracy cost? In parameters that train, in the file to keep for each
# task, in time, and in memory. `peak_MB` is the whole process; in this run it still
# held what the rows above had freed, so from full finetuning on it says little. QLoRA
# saves nothing visible here: the frozen matrices of the small GPT are only 25 MB, and
# restoring full numbers costs time. It pays for large models, as notebook 10 shows.

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
# | 16 to 32 labels | a well pretrained model, with TF-IDF beside it |
# | one model, many tasks | LoRA: a small file per task |
# | the model hardly fits into memory | QLoRA |
# | answers in words, several instructions | instruction finetuning, with more data |
#
# The first line is the table above, in which even random weights come close. The second
# was [measured with SmolLM2](../docs/llm.md), a model with much more pretraining: with
# 16 labels it was 15 points better than TF-IDF, with 128 labels 1.6 points. The others
# follow from what each method stores (the table above, and the ledger of notebook 10)
# and can express. Another model or another task may
# give another order, and the comparison is one command.
#
# ## What just happened
#
# - All methods met on the same test messages, with seeds, intervals and a paired test.
# - Inside the interval, look at a paired test before you call one better.
# - Of the methods that are good enough, take the one that costs least.
#
# ## What if?
#
# Three questions. Below each put a letter for the first `...`, and for the second the
# chance that you are right, from 0.33 (a blind guess) to 1. Then each choice is
# explained.

# %%
ask("12.q1")

# %% tags=["guess-q1"]
guess("12.q1", ..., sure=...)

# %% [markdown]
# The second one:

# %%
ask("12.q2")

# %% tags=["guess-q2"]
guess("12.q2", ..., sure=...)

# %% [markdown]
# And the third:

# %%
ask("12.q3")

# %% tags=["guess-q3"]
guess("12.q3", ..., sure=...)

# %% [markdown]
# ## Exercises
#
# Guess, then compute. A number that you guess counts as right within a tenth. The cell
# with `check` says whether you are right and why, and what a usual mistake confuses.
# Solutions: `src/solutions/12_which_one_when.py`.
#
# **1.** *Guess:* two methods are right on 290 and 285 of 300 messages, and whenever the
# second one is right, so is the first. Is that enough for p < 0.05, `"yes"` or `"no"`?

# %% tags=["guess-1"]
guess("12.1", ..., sure=...)

# %% [markdown]
# Compute p with `paired_test`, from two arrays of 300 truth values:

# %% tags=["exercise-1"]
p_value = ...

# %% tags=["check-1"]
check("12.1", p_value)

# %% [markdown]
# **2.** *Guess:* of the methods in `frame` within the best one's interval, does the
# quickest train a GPT, `"yes"` or `"no"`?

# %% tags=["guess-2"]
guess("12.2", ..., sure=...)

# %% [markdown]
# Find its name: the fewest seconds among the methods whose accuracy is at least the
# best one's `interval_low`.

# %% tags=["exercise-2"]
choice = ...

# %% tags=["check-2"]
check("12.2", choice, frame=frame)

# %% [markdown]
# **3.** *Guess:* how many times as wide is an interval as that of four times as many
# messages?

# %% tags=["guess-3"]
guess("12.3", ..., sure=...)

# %% [markdown]
# Divide the width for `correct` by the width for the same four times over,
# `np.tile(correct, 4)`:

# %% tags=["exercise-3"]
correct = comparison.right("majority class")
ratio = ...

# %% tags=["check-3"]
check("12.3", ratio, correct=correct)

# %% [markdown]
# **Next:** [14 · What the score is worth](14_what_the_score_is_worth.ipynb): can you
# believe a model that says 99 %? With your own messages, this page's comparison is
# `spamft compare --data yours.csv --output out`.
