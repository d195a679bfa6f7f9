# %% [markdown]
# # 2 · Balance, encode, split and save the messages
#
# - **You will** make both classes equally frequent, turn their names into numbers,
#   cut the messages into three parts and save these, and then look for messages of
#   the test part that also stand in the training part.
# - **You need** the idea of a DataFrame (notebook 1).
# - **It takes** 20 minutes to read, 20 for questions and exercises, and a few seconds
#   to run.
# - **A file of your own** works, too: `DATA = "mine.csv"`, with two classes and at
#   least 100 messages of each; TEXT and LABEL name its columns, if they are not Text
#   and Label. The class that comes second by name stands where spam does here.
# - **The outputs stored here** were made on the SMS collection.
#
# This is the lecture from 20:00 to 25:52. The speaker calls the messages *emails*. They
# are SMS, short text messages from telephones. In the book: section 6.2; its
# `create_balanced_dataset` is our `balance` ([all names](../docs/lecture.md)).

# %%
import tempfile
from pathlib import Path

import pandas as pd

from spamft import diagrams
from spamft.check import ask, check, guess
from spamft.data import Splits, balance, encode_labels, random_split
from spamft.reading.layout import Layout
from spamft.sources import open_messages, open_splits
from spamft.sources.duplicates import count_leaks, duplicate_groups, duplicate_key
from spamft.sources.lessons import lesson_names

# %% [markdown]
# Where the messages come from, as in notebook 1, and the
# [seed](../docs/glossary.md#seed): the number that every draw of chance starts from.

# %% tags=["parameters", "collection"]
DATA = "auto"
TEXT, LABEL = None, None  # the columns of a file of your own
SEED = 123  # the lecture's

# %% [markdown]
# Everything starts from the table of notebook 1, read the lecture's way:

# %%
options = {"layout": Layout(text=TEXT, label=LABEL), "cache_dir": "../data"}
messages, source = open_messages(DATA, lecture=True, **options)
names = lesson_names(messages)
counts = messages["Label"].value_counts()
print(source, counts.to_dict(), sep="\n")

# %% [markdown]
# ## Balance: as many of each
#
# A model that trains on unequal classes learns that "ham" is the safe answer. (The
# book's reason is simplicity: less data, faster training.) The lecture
# [balances](../docs/glossary.md#balance) by *undersampling*: keep every message of the
# rarer class, and draw as many of the other. By hand, for the two classes here; which
# of them is the rarer depends on your file:

# %%
n = counts.min()
ham = messages[messages["Label"] == names[0]]
spam = messages[messages["Label"] == names[1]]
if len(ham) > n:
    ham = ham.sample(n, random_state=SEED)
elif len(spam) > n:
    spam = spam.sample(n, random_state=SEED)
by_hand = pd.concat([ham, spam])
by_hand["Label"].value_counts()

# %% [markdown]
# > **You should see** the same number twice; in the lecture 747 and 747.
#
# `balance` does this for any number of classes. Its `seed`, which pandas calls
# `random_state`, makes the draw repeatable: the same seed, the same messages.

# %%
balanced = balance(messages, seed=SEED)
pd.testing.assert_frame_equal(balanced, by_hand)

# %% [markdown]
# Undersampling is simple, but it has a price: most of the ham goes unused, 4,078
# messages in the lecture. Other methods keep all rows and let those of the rare class
# count more in the *loss*, the number that training makes small (notebook 6). Notebook
# 14 comes back to what a balanced score hides.
#
# ## Encode: names become numbers
#
# A model computes with numbers, so ham becomes 0 and spam 1. By hand it is a `map`:

# %%
ids = {names[0]: 0, names[1]: 1}
numbers = balanced["Label"].map(ids)
numbers.value_counts().sort_index()

# %% [markdown]
# The lecture compares this with token ids, and rightly: both are a table from words to
# numbers. GPT-2's has 50,257 entries, this one has two. The number is only a name.
# Class 1 is not more than class 0, and token 500 is not half of token 1,000.
#
# Here is a trap. Write the numbers back into the frame, and run that cell a second
# time. The loop does the same:

# %%
trap = balanced.copy()
for _ in range(2):
    trap["Label"] = trap["Label"].map(ids)
print(trap["Label"].isna().sum(), "labels are gone")

# %% [markdown]
# Every label is gone. `map` looks up each value in `ids`. The second time it looks up 0
# and 1, finds neither, and writes `NaN`, pandas' "nothing". `encode_labels` returns a
# new frame, leaves numbers alone, and refuses a label that it does not know instead of
# making it `NaN`:

