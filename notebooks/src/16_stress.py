# %% [markdown]
# # 16 · Stress it: who gets past your filter?
#
# - **You will** write the same message in other ways, count whose verdicts turn, check
#   that harmless changes turn fewer, count false alarms on notices that nothing was
#   trained on, and train a model that is harder to fool.
# - **You need** a finetuned classifier; one call makes it, a second one the robust one.
# - **It takes** 20 minutes to read and three minutes to run with the bundled GPT.
# - **A file of your own** works, too: `DATA = "mine.csv"`, with two classes and at
#   least 100 messages of each; TEXT and LABEL name its columns, if they are not Text
#   and Label. The class that comes second by name stands where spam does here.
#
# A test part tells how a model does on messages like those that it learned from. Those
# who send spam want past it, and do not write like that for long.

# %%
import random
import unicodedata

import pandas as pd

import spamft
from spamft.insight.alarms import locked_alarms
from spamft.insight.edits import CHARACTERS, EDITS, control
from spamft.insight.stress import stress
from spamft.models.normalizer import Normalizer, look_alikes
from spamft.plots import plot_stress
from spamft.reading.layout import Layout
from spamft.sources import open_splits
from spamft.sources.lessons import lesson_names
from spamft.sources.locked import locked_notices

# %% tags=["parameters"]
DATA = "auto"
TEXT, LABEL = None, None  # the columns of a file of your own
MODEL = "gpt"
SEED = 123
DEVICE = "auto"  # or "cuda", "mps", "cpu"
MESSAGES = 100  # of the test part, so that it is quick

# %% [markdown]
# The model of notebook 15, on the leak-free split:

# %% tags=["slow"]
layout = Layout(text=TEXT, label=LABEL)
data = open_splits(DATA, layout=layout, cache_dir="../data", seed=SEED)
names = lesson_names(data.df)
run = spamft.finetune(data, MODEL, seed=SEED, device=DEVICE)
print(f"test accuracy {run.reports['test'].accuracy:.1%}")

# %% [markdown]
# ## One message, two ways
#
# Some Cyrillic letters look like Latin ones in most fonts. A reader sees no difference;
# to a program these are other characters, and so other tokens:

# %%
message = "Your account is locked. Confirm your details today at bank-login.example"
fooling = EDITS["look-alike letters"](message, random.Random(SEED))
print(message, fooling, sep="\n")
print([unicodedata.name(character) for character in fooling[:3]])

# %%
for text in (message, fooling):
    print(len(run.tokenizer.encode_ordinary(text)), "tokens,", run.classify(text))

# %% [markdown]
# The package has twenty such edits. All leave the meaning: a reader understands, and
# the web address is still the same.

# %%
for name, edit in EDITS.items():
    print(f"{name:26s}{edit(message, random.Random(SEED))[:60]}")

# %% [markdown]
# ## Count, and count a control
#
# An edit fools the model if spam that it catches *escapes*. Only spam that was caught
# counts, and only messages that the edit changes. By hand, for one edit:

# %%
few = data.splits.test.head(MESSAGES)
spam = few[few["Label"] == 1]["Text"].tolist()
verdicts = zip(spam, run.classify(spam), strict=True)
caught = [text for text, verdict in verdicts if verdict.label == names[1]]


def escapes(change):
    """(messages whose verdict turns, messages that the change changes)"""
    pairs = [(text, change(text)) for text in caught]
    changed = [after for text, after in pairs if after != text]
    turned = [v for v in run.classify(changed) if v.label != names[1]]
    return len(turned), len(changed)


by_hand = escapes(lambda text: EDITS["capitals"](text, random.Random(SEED)))
print(f"in capitals {by_hand[0]} of {by_hand[1]} caught {names[1]} escape")

# %% [markdown]
# A model may turn at any change, so that proves little. The *control* changes the same
# messages by harmless words, as many characters as the edit changed, in that place.
#
# Which is worse for the model, capitals or as much harmless text? Guess before you run
# it.


# %%
def harmless(text):
    draw = random.Random(SEED)
    return control(text, EDITS["capitals"](text, draw), draw)


print(harmless(message))
print("with harmless words {} of {} escape".format(*escapes(harmless)))

# %% [markdown]
# ## All of them at once
#
# `stress` does so for every edit, and for ham that becomes spam. In a terminal it is
# `spamft stress RUN`. Here for some of the edits:

# %% tags=["slow"]
CHOSEN = (
    *("look-alike letters", "zero-width spaces", "spaces in words", "leetspeak"),
    *("capitals", "a full stop at the end", "thanks at the end", "link in front"),
)
chosen = {name: EDITS[name] for name in CHOSEN}


def stressed(run):
    return stress(
        run.model, run.tokenizer, few, rule=run.rule, label=names[1], edits=chosen
    )


before = stressed(run)
before.table()[["edit", "escapes", "escapes_of", "escapes_control", "alarms"]].round(2)

# %% [markdown]
# The row of the capitals is what we counted by hand:

# %%
in_capitals = next(each for each in before.effects if each.edit == "capitals").escapes
assert (in_capitals.edit.count, in_capitals.edit.of) == by_hand

# %%
plot_stress(before.table(), before.label)

# %% [markdown]
# > **You should see** with the sample and the bundled GPT that look-alike letters, or a
# > link moved to the front, let more than half of the caught spam past, far more than
# > harmless words do. An edit whose dot lies in its ring is no attack; it is a change
# > like any other.
#
# An edit that makes spam of everything has no escapes. That is why the right panel is
# there. What the strongest edits do to single messages:

# %%
for effect in before.strongest():
    for example in effect.escapes.examples[:1]:
        print(f"{effect.edit}\n  {example}")

