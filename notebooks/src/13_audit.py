# %% [markdown]
# # 13 · Look before you train: audit the messages
#
# - **You will** find, by hand and then in one call, what a file of labelled messages
#   hides: lost lines, repeats, leaks, shortcuts, and labels that may be wrong.
# - **You need** notebooks 1, 2 and 7.
# - **It takes** 15 minutes to read and less than a minute to run.
# - **A file of your own** works, too: `DATA = "mine.csv"`, with two classes and at
#   least 100 messages of each; TEXT and LABEL name its columns, if they are not Text
#   and Label. The class that comes second by name stands where spam does here.
#
# The lecture's data has all of these faults, and many other files have some. A model
# trained on them gets a good score for bad reasons.

# %%
import re

import pandas as pd
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline

from spamft.data import encode_labels, random_split
from spamft.insight.audit import audit
from spamft.insight.shortcuts import PATTERNS
from spamft.plots import BLUE, ORANGE, paper
from spamft.plots.style import literal
from spamft.reading.layout import Layout
from spamft.sources import open_messages, open_splits
from spamft.sources.lessons import lesson_names

# %% tags=["parameters"]
DATA = "auto"
TEXT, LABEL = None, None  # the columns of a file of your own
SEED = 123

# %% [markdown]
# All messages, read so that none is lost:

# %%
options = {"layout": Layout(text=TEXT, label=LABEL), "cache_dir": "../data"}
messages, source = open_messages(DATA, **options)
names = lesson_names(messages)
messages = messages.reset_index(drop=True)
print(source)

# %% [markdown]
# ## All in one call
#
# `audit` looks at a DataFrame and, if you also give it the three parts, at what leaks
# between them. From the command line: `python -m spamft audit FILE`.

# %% tags=["slow"]
data = open_splits(DATA, lecture=True, seed=SEED, **options)
found = audit(messages, data.splits)
found

# %% [markdown]
# > **You should see** on the SMS collection 403 exact duplicates, 37 of 300 test
# > messages that stand in train (49 but for case, digits and punctuation), and HTML
# > entities in 309 ham and no spam. Each count of duplicates includes the one before.
# > `audit_file`, which reads the file itself, also names line 5082, whose quotation
# > mark swallows two messages. The sample was written without such faults, so below
# > we plant them and see whether they are found.
#
# ## Repeats and leaks, by hand
#
# Take a copy, repeat some messages as spammers do, and shuffle and cut it as the
# lecture does (without balancing):

# %%
spam = messages[messages["Label"] == names[1]]
repeated = pd.concat([messages, spam.head(60), spam.head(60)], ignore_index=True)
by_hand = repeated["Text"].duplicated().sum()
splits = random_split(encode_labels(repeated, names), seed=SEED)
leaked = splits.test["Text"].isin(splits.train["Text"])
print(f"{by_hand} repeats; {leaked.sum()} of {len(leaked)} test messages are in train")

# %% tags=["slow"]
planted = audit(repeated, splits)
assert planted.exact_duplicates == by_hand
assert planted.leaks["test"]["exact"] == leaked.sum()

# %% [markdown]
# How much does a leak flatter? Among the spam, score the same model on the leaked
# test messages and on the others (TF-IDF counts words, and rare ones count more). For
# a leaked one it is enough to remember:

# %%
words = make_pipeline(TfidfVectorizer(), LogisticRegression(C=10, max_iter=1000))
words.fit(splits.train["Text"], splits.train["Label"])
right = words.predict(splits.test["Text"]) == splits.test["Label"]
is_spam = splits.test["Label"] == 1
for what, rows in (("leaked", leaked & is_spam), ("not leaked", ~leaked & is_spam)):
    print(f"{names[1]}, {what}: {right[rows].mean():.1%} right")

# %% [markdown]
# ## Shortcuts
#
# A shortcut is something simple that tells the label here, and perhaps only here. In
# the SMS collection 309 ham and no spam have an HTML entity. Most are `&lt;#&gt;`,
# probably put in place of numbers to hide them. So a model may learn "entity means
# ham", which is nothing about spam. For any pattern, count on whose side it stands:


# %%
def sides(pattern):
    has = messages["Text"].str.contains(pattern, regex=True)
    return messages[has]["Label"].value_counts().to_dict()


for what in ("web address", "currency sign", "exclamation mark", "HTML entity"):
    print(f"{what:18s}{sides(PATTERNS[what])}")

# %% [markdown]
# Plant one: mark a tenth of the ham as an anonymiser would, and ask the audit. It
# tries patterns, words and punctuation marks. It keeps those that are in at least 20
# messages, cannot be chance, and either stand almost only with one label or tell it
# for 70 %.

# %% tags=["slow"]
marked = messages.copy()
ham = marked[marked["Label"] == names[0]].sample(frac=0.1, random_state=SEED).index
marked.loc[ham, "Text"] += " &lt;#&gt;"
new = [s for s in audit(marked).shortcuts if s.what == "HTML entity"]
print(*new or [f"in {len(ham)} messages: the audit does not keep it"])
there = sides(PATTERNS["HTML entity"]).get(names[1], 0)
assert all(each.counts[names[1]] == there for each in new)

# %% [markdown]
# The strongest shortcuts of your data, by how well each alone tells the label when
# both classes weigh alike (50 % is a coin):