# %%
encoded = encode_labels(encode_labels(balanced, names), names)
assert (encoded["Label"] == numbers).all()

try:
    encode_labels(pd.DataFrame({"Label": ["ham", "Spam"], "Text": ["a", "b"]}))
except ValueError as error:
    print(error)

# %% [markdown]
# ## Split: train, validation, test
#
# The [split](../docs/glossary.md#split) makes three parts: 70 % to train on, 10 % to
# watch the training with (validation), and 20 % to measure at the very end, on messages
# that played no part (test): most for learning, and enough left for a score to mean
# something.
#
# First shuffle, because the frame still has all ham before all spam. Then cut twice:

# %%
# frac=1 draws all rows, in random order; reset_index then numbers them anew
shuffled = encoded.sample(frac=1, random_state=SEED).reset_index(drop=True)
train_end = int(len(shuffled) * 0.7)
validation_end = train_end + int(len(shuffled) * 0.1)
parts = [
    shuffled[:train_end],
    shuffled[train_end:validation_end],
    shuffled[validation_end:],
]

# %% [markdown]
# `int` rounds down, and the test part takes what is left, so nothing is lost. The
# lecture checks this with a sum, which is a good habit. There: 1045 + 149 + 300 = 1494.
# (The speaker says 20 % for validation and 10 % for test at 22:09 and at 25:52. His
# code and his counts have 10 and 20.)

# %%
sizes = [len(part) for part in parts]
print(" + ".join(map(str, sizes)), "=", sum(sizes))
assert sum(sizes) == len(balanced)

# %% [markdown]
# The library's function, and the check that it gives the same three frames:

# %%
splits = random_split(encoded, 0.7, 0.1, seed=SEED)
for ours, theirs in zip(splits, parts, strict=True):  # strict: equally many, or stop
    pd.testing.assert_frame_equal(ours, theirs.reset_index(drop=True))

# %% [markdown]
# A shuffle does not promise that half of each part is spam, only about half. The
# smaller the part, the more chance decides. With some hundred messages anything from 40
# to 60 % is usual and does no harm, but keep it in mind: in notebook 6 this share
# decides what "always ham" reaches.

# %%
shares = [part["Label"].mean() for part in splits]  # the mean of 0s and 1s
for part, share in zip(Splits._fields, shares, strict=True):
    print(f"{part:10s} {share:.1%} {names[1]}")

# %% [markdown]
# ## Save: three CSV files
#
# The lecture writes `train.csv`, `validation.csv` and `test.csv`, so that later steps
# can begin here. By hand it is one line per file, without pandas' row numbers:

# %%
folder = Path(tempfile.mkdtemp())
splits.test.to_csv(folder / "by_hand.csv", index=False, lineterminator="\n")

# %% [markdown]
# The library's function writes all three. The cell checks that its test file has the
# same bytes as ours:

# %%
from spamft.data import load_splits, save_splits

paths = save_splits(splits, folder)
assert paths[-1].read_bytes() == (folder / "by_hand.csv").read_bytes()
[path.name for path in paths]

# %% [markdown]
# Can the files be read back? Commas, quotation marks and line ends inside messages are
# where CSV files go wrong, so compare everything, to the letter:

# %%
for before, after in zip(splits, load_splits(folder), strict=True):
    pd.testing.assert_frame_equal(before, after, check_dtype=False)

# %% [markdown]
# ## What leaks from train into test
#
# The test part is for messages that the model has not seen. Is that true? People
# forward messages, and spammers send one text to thousands. So the same text can stand
# in two rows, one in train and one in test: a [leak](../docs/glossary.md#leak). A model
# that knows train by heart gets it right and has understood nothing. In the lecture's
# split it is one test message in eight:

# %%
diagrams.split()

# %% [markdown]
# On a small scale: four copies of one message among eight messages, split by chance
# into four to train, two for validation and two to test. All of them, side by side:

# %%
chain = ["Send this to 10 friends!"] * 4
chain += ["see you at 8", "lunch?", "I am home", "ok then"]
example = pd.DataFrame({"Label": [1] * 4 + [0] * 4, "Text": chain})
cut = random_split(example, 0.5, 0.25, seed=1)
print(pd.concat(cut._asdict())["Text"])
print("test, in train, too:", cut.test["Text"].isin(cut.train["Text"]).tolist())

