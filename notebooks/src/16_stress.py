# %% [markdown]
# # 16 · Stress it: who gets past your filter?
#
# - **You will** write the same message in other ways, count how many verdicts change,
#   check that harmless edits change fewer, count false alarms on notices that nothing
#   was trained on, and train a model that is harder to fool.
# - **You need** a finetuned classifier; one call makes it, a second one the robust one.
# - **It takes** 25 minutes to read, 25 for questions and exercises. The page runs in
#   two minutes with the bundled GPT.
# - **A file of your own** works, too: `DATA = "mine.csv"`, with two classes and at
#   least 100 messages of each; TEXT and LABEL name its columns, if they are not Text
#   and Label. The class that comes second by name stands where spam does here.
# - **The outputs stored here** were made on the bundled sample with the small GPT.
#
# A test part tells how a model does on messages like those that it learned from. People
# who send spam want to get past it, and change how they write. This notebook is ours;
# neither the lecture nor the book asks what happens then.

# %%
import random
import unicodedata

import pandas as pd

import spamft
from spamft import diagrams
from spamft.check import ask, check, guess
from spamft.insight.alarms import locked_alarms
from spamft.insight.edits import EDITS, control
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
EPOCHS = 1  # of the robust model, which has more messages; the recipe has 5

# %% [markdown]
# The model of notebook 15, on a split without [leaks](../docs/glossary.md#leak):

# %% tags=["slow"]
layout = Layout(text=TEXT, label=LABEL)
data = open_splits(DATA, layout=layout, cache_dir="../data", seed=SEED)
names = lesson_names(data.df)
run = spamft.finetune(data, MODEL, seed=SEED, device=DEVICE)
print(f"test accuracy {run.reports['test'].accuracy:.1%}")

# %% [markdown]
# ## One message, two ways
#
# Some Cyrillic and Greek letters look like Latin ones in most fonts. A reader sees no
# difference; to a program these are other characters, and so other
# [tokens](../docs/glossary.md#token):

# %%
message = "Your account is locked. Confirm your details today at bank-login.example"
fooling = EDITS["look-alike letters"](message, random.Random(SEED))
print(message, fooling, sep="\n")
print([unicodedata.name(character) for character in fooling[:3]])

# %%
for text in (message, fooling):
    print(len(run.tokenizer.encode_ordinary(text)), "tokens,", run.classify(text))

# %% [markdown]
# Whatever the verdict is, the model reads another text than you do; which messages get
# past that way is counted below. Its [tokenizer](../docs/glossary.md#tokenizer) knows
# no such words and falls back to single bytes; each � below is half a letter. (The
# picture's probabilities are those before the temperature that `run.classify` uses.)

# %%
diagrams.message_life(fooling, run.model, run.tokenizer)

# %% [markdown]
# The package has some twenty edits. All leave the meaning: a reader understands, and
# the web address is still the same. Here they are on a shorter message. Zero-width
# spaces and soft hyphens cannot be seen at all, and the last two edits change only
# longer messages:

# %%
short = "Confirm at bank-login.example now. You won 50!"
for name, edit in EDITS.items():
    print(f"{name:26s}{edit(short, random.Random(SEED))}")

# %% [markdown]
# ## Count, and count a control
#
# An edit fools the model if spam that the model catches *escapes*: after the edit it is
# no longer predicted spam. Only spam that was caught counts, and only messages that the
# edit changes. By hand, for one edit:

# %%
few = data.splits.test.head(MESSAGES)
spam = few[few["Label"] == 1]["Text"].tolist()
verdicts = zip(spam, run.classify(spam), strict=True)
caught = [text for text, verdict in verdicts if verdict.label == names[1]]


def escapes(change):
    """(messages that escape, messages that the change changes)"""
    pairs = [(text, change(text)) for text in caught]
    changed = [after for text, after in pairs if after != text]
    turned = [v for v in run.classify(changed) if v.label != names[1]]
    return len(turned), len(changed)


alike = EDITS["look-alike letters"]


def draw_for(text):
    return random.Random(f"{SEED} look-alike letters {text}")  # as the library draws


by_hand = escapes(lambda text: alike(text, draw_for(text)))
print(f"look-alike letters: {by_hand[0]} of {by_hand[1]} caught {names[1]} escape")

# %% [markdown]
# Any edit may change verdicts, so that alone proves little. It takes a *control*: the
# same messages, changed in the same place by as many characters of harmless words.
# Which lets more escape, look-alike letters or harmless words? Guess before you run it.