# %% [markdown]
# ## Messages that must not be stopped
#
# The worst mistake of a filter is to stop the bank's warning or the school's call. The
# package has 150 genuine notices and 50 spam that imitate them, and nothing is ever
# trained, tuned or chosen on them: the set is *locked*.

# %%
locked = locked_notices()
print(locked.groupby("Label")["Text"].first().str[:70].to_string())

# %%
if set(names) == {"ham", "spam"}:
    genuine = locked[locked["Label"] == "ham"]["Text"]
    alarms = sum(verdict.label == "spam" for verdict in run.classify(genuine))
    assert alarms == locked_alarms(run.model, run.tokenizer, run.rule).false
    print(f"{alarms} of {len(genuine)} genuine notices are predicted spam")
else:
    print("these classes are not ham and spam: the notices are not theirs")

# %% [markdown]
# On the sample's own test part false alarms are rarer. The notices differ from friends'
# messages as spam does: money, codes, links. Only messages of another origin show it.
#
# ## Read as people do
#
# What looks the same should be the same. Unicode has a rule for part of that, NFKC:
# full-width and other dressed-up letters become plain ones. Characters that nobody sees
# can be taken out, and a table knows which letters imitate Latin ones. By hand:

# %%
table = look_alikes()
plain = unicodedata.normalize("NFKC", fooling)
plain = "".join(c for c in plain if unicodedata.category(c) != "Cf")
plain = "".join(table.get(character, character) for character in plain)
assert plain == message
assert Normalizer(table)(fooling) == message

# %% [markdown]
# That is a *normalizer*, and it belongs to the tokenizer: training and use then read
# alike. No table helps against a typo or a space in a word. Those the model has to see
# in training: `robust=True` also adds copies of each training message, with edits drawn
# at random. Some edits are never drawn, so that the next table says something about
# edits that the model does not know.

# %% tags=["slow"]
robust = spamft.finetune(data, MODEL, seed=SEED, device=DEVICE, robust=True)
print(f"test accuracy {robust.reports['test'].accuracy:.1%}")

# %% [markdown]
# What is written in another way has the same tokens now:

# %%
for name in ("look-alike letters", "full-width letters", "zero-width spaces"):
    edited = EDITS[name](message, random.Random(SEED))
    assert robust.tokenizer.encode_ordinary(edited) == (
        robust.tokenizer.encode_ordinary(message)
    )

# %% tags=["slow"]
after = stressed(robust)
both = pd.DataFrame(
    {"before": before.table()["escapes"], "robust": after.table()["escapes"]}
).set_index(before.table()["edit"])
both.map("{:.0%}".format)

# %% [markdown]
# ## What it costs
#
# Two models, the same clean test messages. With so few of them, an interval of a few
# points belongs to each number:

# %%
for name, each in {"before": run, "robust": robust}.items():
    report = each.reports["test"]
    low, high = report.interval
    line = f"{name:8s}clean accuracy {report.accuracy:.1%} ({low:.1%} to {high:.1%})"
    found = locked_alarms(each.model, each.tokenizer, each.rule)
    print(line if found is None else f"{line}, {found.false} of {found.others} notices")

# %% [markdown]
# > **You should see** that what a normalizer undoes lets nobody past any more, and a
# > full stop or a moved link a third of before. Not all is better: capitals and
# > leetspeak let more past than before, and more of the notices are stopped. To be
# > hard to fool by edits is not to be right about messages of another kind. One seed
# > proves little about the clean accuracy: docs/stress.md has the figures of several.
#
# ## What just happened
#
# - An edit counts as an attack if it turns more verdicts than harmless words do.
# - A locked set shows mistakes that a test part of the same origin hides.
# - What looks alike is made alike before the model; what is not is learned from copies.
#
# ## Exercises
#
# Predict first, then compute. Replace the `...`; the cell below says nothing if you
# are right, and gives a hint if not. Solutions: `src/solutions/16_stress.py`.
#
# **1.** *Predict:* does the normalizer undo leetspeak, `fr33`? Put into `undone` the
# set of names in CHARACTERS whose edit of `message` `Normalizer(table)` undoes.

# %% tags=["exercise-1"]
undone = ...

# %% tags=["check-1"]
if undone is not ...:
    assert undone == {
        name
        for name, edit in CHARACTERS.items()
        if Normalizer(table)(edit(message, random.Random(SEED))) == message
    }, "Hint: compare Normalizer(table)(edited) with message, for each of CHARACTERS."

# %% [markdown]
# **2.** *Predict:* do three exclamation marks fool `run`? Write `shout`, an edit that
# puts `!!!` behind a text, and `shouted`, what `escapes` gives for it.

# %% tags=["exercise-2"]
shout, shouted = ..., ...

# %% tags=["check-2"]
if ... not in (shout, shouted):
    assert shout("cash") == "cash!!!", "Hint: a function of one text: text + '!!!'."
    assert shouted == escapes(shout), "Hint: escapes(shout) is a pair of counts."

# %% [markdown]
# **3.** *Predict:* of 1,000 genuine notices, how many would be stopped? Put the 95 %
# interval of the share, by `locked_alarms`, into `interval`: a pair (low, high).

# %% tags=["exercise-3"]
interval = ...

# %% tags=["check-3"]
if interval is not ... and set(names) == {"ham", "spam"}:
    right = locked_alarms(run.model, run.tokenizer, run.rule).false_alarms
    assert interval == (right.low, right.high), (
        "Hint: locked_alarms(...).false_alarms has a share, a low and a high end."
    )

# %% [markdown]
# **Next:** your own data: `spamft audit yours.csv`, then `finetune`, then `stress`.
