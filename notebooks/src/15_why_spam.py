# %% [markdown]
# # 15 · Ask the model: why did you say spam?
#
# - **You will** find the tokens that decided a verdict, in two ways, check that the
#   parts add up to the whole, watch the verdict form from block to block, and try
#   edits that should change nothing.
# - **You need** a finetuned classifier; one call makes it.
# - **It takes** 15 minutes to read and a minute to run with the bundled GPT, longer
#   with GPT-2.
# - **A file of your own** works, too: `DATA = "mine.csv"`, with two classes and at
#   least 100 messages of each; TEXT and LABEL name its columns, if they are not Text
#   and Label. The class that comes second by name stands where spam does here.
#
# A score says how often a model is right. This notebook asks what it looks at.

# %%
import random
import re

import torch

import spamft
from spamft.insight.edits import EDITS
from spamft.insight.explain import (
    by_block,
    count_flips,
    integrated_gradients,
    leave_one_out,
)
from spamft.insight.patterns import PATTERNS, PLACES
from spamft.insight.shortcuts import place_table
from spamft.plots import BLUE, GREY, ORANGE, paper
from spamft.plots.style import literal
from spamft.reading.layout import Layout
from spamft.sources import open_splits
from spamft.sources.lessons import lesson_names

# %% tags=["parameters"]
DATA = "auto"
TEXT, LABEL = None, None  # the columns of a file of your own
MODEL = "gpt"
SEED = 123
DEVICE = "auto"  # or "cuda", "mps", "cpu"

# %% [markdown]
# A model with its last block finetuned, as in notebook 8, but on the leak-free split:

# %% tags=["slow"]
layout = Layout(text=TEXT, label=LABEL)
data = open_splits(DATA, layout=layout, cache_dir="../data", seed=SEED)
names = lesson_names(data.df)
run = spamft.finetune(data, MODEL, seed=SEED, device=DEVICE)
model, tokenizer = run.model, run.tokenizer
print(f"test accuracy {run.reports['test'].accuracy:.1%}")

# %%
message = "Your account is locked. Confirm your details today at bank-login.example"
run.classify(message)

# %% [markdown]
# ## Take a token away
#
# The simplest question: what would it predict without this token? The score is the
# logit of spam minus that of ham; above 0 it predicts spam. By hand, for every token:


# %%
@torch.no_grad()
def score(ids):
    logits = model(torch.tensor([ids], device=model.head.weight.device))
    ham, spam = logits[0].tolist()
    return spam - ham


ids = tokenizer.encode_ordinary(message)
whole = score(ids)
by_hand = [whole - score(ids[:t] + ids[t + 1 :]) for t in range(len(ids))]
print(f"score {whole:+.2f}")

# %% [markdown]
# The library's function asks all of them in one batch. In a notebook the result shows
# as coloured text: orange speaks for the label, blue against it; hold the mouse over
# a token for its number.

# %%
left_out = leave_one_out(model, tokenizer, message, names[1])
assert (
    max(abs(a - b) for a, b in zip(left_out.contributions, by_hand, strict=True)) < 1e-3
)
left_out

# %%
print(left_out)  # in a terminal: a plus or minus for every half logit, at most six

# %% [markdown]
# ## Walk from nothing to the message
#
# Taking one token away misses what two tokens say together: each alone can go
# unnoticed as long as the other is there. *Integrated gradients* walk in small steps
# from a message of end tokens to this one, and at each step add up how much each
# token's vector moves the score. The parts must add up to the whole way:

# %%
walked = integrated_gradients(model, tokenizer, message, names[1], steps=256)
difference = walked.score - walked.baseline
print(f"from {walked.baseline:+.2f} to {walked.score:+.2f}: {difference:+.2f}")
print(f"the contributions add up to {sum(walked.contributions):+.2f}")
walked

# %% [markdown]
# That they do is called *completeness*, and it is a check that finds many mistakes in
# the code. With fewer steps it holds less well:

# %% tags=["slow"]
gaps = {}
for steps in (1, 4, 16, 64, 256):
    found = integrated_gradients(model, tokenizer, message, names[1], steps=steps)
    gaps[steps] = abs(sum(found.contributions) - (found.score - found.baseline))
    print(f"{steps:4d} steps: off by {gaps[steps]:.3f}")
assert gaps[256] < 0.05 * abs(difference) + 0.05

# %% [markdown]
# Do the two ways agree? Each token as a pair of bars:

# %%
places = torch.arange(len(ids))
figure, axes = paper(
    f"Pairs of bars for {len(ids)} tokens; the strongest by leaving out is "
    f"{left_out.tokens[max(places, key=lambda t: left_out.contributions[t])]!r}.",
    7,
)
axes.bar(places - 0.2, left_out.contributions, width=0.4, color=BLUE, label="left out")
axes.bar(
    places + 0.2, walked.contributions, width=0.4, color=ORANGE, label="integrated"
)
axes.set_xticks(places, [t.strip() for t in left_out.tokens], rotation=60, ha="right")
axes.set_xlabel("token")
axes.set_ylabel(f"contribution to {literal(names[1])} (logits)")
axes.legend(frameon=False)
figure

# %% [markdown]
# They need not agree: one asks about the message as it is, the other about the way to
# it. What both find is a good candidate for a reason.
#
# ## Watch the verdict form
#
# After every block the last token has a vector. What would the head say of it? The
# head was trained for the last block's vectors, so the early ones are a foreign
# language to it; still the curve shows from which block on the head can read it.

# %%
examples = {
    "this message": message,
    "a friend": "Running late, start without me and save me a slice",
}
curves = {
    name: by_block(model, tokenizer, text, names[1]) for name, text in examples.items()
}
ends = ", ".join(f"{name} {curve[-1]:+.1f}" for name, curve in curves.items())
figure, axes = paper(
    f"Lines of the {names[1]} score after each block; at the end: {ends}."
)
for (name, curve), color in zip(curves.items(), (ORANGE, BLUE), strict=True):
    axes.plot(range(len(curve)), curve, marker="o", color=color, label=name)
axes.axhline(0, color=GREY, linewidth=0.8)
axes.set_xlabel("blocks passed (number)")
axes.set_ylabel(f"{literal(names[1])} score (logits)")
axes.legend(frameon=False)
figure

# %%
assert abs(curves["this message"][-1] - whole) < 1e-3

# %% [markdown]
# > **You should see** the largest step at the last block: it, the norm and the head
# > were trained together. That an early line is flat does not mean that the frozen
# > blocks know nothing. It means that this head cannot read it there.
#
# ## Edits that should change nothing
#
# A good filter does not care about a full stop. Take the spam of the test part that
# the model catches, edit it in ways after which it is still spam, and count the
# verdicts that change. The last number is how far the probability of spam moves on
# average. The last edit takes away more than the others: the link itself.

# %% tags=["slow"]
test = data.splits.test
texts = test[test["Label"] == 1]["Text"].tolist()
verdicts = run.classify(texts)
spam = [text for text, v in zip(texts, verdicts, strict=True) if v.label == names[1]]
spam = spam or texts  # of a model that catches none, all
edits = {
    "a full stop at the end": lambda text: text.rstrip(".") + ".",
    "all lower case": str.lower,
    "&lt;#&gt; at the end": lambda text: text + " &lt;#&gt;",
    "a friendly beginning": lambda text: "Hi mum, " + text,
    "no web address": lambda text: re.sub(PATTERNS["web address"], "", text),
}
for name, edit in edits.items():
    flips = count_flips(model, tokenizer, spam, edit, rule=run.rule)
    shift = flips.mean_shift
    print(
        f"{name:24s}{flips.changed} of {flips.messages} change, {shift:+.1%} {names[1]}"
    )

# %% [markdown]
# > **You should see** with the sample and the bundled GPT that a single full stop turns
# > a third of the caught spam into ham, while capitals and a greeting hardly matter.
#
# One of the edits by hand, to see that nothing but verdicts is counted:

# %%
edited = [edits["a full stop at the end"](text) for text in spam]
pairs = zip(run.classify(spam), run.classify(edited), strict=True)
by_hand = sum(before.label != after.label for before, after in pairs)
stop = count_flips(model, tokenizer, spam, edits["a full stop at the end"])
assert by_hand == stop.changed

# %% [markdown]
# We took only spam that the model catches, so every change is a way round the filter.
# `&lt;#&gt;` stands in 214 ham of the SMS collection and in no spam, probably left by
# a program that removed numbers. A model trained there may have learned it (notebook
# 13). A model trained on the sample cannot have.
#
# ## Find the cause
#
# Why a full stop? **Write down your guess before you read on, and what you would have
# to see for it to be wrong.**
#
# Our guess: the model learned how spam *ends*. Its head reads the last token, so an
# ending is the easiest thing to learn. If that is right, endings differ between the
# classes of the training part. Count those in a web address:

# %%
at_end = PLACES["ends with: web address"].holds
train = data.splits.train
by_hand = {}
for k, name in enumerate(names):
    texts = train[train["Label"] == k]["Text"]
    by_hand[name] = sum(map(at_end, texts))
    print(f"{name}: {by_hand[name]} of {len(texts)} end in a web address")

# %% [markdown]
# The audit counts every beginning and ending that way, and says how well it predicts
# the label alone:

# %%
named = train.assign(Label=train["Label"].map(dict(enumerate(names))))
endings = {s.what: s for s in place_table(named) if s.what.startswith("ends with")}
for what, shortcut in endings.items():
    print(f"{what:28s}{shortcut}")