# %%
def harmless(text):
    draw = draw_for(text)
    return control(text, alike(text, draw), draw)


print(harmless(message))
print("with harmless words {} of {} escape".format(*escapes(harmless)))

# %% [markdown]
# ## All of them at once
#
# `stress` does this for every edit, and counts ham that becomes spam, too (*alarms*).
# In a terminal it is `spamft stress RUN`. Here for some of the edits:

# %% tags=["slow"]
CHOSEN = (
    *("look-alike letters", "zero-width spaces", "spaces in words", "leetspeak"),
    *("capitals", "a full stop at the end", "thanks at the end", "link in front"),
)
chosen = {name: EDITS[name] for name in CHOSEN}


def stressed(run):
    return stress(
        run.model,
        run.tokenizer,
        few,
        rule=run.rule,
        label=names[1],
        edits=chosen,
        seed=SEED,
    )


before = stressed(run)
before.table()[["edit", "escapes", "escapes_of", "escapes_control", "alarms"]].round(2)

# %% [markdown]
# Its first row is what we counted by hand:

# %%
first = before.effects[0].escapes
assert (first.edit.count, first.edit.of) == by_hand
assert (first.control.count, first.control.of) == escapes(harmless)

# %%
plot_stress(before.table(), before.label)

# %% [markdown]
# > **You should see** with the sample and the bundled GPT that look-alike letters, or a
# > link moved to the front, let more than half of the caught spam escape, far more than
# > harmless words do. If a dot lies inside its ring, the edit does no more than
# > harmless words do.
#
# An edit that makes spam of everything has no escapes. That is why the right panel is
# there. What the strongest edits do to single messages (some of the sample's are in
# the English of Nigeria; that is not the edit):

# %%
for effect in before.strongest():
    for example in effect.escapes.examples[:1]:
        print(f"{effect.edit}\n  {example}")

# %% [markdown]
# ## Messages that must not be stopped
#
# The worst mistake of a filter is to stop the bank's warning or the school's call. The
# package has 150 genuine notices and 50 spam that imitate them. Nothing is ever
# trained, tuned or chosen on them: the set is *locked*.

# %%
locked = locked_notices()
print(locked.groupby("Label")["Text"].first().str[:70].to_string())

# %%
if set(names) == {"ham", "spam"}:
    genuine = locked[locked["Label"] == "ham"]["Text"]
    alarms = sum(verdict.label == "spam" for verdict in run.classify(genuine))
    found = locked_alarms(run.model, run.tokenizer, run.rule)
    assert alarms == found.false
    print(f"notices predicted spam: {alarms} of {found.others}, {found.false_alarms}")
    (passed, stopped), _ = run.reports["test"].confusion
    print(f"ham of the test part predicted spam: {stopped} of {passed + stopped}")
else:
    print("these classes are not ham and spam: the notices are not theirs")

# %% [markdown]
# The notices differ from friends' messages as spam does: they have money, codes and
# links. What a test part says of friends' messages need not hold for them; only
# messages of another origin can tell. In the stored output the model does badly on
# both: about a fifth of each, and the intervals overlap.
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
# That is a *normalizer* (Hugging Face's tokenizers have one by that name, too). It
# belongs to the tokenizer: training and use then read alike.
#
# ## Teach it what does not matter
#
# No table helps against a typo, a space in a word, or a head that depends on the last
# token. `robust=True` adds the normalizer and three measures in training:
#
# - *Copies*: each message is learned in two edited copies, too. The edits are drawn at
#   random. Some are never drawn, so that the next table also tells about edits that the
#   model has not learned.
# - *Notices*: genuine ones and spam that imitates them, by writers who had not seen the
#   locked ones. (Only where the classes are ham and spam.)
# - *Pooling mean*: the head reads the mean of all tokens' vectors, so what stands at
#   the end does not decide alone (see [pooling](../docs/glossary.md#pooling)).
#
# To be quick this model trains for one epoch, where the one above had five.

# %% tags=["slow"]
how = {"config": {"epochs": EPOCHS}, "seed": SEED, "device": DEVICE}
robust = spamft.finetune(data, MODEL, robust=True, **how)
print(*robust.setup.robust.notes, sep="\n")
print(f"test accuracy {robust.reports['test'].accuracy:.1%}")

# %% [markdown]
# What looks the same has the same tokens now:

# %%
for name in ("look-alike letters", "full-width letters", "zero-width spaces"):
    edited = EDITS[name](message, random.Random(SEED))
    assert robust.tokenizer.encode_ordinary(edited) == (
        robust.tokenizer.encode_ordinary(message)
    )