# %%
top = found.shortcuts[:10][::-1]
bars = [literal(f"{each.what} ({each.label})", 40) for each in top]
best = found.shortcuts[0] if found.shortcuts else None
figure, axes = paper(
    f"Bars of single features; the strongest is {best.what if best else 'none'} with "
    f"{best.accuracy if best else 0:.0%}."
)
axes.barh(bars, [each.accuracy * 100 for each in top], color=BLUE)
axes.axvline(found.length_rule * 100, color=ORANGE, label="length alone")
axes.set_xlim(50, 100)
axes.set_xlabel("balanced accuracy of this alone (%)")
axes.set_ylabel("feature (and the label it means)")
axes.legend(frameon=False)
figure

# %% [markdown]
# Not every shortcut is a fault: spam *does* have addresses. The question to each is
# whether it will hold where the model is used.
#
# ## Labels that may be wrong
#
# Whoever labels thousands of messages errs. To find candidates: train a model on four
# fifths, ask it about the last fifth, and so on round. The model has not seen these
# messages. Where it does not believe the label, look again. By hand:

# %%
judge = make_pipeline(TfidfVectorizer(), LogisticRegression(C=10, max_iter=1000))
truth = encode_labels(messages, names)["Label"]
chances = cross_val_predict(
    judge, messages["Text"], truth, cv=5, method="predict_proba"
)
belief = chances[range(len(messages)), truth]
doubted = messages.assign(belief=belief).nsmallest(5, "belief")
doubted[["Label", "belief"]].round(3)

# %% [markdown]
# The audit does the same with pieces of words, 2 to 4 characters long, and keeps
# equal messages in one fold. Otherwise each repeat would vouch for its own label. Is
# it any good? Swap eight labels, and see how many of them come back among the first
# forty:

# %% tags=["slow"]
flipped = messages.copy()
rows = flipped.sample(8, random_state=SEED).index
other = {names[0]: names[1], names[1]: names[0]}
flipped.loc[rows, "Label"] = flipped.loc[rows, "Label"].map(other)
suspects = [suspect.row for suspect in audit(flipped).suspects[:40]]
print(f"{len(set(rows) & set(suspects))} of 8 planted errors are among {len(suspects)}")

# %% [markdown]
# > **You should see** most of them, and also messages that are labelled correctly but
# > hard. A suspect is a question to a person, not a verdict. On the SMS collection
# > the list has jokes labelled spam and adverts labelled ham.
#
# The first suspects of your own data:

# %%
for suspect in found.suspects[:5]:
    print(
        f"labelled {suspect.label}, predicted {suspect.predicted}: {suspect.text[:60]}"
    )

# %% [markdown]
# ## Broken letters
#
# Text that was written in one encoding and read in another is a trace of where it
# came from, so it can be a shortcut as well. Write as UTF-8, read as cp1252 (an old
# Windows encoding), and see:

# %%
broken = bytes("costs £5, don’t wait", "utf-8").decode("cp1252")
print(broken)
assert re.search(PATTERNS["broken encoding"], broken)
assert not re.search(PATTERNS["broken encoding"], "café, £5")
print(len(found.mojibake), "rows of your data have it")

# %% [markdown]
# ## What just happened
#
# - One call lists what a file hides; each finding can be checked by a line of pandas.
# - Leaked messages are scored by memory, and shortcuts may not hold elsewhere.
# - A model that never saw a message is a good reader of its label, and a person
#   decides.
#
# ## Exercises
#
# Predict first, then compute. Replace the `...`; the cell below says nothing if you
# are right, and gives a hint if not. Solutions: `src/solutions/13_audit.py`.
#
# **1.** *Predict:* how many messages contain a question mark, and is it more frequent
# in ham or in spam? Put the two shares, of ham and of spam, into `shares`.

# %% tags=["exercise-1"]
shares = ...

# %% tags=["check-1"]
if shares is not ...:
    has = messages["Text"].str.contains("?", regex=False)
    right_shares = [has[messages["Label"] == name].mean() for name in names]
    assert max(abs(a - b) for a, b in zip(shares, right_shares, strict=True)) < 1e-6, (
        "Hint: divide each count of sides(...) by how many of that label there are."
    )

# %% [markdown]
# **2.** *Predict:* if every spam stood in the data twice, which share of the test
# part's spam would you expect to have its twin in train (70 % of all)? Count it: put
# into `share_leaked` the share for `twice`, split with seed 123.

# %% tags=["exercise-2"]
twice = pd.concat([messages, spam], ignore_index=True)
share_leaked = ...

# %% tags=["check-2"]
if share_leaked is not ...:
    cut = random_split(encode_labels(twice, names), seed=123)
    test_spam = cut.test[cut.test["Label"] == 1]["Text"]
    assert abs(share_leaked - test_spam.isin(cut.train["Text"]).mean()) < 1e-6, (
        "Hint: random_split(encode_labels(twice, names), seed=123); isin on the spam."
    )

# %% [markdown]
# **3.** *Predict:* a pattern is in 50 ham and 0 spam, and half of all messages are
# ham. How likely is that by chance, if the pattern has nothing to do with the label?
# Compute the probability that all 50 are ham.

# %% tags=["exercise-3"]
by_chance = ...

# %% tags=["check-3"]
if by_chance is not ...:
    assert abs(by_chance / 0.5**50 - 1) < 1e-6, "Hint: fifty times in a row one half."

# %% [markdown]
# **Next:** [14 · What the score is worth](14_what_the_score_is_worth.ipynb).