if any(by_hand.values()):
    assert endings["ends with: web address"].counts == by_hand

# %% [markdown]
# Second: if endings decide, the full stop must turn mostly those spam whose ending
# spoke for spam.

# %%
full_stop = edits["a full stop at the end"]
linked = [text for text in spam if at_end(text)]
others = [text for text in spam if not at_end(text)]
for how, group in {"in an address": linked, "otherwise": others}.items():
    changed = sum(v.label != names[1] for v in run.classify(map(full_stop, group)))
    print(f"ended {how}: {changed} of {len(group)} change")

# %% [markdown]
# Third, the test of a cause: move the address, and take nothing away. Beside it two
# controls, the address gone altogether, and a harmless word at the end:

# %%
draw = random.Random(SEED)
trials = {
    "address moved to the front": lambda text: EDITS["link in front"](text, draw),
    "address in the middle": lambda text: EDITS["link in the middle"](text, draw),
    "no address": edits["no web address"],
    "'today' at the end": lambda text: text + " today",
}
for name, edit in trials.items():
    changed = sum(v.label != names[1] for v in run.classify(map(edit, linked)))
    print(f"{name:28s}{changed} of {len(linked)} change")

# %%
texts = test[test["Label"] == 0]["Text"].tolist()
verdicts = zip(texts, run.classify(texts), strict=True)
passed = [text for text, verdict in verdicts if verdict.label == names[0]]
for where, edit in {
    "behind": "{} pay.example",
    "in front of": "pay.example {}",
}.items():
    edited = run.classify(map(edit.format, passed))
    caught = sum(verdict.label == names[1] for verdict in edited)
    print(f"an address {where} {names[0]}: {caught} of {len(passed)} become {names[1]}")

# %% [markdown]
# > **You should see** that an address at the front is worth no more to this model than
# > none, and that behind a ham it makes spam of most. So it does not know that
# > spam has links; it knows that spam *ends* in one: in the training part nine of ten
# > endings in an address are spam.
#
# Does that explain the full stop? In part: it turns spam that ended otherwise, too, and
# a harmless word behind the address turns few. A cause is what an experiment shows, and
# ours shows one for the address only. Notebook 16 asks for all edits at once, and
# changes what the model is taught.
#
# ## What just happened
#
# - Leaving a token out and integrated gradients both measure what a token
#   contributes; with the second the contributions add up to the whole.
# - Read by the trained head, the verdict shows up late.
# - An edit that should change nothing raises a question; a guess that could be wrong,
#   and a trial that moves one thing alone, answer it.
#
# ## Exercises
#
# Predict first, then compute. Replace the `...`; the cell below says nothing if you
# are right, and gives a hint if not. Solutions: `src/solutions/15_why_spam.py`.
#
# **1.** *Predict:* do the contributions by leaving out add up to score minus
# baseline, as with integrated gradients? Put their sum into `sum_left_out`. (The
# baseline of `leave_one_out` is one end token, that of `integrated_gradients` as many
# as the message has.)

# %% tags=["exercise-1"]
sum_left_out = ...

# %% tags=["check-1"]
if sum_left_out is not ...:
    assert abs(sum_left_out - sum(left_out.contributions)) < 1e-6, (
        "Hint: sum(left_out.contributions); compare it with score - baseline."
    )

# %% [markdown]
# **2.** *Predict:* which token of your own spam decides? Write `mine`, a message that
# the model predicts as spam, and put the strongest token by `leave_one_out` into
# `strongest`.

# %% tags=["exercise-2"]
mine, strongest = ..., ...

# %% tags=["check-2"]
if ... not in (mine, strongest):
    found = leave_one_out(model, tokenizer, mine)
    assert run.classify(mine).label == names[1], "Hint: it must be predicted spam."
    largest = max(found.contributions)
    assert strongest == found.tokens[found.contributions.index(largest)], (
        "Hint: tokens[contributions.index(max(contributions))], with its space."
    )

# %% [markdown]
# **3.** *Predict:* does the order of the words matter to it? Write `reverse`, an edit
# that reverses the order of the words, and count the flips of `spam` with it; put the
# changed verdicts into `changed`.

# %% tags=["exercise-3"]
reverse, changed = ..., ...

# %% tags=["check-3"]
if ... not in (reverse, changed):
    assert reverse("one two three") == "three two one", (
        "Hint: turn the words round, not the letters: ' '.join(text.split()[::-1])."
    )
    assert changed == count_flips(model, tokenizer, spam, reverse).changed, (
        "Hint: count_flips(model, tokenizer, spam, reverse).changed"
    )

# %% [markdown]
# **Next:** [16 · Stress it](16_stress.ipynb): twenty ways to write a message, and a
# model that they do not fool.