# %% tags=["slow"]
after = stressed(robust)
columns = {}
for what in ("escapes", "alarms"):
    columns[what] = before.table()[what]
    columns[f"{what}, robust"] = after.table()[what]
pd.DataFrame(columns).set_index(before.table()["edit"]).map("{:.0%}".format)

# %% [markdown]
# ## What it costs
#
# Two models, the same unedited test messages, with their 95 % intervals, and the locked
# notices again:

# %%
for name, each in {"before": run, "robust": robust}.items():
    report = each.reports["test"]
    low, high = report.interval
    line = f"{name:8s}clean accuracy {report.accuracy:.1%} ({low:.1%} to {high:.1%})"
    found = locked_alarms(each.model, each.tokenizer, each.rule)
    print(line if found is None else f"{line}, {found.false} of {found.others} notices")

# %% [markdown]
# > **You should see**, with the sample and the bundled GPT, that what the normalizer
# > undoes lets no spam escape any more, and a full stop, thanks or spaces hardly any.
# > Not all is better: capitals let more escape than before, about as many notices are
# > stopped, and the accuracy on unedited messages is some points lower.
#
# One seed and one epoch prove little. With five seeds and the recipe's five epochs
# (docs/stress.md) escapes under all nine edits of characters fall from 31.8 % to 8.2 %,
# and false alarms on the locked notices from 32.7 % to 19.9 %. The price stays: four
# points of accuracy on unedited messages.
#
# ## What just happened
#
# - An edit counts as an attack if it changes more verdicts than harmless words do.
# - A locked set, of another origin, asks what no test part can answer.
# - What looks alike is made alike before the model reads it; the rest is learned, from
#   edited copies and from notices.
#
# ## What if?
#
# Three questions. Below each put a letter for the first `...`, and for the second the
# chance that you are right, from 0.33 (a blind guess) to 1. Then each choice is
# explained.

# %%
ask("16.q1")

# %% tags=["guess-q1"]
guess("16.q1", ..., sure=...)

# %% [markdown]
# The second one:

# %%
ask("16.q2")

# %% tags=["guess-q2"]
guess("16.q2", ..., sure=...)

# %% [markdown]
# And the third:

# %%
ask("16.q3")

# %% tags=["guess-q3"]
guess("16.q3", ..., sure=...)

# %% [markdown]
# ## Exercises
#
# Guess, then compute. A number that you guess counts as right within a tenth. The cell
# with `check` says whether you are right and why, and what a usual mistake confuses.
# Solutions: `src/solutions/16_stress.py`.
#
# **1.** *Guess:* does the normalizer undo leetspeak, such as `fr33`, `"yes"` or `"no"`?

# %% tags=["guess-1"]
guess("16.1", ..., sure=...)

# %% [markdown]
# Put into `undone` the set of the names whose edit of `message` `Normalizer(table)`
# undoes. The edits of characters are the dictionary `CHARACTERS` in
# `spamft.insight.edits`; draw with `random.Random(SEED)`.

# %% tags=["exercise-1"]
undone = ...

# %% tags=["check-1"]
check("16.1", undone, message=message, seed=SEED)

# %% [markdown]
# **2.** *Guess:* do three exclamation marks let more than a tenth of the spam escape
# that `run` catches, `"yes"` or `"no"`?

# %% tags=["guess-2"]
guess("16.2", ..., sure=...)

# %% [markdown]
# Write `shout`, an edit that puts `!!!` behind a text, and `shouted`, what `escapes`
# gives for it:

# %% tags=["exercise-2"]
shout, shouted = ..., ...

# %% tags=["check-2"]
check("16.2", (shout, shouted), escapes=escapes)

# %% [markdown]
# **3.** *Guess:* of 1,000 genuine notices, how many would `run` stop?

# %% tags=["guess-3"]
guess("16.3", ..., sure=...)

# %% [markdown]
# Put the 95 % interval of the share, by `locked_alarms`, into `interval`: a pair (low,
# high), or None if your classes are not ham and spam, for then there is none.

# %% tags=["exercise-3"]
interval = ...

# %% tags=["check-3"]
check("16.3", interval, run=run)

# %% [markdown]
# **Next:** [17 · A modern LLM](17_modern_llm.ipynb), from GPT-2 to Llama. With messages
# of your own: `spamft audit yours.csv`, then `finetune`, then `stress`.