# %% [markdown]
# Count them in your split by hand, then with the library. `exact` are texts that stand
# in train word for word. `folded` are also those that differ only in case, digits,
# punctuation and spaces, which `duplicate_key` takes out. (The sample was written
# without repeats: there you count 0, and the collection's numbers follow below.)

# %%
exact = splits.test["Text"].isin(splits.train["Text"])
train_keys, _, test_keys = (part["Text"].map(duplicate_key) for part in splits)
folded = test_keys.isin(train_keys)
leaks = count_leaks(splits)
assert leaks["test"] == {"exact": exact.sum(), "folded": folded.sum()}
leaks

# %% [markdown]
# The cure is to shuffle *groups* of equal messages instead of single messages, so that
# a group goes into one part as a whole. First the eight, then your messages:

# %%
whole = random_split(example, 0.5, 0.25, groups=duplicate_groups(example), seed=1)
print(count_leaks(whole)["test"])

# %%
groups = duplicate_groups(encoded)
leak_free = random_split(encoded, groups=groups, seed=SEED)
print([len(part) for part in leak_free], count_leaks(leak_free)["test"])

# %% [markdown]
# Your numbers beside those of the SMS collection (`results/README.md` says where they
# come from):

# %%
yours = [len(encoded), *sizes, exact.sum(), folded.sum()]
yours += [splits.test["Label"][folded].sum(), len(leak_free.test)]
both = pd.read_csv("results/split.csv", index_col="counted")
both["your data"] = yours
both

# %% [markdown]
# > **You should see** equal columns with the collection, where almost all of what leaks
# > is spam.
#
# Notebooks 2 to 8 keep the lecture's split, to agree with it to the row; most of those
# after them, and the command line, use the leak-free one. From here on, one call to
# `open_splits` makes either; `lecture=True` means the lecture's rows and split:

# %%
again = open_splits(DATA, lecture=True, seed=SEED, **options)
assert all(a.equals(b) for a, b in zip(again.splits, splits, strict=True))
print(again)

# %% [markdown]
# ## What just happened
#
# - Undersampling made the classes equal; most of the ham goes unused.
# - Labels became numbers as words become token ids, in a way that survives being run
#   twice.
# - 70 / 10 / 20, checked by a sum and saved; and if messages repeat, a random split
#   tests partly on what was trained on.
#
# ## What if?
#
# Three questions. Below each put a letter for the first `...`, and for the second the
# chance that you are right, from 0.33 (a blind guess) to 1. Then each choice is
# explained.

# %%
ask("2.q1")

# %% tags=["guess-q1"]
guess("2.q1", ..., sure=...)

# %% [markdown]
# The second one:

# %%
ask("2.q2")

# %% tags=["guess-q2"]
guess("2.q2", ..., sure=...)

# %% [markdown]
# And the third:

# %%
ask("2.q3")

# %% tags=["guess-q3"]
guess("2.q3", ..., sure=...)

# %% [markdown]
# ## Exercises
#
# Guess, then compute. A number that you guess counts as right within a tenth; one that
# you compute must not be rounded. `check` says whether you are right. Solutions:
# `src/solutions/02_balance_encode_split_save.py`.
#
# **1.** *Guess:* of 1,494 messages split at 80 / 10 / 10, how many are in the test
# part?

# %% tags=["guess-1"]
guess("2.1", ..., sure=...)

# %% [markdown]
# Write the three numbers that `random_split` would give:

# %% tags=["exercise-1"]
three_sizes = ...

# %% tags=["check-1"]
check("2.1", three_sizes)

# %% [markdown]
# **2.** *Guess:* you split your data with another seed. Which share of the test part is
# on average in the new test part, too, from 0 to 1?

# %% tags=["guess-2"]
guess("2.2", ..., sure=...)

# %% [markdown]
# Compute which share of `splits.test` is also in the test part of seed 7:

# %% tags=["exercise-2"]
share_kept = ...

# %% tags=["check-2"]
check("2.2", share_kept, splits=splits, encoded=encoded)

# %% [markdown]
# **3.** *Guess:* without the shuffle, which share of the test part is spam, from 0 to
# 1?

# %% tags=["guess-3"]
guess("2.3", ..., sure=...)

# %% [markdown]
# Make `unshuffled`, a `Splits` cut from `encoded` as it stands, and look at its test
# part:

# %% tags=["exercise-3"]
unshuffled = ...

# %% tags=["check-3"]
check("2.3", unshuffled, encoded=encoded, splits=splits)

# %% [markdown]
# **Next:** [2b · The audit](02b_audit.ipynb), what else a file of messages hides.
