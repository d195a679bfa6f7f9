# %% [markdown]
# # 2b · Look before you train: audit the messages
#
# - **You will** find, by hand and then in one call, what a file of labelled messages
#   hides: lost lines, repeats, leaks, shortcuts, and labels that may be wrong.
# - **You need** notebooks 1 and 2.
# - **It takes** 25 minutes to read, 25 for questions and exercises. It runs in about a
#   minute.
# - **A file of your own** works, too: `DATA = "mine.csv"`, with two classes and at
#   least 100 messages of each; TEXT and LABEL name its columns, if they are not Text
#   and Label. The class that comes second by name stands where spam does here.
# - **The outputs stored here** were made on the SMS collection. Where messages are
#   shown, they are the bundled sample's, as is said there.
#
# The lecture and the book count the classes of the SMS collection, balance them, and go
# on. But the collection has all of the faults below, and many other files have some. A
# model trained on them gets a good score for bad reasons. To show that, this page
# trains a model that counts words, which takes less than a second; no GPT is needed.

# %%
import re
from dataclasses import replace

import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline

from spamft import diagrams
from spamft.check import ask, check, guess
from spamft.data import encode_labels, random_split
from spamft.diagrams.examples import SplitCounts
from spamft.insight.audit import audit
from spamft.insight.patterns import PATTERNS, PLACES
from spamft.insight.shortcuts import place_table
from spamft.plots import BLUE, GREY, paper
from spamft.plots.style import literal
from spamft.reading.layout import Layout
from spamft.sources import open_messages, open_splits
from spamft.sources.lessons import lesson_names

# %% tags=["parameters", "collection"]
DATA = "auto"
TEXT, LABEL = None, None  # the columns of a file of your own
SEED = 123

# %% [markdown]
# All messages, read so that none is lost:

# %%
reading = {"layout": Layout(text=TEXT, label=LABEL), "cache_dir": "../data"}
messages, source = open_messages(DATA, **reading)
names = lesson_names(messages)
messages = messages.reset_index(drop=True)
print(source)

# %% [markdown]
# ## All in one call
#
# `audit` looks at a DataFrame and, given the three parts, at what leaks between them.
# From the command line: `spamft audit FILE`. Three of its words:
#
# - *but for case, digits and punctuation*, or *folded*: equal if these are taken out.
#   *Nearly*: at least half of their runs of four words are the same.
# - *balanced accuracy*: the mean of two shares, that of ham that is right and that of
#   spam that is right. A coin has 50 %.
# - *means spam to 60 %*: of the messages that have it, 60 % are spam. Compare that with
#   the share of spam in all messages.

# %% tags=["slow"]
data = open_splits(DATA, lecture=True, seed=SEED, **reading)
found = audit(messages, data.splits)
replace(found, suspects=[])  # these messages come below

# %% [markdown]
# The SMS collection has repeats and broken letters. The bundled sample was written
# without them, so many of its lines say 0. Your data beside the collection
# (`results/README.md` says where its numbers come from):

# %%
collection = pd.read_csv("results/audit.csv", index_col="counted")
leaks, entity = found.leaks["test"], re.compile(PATTERNS["HTML entity"])
yours = [found.rows, found.exact_duplicates, found.folded_duplicates]
yours += [found.near_duplicates, leaks["exact"], leaks["folded"]]
yours += [sum(bool(entity.search(text)) for text in messages["Text"])]
yours += [len(found.mojibake), round(found.length_rule * 100)]
collection.assign(**{"your data": yours})

# %% [markdown]
# The folded duplicates include the exact ones, and the near ones both. `audit_file`,
# which reads the file itself, also names the line whose quotation mark swallows two
# messages: line 5082. (In pandas, which counts from 0, it is row 5081.)
#
# Below we plant faults, to see whether they are found.
#
# ## Repeats and leaks
#
# Repeat some messages, as spammers do, then shuffle and split everything as the lecture
# does (without balancing). A repeat that lands in another part is a
# [leak](../docs/glossary.md#leak), as in notebook 2:

# %%
spam = messages[messages["Label"] == names[1]]
repeated = pd.concat([messages, spam.head(60), spam.head(60)], ignore_index=True)
repeats = int(repeated["Text"].duplicated().sum())
splits = random_split(encode_labels(repeated, names), seed=SEED)
leaked = splits.test["Text"].isin(splits.train["Text"])
print(f"{repeats} repeats; {leaked.sum()} of {len(leaked)} test messages are in train")

# %%
diagrams.split(SplitCounts(*map(len, splits), leaked=int(leaked.sum())))

# %% [markdown]
# The audit must count the same:

# %% tags=["slow"]
planted = audit(repeated, splits)
assert planted.exact_duplicates == repeats
assert planted.leaks["test"]["exact"] == leaked.sum()

# %% [markdown]
# How much does a leak flatter? Train a model that counts words. *TF-IDF* counts the
# words of a message, rare ones more. *Logistic regression* gives each word a weight,
# adds up the weights, and says spam if the sum is large; `fit` finds the weights and
# `predict` uses them. Compare the test score with and without what leaked, and of the
# spam the leaked with the other. For a leaked message it is enough to remember:

# %%
# C=10 lets weights grow larger than usual; max_iter only gives it time
words = make_pipeline(TfidfVectorizer(), LogisticRegression(C=10, max_iter=1000))
words.fit(splits.train["Text"], splits.train["Label"])
right = words.predict(splits.test["Text"]) == splits.test["Label"]
is_spam = splits.test["Label"] == 1
print(f"test: {right.mean():.1%} right; without the leaks {right[~leaked].mean():.1%}")
for what, rows in (("leaked", leaked & is_spam), ("not leaked", ~leaked & is_spam)):
    print(f"{names[1]}, {what}: {right[rows].mean():.1%} of {rows.sum()} right")

# %% [markdown]
# ## Shortcuts
#
# A [shortcut](../docs/glossary.md#shortcut) is something simple that predicts the label
# here, and perhaps only here. In the SMS collection 309 ham and no spam have an HTML
# entity. Most are `&lt;#&gt;`, probably put in place of numbers to hide them. So a
# model may learn "entity means ham", which has nothing to do with spam. For any
# pattern, count the messages of each class that have it:


# %%
def has(pattern):
    return messages["Text"].map(lambda text: re.search(pattern, text) is not None)


def sides(pattern):
    return messages[has(pattern)]["Label"].value_counts().to_dict()


for what in ("web address", "currency sign", "exclamation mark", "HTML entity"):
    print(f"{what:18s}{sides(PATTERNS[what])}")

# %% [markdown]
# It matters not only *what* a message contains, but also *where*. `PLACES` are
# beginnings and endings. For each pattern and each place, compute the share of each
# class that has it. A feature that is unrelated to the label has equal shares:

# %%
features = {what: has(pattern) for what, pattern in PATTERNS.items()}
features |= {what: messages["Text"].map(p.holds) for what, p in PLACES.items()}
share = pd.DataFrame(
    {
        what: 100 * rows.groupby(messages["Label"]).mean()
        for what, rows in features.items()
    }
).T[list(names)]
gap = (share[names[1]] - share[names[0]]).abs()
farthest = gap.nlargest(3).index

# %%
x, y = share.loc[farthest[0]]
figure, axes = paper(
    f"{len(share)} dots; the farthest from the diagonal is {farthest[0]}, in {x:.0f} % "
    f"of {names[0]} and {y:.0f} % of {names[1]}.",
    height=4.2,
)
axes.plot([0, 100], [0, 100], color=GREY, label="as frequent in both: no shortcut")
axes.plot(share[names[0]], share[names[1]], "o", color=BLUE)
for what, above in zip(farthest, (-14, 8, -3), strict=True):  # so that names part
    axes.annotate(what, share.loc[what], (6, above), textcoords="offset points")
axes.set_xlabel(f"messages of {literal(names[0])} that have it (%)")
axes.set_ylabel(f"messages of {literal(names[1])} that have it (%)")
axes.legend(frameon=False, loc="lower right")
figure

# %% [markdown]
# The distance from the line, up or down, is what a feature is good for: its balanced
# accuracy is 50 % plus half of that distance. Take one that is in 10 % of ham and 50 %
# of spam. "It means spam" is right for 90 % of ham and 50 % of spam, on average 70 %:
# 50 plus half of 40. The library's table agrees:

# %%
for each in place_table(messages):
    assert abs((100 + gap[each.what]) / 200 - each.accuracy) < 1e-9
    if each.what.startswith("ends with"):
        print(f"{each.what:28s}balanced {each.accuracy:.1%}  {each}")
print(f"of all messages, {len(spam) / len(messages):.1%} are {names[1]}")

# %% [markdown]
# > **You should see**, on the collection, a digit farthest from the line: it is in 95 %
# > of the spam and in 16 % of the ham. On the sample it is a web address at the end:
# > about half of its spam ends in one. Notebook 15 shows what a finetuned GPT makes of
# > such a spam if you put a full stop behind it.
#
# Not every shortcut is a fault: spam *does* have telephone numbers and addresses. Ask
# of each whether it will hold where the model is used.
#
# Now plant one: mark a tenth of the ham, as an anonymiser would, and ask the audit. It
# tries patterns, places, words and punctuation marks. It keeps one if three things
# hold: it is in 20 messages or more; chance does not explain it; and nearly all its
# messages have one label, or its balanced accuracy is 70 %.

# %% tags=["slow"]
marked = messages.copy()
ham = marked[marked["Label"] == names[0]].sample(frac=0.1, random_state=SEED).index
marked.loc[ham, "Text"] += " &lt;#&gt;"
new = [s for s in audit(marked).shortcuts if s.what == "HTML entity"]
print(*new or [f"in {len(ham)} messages: the audit does not keep it"])
before = sides(PATTERNS["HTML entity"]).get(names[1], 0)
assert all(each.counts[names[1]] == before for each in new)

# %% [markdown]
# ## Labels that may be wrong
#
# People who label thousands of messages make mistakes. To find candidates, train a
# model on four fifths of the messages, let it predict the last fifth, and repeat until
# each fifth had its turn (*cross-validation*). So no message is judged by a model that
# was trained on it. Where the model gives the label a low probability, look again. By
# hand:

# %%
judge = make_pipeline(TfidfVectorizer(), LogisticRegression(C=10, max_iter=1000))
truth = encode_labels(messages, names)["Label"]
chances = cross_val_predict(
    judge, messages["Text"], truth, cv=5, method="predict_proba"
)
# a column per class; this takes from each row the column of its label
of_label = chances[range(len(messages)), truth]
doubted = messages.assign(probability=of_label).nsmallest(5, "probability")
doubted[["Label", "probability"]].round(3)

# %% [markdown]
# The audit does the same with pieces of words, 2 to 4 characters long, and keeps equal
# messages in the same fifth. Otherwise each repeat would confirm its own label. Another
# way of counting doubts other messages, so the two lists need not agree. Does it work?
# Swap eight labels, and see how many of these rows are among its first forty:

# %% tags=["slow"]
swapped = messages.copy()
rows = swapped.sample(8, random_state=SEED).index
other = {names[0]: names[1], names[1]: names[0]}
swapped.loc[rows, "Label"] = swapped.loc[rows, "Label"].map(other)
suspects = [suspect.row for suspect in audit(swapped).suspects[:40]]
print(f"{len(set(rows) & set(suspects))} of 8 planted errors are among {len(suspects)}")
print(f"drawn by lot: {8 * len(suspects) / len(swapped):.1f} on average")

# %% [markdown]
# > **You should see** far more of them than by lot. Most of the forty are labelled
# > correctly, but hard to tell. So a suspect is a question to a person, not a verdict.
# > On the SMS collection the list has jokes labelled spam and adverts labelled ham.
#
# The first suspects of your own data. Is the label wrong? You decide:

# %% tags=["messages"]
for each in found.suspects[:5]:
    print(f"labelled {each.label}, predicted {each.predicted}: {each.text[:160]}")

# %% [markdown]
# ## Broken letters
#
# Text that was written in one encoding and read in another shows where it came from, so
# it can be a shortcut as well. Write as UTF-8, read as cp1252 (an old Windows
# encoding):

# %%
broken = bytes("costs £5, don’t wait", "utf-8").decode("cp1252")
print(broken)
assert re.search(PATTERNS["broken encoding"], broken)
assert not re.search(PATTERNS["broken encoding"], "café, £5")

# %% [markdown]
# ## What just happened
#
# - One call lists what a file hides; each finding can be checked by a line of pandas.
# - A leaked message is only remembered, and a shortcut may not hold elsewhere.
# - A model that was not trained on a message can question its label; a person decides.
#
# ## What if?
#
# Three questions. Below each put a letter for the first `...`, and for the second the
# chance that you are right, from 0.33 (a blind guess) to 1. Then each choice is
# explained.

# %%
ask("2b.q1")

# %% tags=["guess-q1"]
guess("2b.q1", ..., sure=...)

# %% [markdown]
# The second one:

# %%
ask("2b.q2")

# %% tags=["guess-q2"]
guess("2b.q2", ..., sure=...)

# %% [markdown]
# And the third:

# %%
ask("2b.q3")

# %% tags=["guess-q3"]
guess("2b.q3", ..., sure=...)

# %% [markdown]
# ## Exercises
#
# Guess, then compute. A number that you guess counts as right within a tenth; one that
# you compute must not be rounded. Solutions: `src/solutions/02b_audit.py`.
#
# **1.** *Guess:* which class has the larger share of messages with a question mark,
# `"first"` (ham) or `"second"` (spam)?

# %% tags=["guess-1"]
guess("2b.1", ..., sure=...)

# %% [markdown]
# Put the share of messages that have one, of the first class and of the second, into
# `shares`, a list of two numbers from 0 to 1:

# %% tags=["exercise-1"]
shares = ...

# %% tags=["check-1"]
check("2b.1", shares, messages=messages, names=names)

# %% [markdown]
# **2.** *Guess:* if every spam stood in the data twice, which share of the test part's
# spam would have its twin in train, from 0 to 1? (Train is 70 % of all.)

# %% tags=["guess-2"]
guess("2b.2", ..., sure=...)

# %% [markdown]
# Count it: put into `share_leaked` the share for `twice`, with its labels encoded, not
# balanced, and split with seed 123.

# %% tags=["exercise-2"]
twice = pd.concat([messages, spam], ignore_index=True)
share_leaked = ...

# %% tags=["check-2"]
check("2b.2", share_leaked, twice=twice, names=names)

# %% [markdown]
# **3.** A pattern is in 50 ham and 0 spam, half of all messages are ham, and the
# pattern has nothing to do with the label. *Guess:* is it likelier than one in a
# million that all 50 are ham by chance, `"yes"` or `"no"`?

# %% tags=["guess-3"]
guess("2b.3", ..., sure=...)

# %% [markdown]
# Compute the probability that all 50 are ham:

# %% tags=["exercise-3"]
by_chance = ...

# %% tags=["check-3"]
check("2b.3", by_chance)

# %% [markdown]
# **Next:** [3 · Batches](03_batches.ipynb), where messages become rectangles of
# numbers.
