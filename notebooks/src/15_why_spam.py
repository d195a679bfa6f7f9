# %% [markdown]
# # 15 · Ask the model: why did you say spam?
#
# - **You will** find the tokens that decided a verdict, in two ways, check that the
#   parts add up to the whole, ask which block knows the answer, try edits that should
#   change nothing, and find the cause when one does.
# - **You need** a finetuned classifier; one call makes it.
# - **It takes** 25 minutes to read, 20 for questions and exercises. The page runs in
#   half a minute with the bundled GPT, longer with GPT-2.
# - **A file of your own** works, too: `DATA = "mine.csv"`, with two classes and at
#   least 100 messages of each; TEXT and LABEL name its columns, if they are not Text
#   and Label. The class that comes second by name stands where spam does here.
# - **The outputs stored here** were made on the bundled sample with the small GPT.
#
# A score says how often a model is right. This notebook, which is ours and neither the
# lecture's nor the book's, asks what a single verdict depends on.

# %%
import random
import re

import torch
from sklearn.linear_model import LogisticRegression

import spamft
from spamft import diagrams
from spamft.batches import make_bucketed_loader
from spamft.check import ask, check, guess
from spamft.insight import explain
from spamft.insight.edits import EDITS
from spamft.insight.patterns import PATTERNS, PLACES
from spamft.insight.shortcuts import place_table
from spamft.plots import BLUE, GREY, ORANGE, paper
from spamft.plots.style import literal
from spamft.reading.layout import Layout
from spamft.sources import open_splits
from spamft.sources.lessons import lesson_names
from spamft.use.predict import dataset_for

# %% tags=["parameters"]
DATA = "auto"
TEXT, LABEL = None, None  # the columns of a file of your own
MODEL = "gpt"
SEED = 123
DEVICE = "auto"  # or "cuda", "mps", "cpu"

# %% [markdown]
# A model with its last block finetuned, as in notebook 8, but on a split without
# [leaks](../docs/glossary.md#leak):

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
# What happens to this message in the model: it becomes
# [tokens](../docs/glossary.md#token), each a vector (its
# [embedding](../docs/glossary.md#embedding)), the blocks change the vectors, and the
# head reads that of the last token. Remember the last token; it will matter. (The
# probabilities here are those before the temperature that `run.classify` uses.)

# %%
diagrams.message_life(message, model, tokenizer)

# %% [markdown]
# ## Take a token away
#
# The simplest question: what would the model predict without this token? The score is
# the [logit](../docs/glossary.md#logit) of spam minus that of ham; above 0 the model
# predicts spam. By hand, for every token:


# %%
@torch.no_grad()
def score(ids):
    logits = model(torch.tensor([ids], device=model.head.weight.device))
    ham, spam = logits[0].tolist()
    return spam - ham


ids = tokenizer.encode_ordinary(message)
whole = score(ids)
# ids[:t] + ids[t + 1 :] is the message without its token number t
by_hand = [whole - score(ids[:t] + ids[t + 1 :]) for t in range(len(ids))]
print(f"score {whole:+.2f}")

# %% [markdown]
# The library's function asks for all of them in one batch. In a notebook the result is
# coloured text: orange counts for the label, blue against it; hold the mouse over a
# token for its number. (Printed in a terminal, each + or − is half a logit.)

# %%
left_out = explain.leave_one_out(model, tokenizer, message, names[1])
pairs = zip(left_out.contributions, by_hand, strict=True)
assert max(abs(a - b) for a, b in pairs) < 1e-3
left_out

# %% [markdown]
# ## Walk from nothing to the message
#
# Taking one token away misses what two tokens say together: either can go unnoticed as
# long as the other is there. *Integrated gradients* walk in small steps from a message
# that says nothing, as many end tokens, to this one. At each step the
# [gradient](../docs/glossary.md#gradient) is the slope of the score. The mean slope
# times the way is the contribution. With one number in place of vectors: x² on the way
# from 0 to 3 has slopes from 0 to 6, on average 3, and 3 times the way 3 is 9, exactly
# what x² has risen. So the parts must add up to the whole way:

# %%
walked = explain.integrated_gradients(model, tokenizer, message, names[1], steps=256)
difference = walked.score - walked.baseline
print(f"from {walked.baseline:+.2f} to {walked.score:+.2f}: {difference:+.2f}")
print(f"the contributions add up to {sum(walked.contributions):+.2f}")
assert abs(sum(walked.contributions) - difference) < 0.05 * abs(difference) + 0.05
walked

# %% [markdown]
# That they do is called *completeness*. It is a check that finds many mistakes in code.
# With fewer steps it holds less well:

# %% tags=["slow"]
for steps in (1, 4, 16, 64):
    found = explain.integrated_gradients(
        model, tokenizer, message, names[1], steps=steps
    )
    gap = sum(found.contributions) - (found.score - found.baseline)
    print(f"{steps:4d} steps: off by {abs(gap):.3f}")

# %% [markdown]
# Do the two methods agree? A pair of bars per token:

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
# it. A token that both find is a good candidate for a reason.
#
# ## Which block knows the answer?
#
# After every block the last token has a vector, a
# [hidden state](../docs/glossary.md#hidden-state). What would the head predict from it?
# (Others call this question a *logit lens*.)

# %%
scores = explain.by_block(model, tokenizer, message, names[1])
assert abs(scores[-1] - whole) < 1e-3
print("before and after each block:", ", ".join(f"{score:+.1f}" for score in scores))

# %% [markdown]
# The head was trained for the vectors of the last block. An early score near 0 says
# that *this head* can read nothing there; it does not say that nothing is there. A
# better question gives each block a head of its own, a *linear probe*: a logistic
# regression, which like a head weighs the numbers of a vector and adds up, trained on
# the vectors of the training part. First these vectors, of all
# messages of a part, normalised as the head gets them:


# %%
@torch.no_grad()
def last_vectors(part):
    """Before and after each block the last token's (N, C) vectors; the (N,) labels"""
    batches, labels = [], []
    for batch in make_bucketed_loader(dataset_for(model, part, tokenizer)):
        last = range(len(batch.ids)), batch.lengths - 1  # of each row its last token
        x = model.gpt.embed(batch.ids.to(model.head.weight.device))
        vectors = [x[last]]
        for block in model.gpt.blocks:
            x = block(x)
            vectors.append(x[last])
        batches.append(model.gpt.final_norm(torch.stack(vectors)))  # (L + 1, B, C)
        labels.append(batch.labels)
    return torch.cat(batches, dim=1).cpu(), torch.cat(labels)


# %% [markdown]
# Then a probe for each block, and beside it the finetuned head, both on the test part:

# %% tags=["slow"]
known, known_labels = last_vectors(data.splits.train)
asked, asked_labels = last_vectors(data.splits.test)
with torch.no_grad():
    predicted = model.head(asked.to(model.head.weight.device)).argmax(-1).cpu()
heads = (100 * (predicted == asked_labels).float().mean(1)).tolist()
probes = []
for before, after in zip(known, asked, strict=True):
    # C=0.01 keeps the weights small; max_iter gives it time
    probe = LogisticRegression(C=0.01, max_iter=1000).fit(before, known_labels)
    probes.append(100 * probe.score(after, asked_labels))

# %%
ends = f"probes {probes[0]:.0f} to {probes[-1]:.0f} %, head {heads[-1]:.0f} %"
figure, axes = paper(f"Test accuracy after each block; first to last: {ends}.")
axes.plot(probes, marker="o", color=ORANGE, label="a probe for each block")
axes.plot(heads, marker="o", color=BLUE, label="the finetuned head")
axes.axhline(50, color=GREY, linewidth=0.8, linestyle=":", label="guessing")
axes.set_xticks(range(len(probes)))
axes.set_xlabel("blocks passed (number)")
axes.set_ylabel("accuracy (% of the test part)")
axes.legend(frameon=False)
figure

# %% [markdown]
# > **You should see**, with the sample and the bundled GPT, that the first probe is
# > right for seven of ten messages. It stands before any block: it knows which token is
# > the last and how many there are, and nothing else of the message. The frozen blocks
# > add little to that vector. The last block, which was trained with the head, gathers
# > the rest from the other tokens.
#
# ## Edits that should change nothing
#
# A good filter does not care about a full stop. Take the spam of the test part that
# the model catches, edit it so that it is still spam, and count the verdicts that
# change. After each count stands by how many percentage points the probability of spam
# moves on average. The last edit takes away more than the others: the link itself.

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
    flips = explain.count_flips(model, tokenizer, spam, edit, rule=run.rule)
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
stop = explain.count_flips(model, tokenizer, spam, edits["a full stop at the end"])
assert by_hand == stop.changed

# %% [markdown]
# We took only spam that the model catches, so every change is a way past the filter.
# `&lt;#&gt;` stands in 214 ham of the SMS collection and in no spam, probably left by a
# program that removed numbers (counted as in notebook 2b). A model trained there may
# have learned it; a model trained on the sample cannot have.
#
# ## Find the cause
#
# Why a full stop? **Write down your hypothesis before you read on, and what you would
# have to see to give it up.**
#
# Ours: the model learned how spam *ends*. Its head reads the last token, and the first
# probe says how much that token tells. So an ending is the easiest thing to learn, a
# [shortcut](../docs/glossary.md#shortcut). First, if that is right, endings differ
# between the classes of the training part. Count those in a web address:

# %%
at_end = PLACES["ends with: web address"].holds  # of a text: True or False
train = data.splits.train
by_hand = {}
for k, name in enumerate(names):
    texts = train[train["Label"] == k]["Text"]
    by_hand[name] = sum(map(at_end, texts))
    print(f"{name}: {by_hand[name]} of {len(texts)} end in a web address")

# %% [markdown]
# The audit of notebook 2b counts every beginning and ending that way, and how well it
# alone predicts the label:

# %%
named = train.assign(Label=train["Label"].map(dict(enumerate(names))))
endings = {s.what: s for s in place_table(named) if s.what.startswith("ends with")}
for what, shortcut in endings.items():
    print(f"{what:28s}{shortcut}")
if any(by_hand.values()):
    assert endings["ends with: web address"].counts == by_hand

# %% [markdown]
# Second, if endings decide, the full stop must change the verdict mostly where the
# ending pointed to spam:

# %%
full_stop = edits["a full stop at the end"]
linked = [text for text in spam if at_end(text)]
others = [text for text in spam if not at_end(text)]
for how, group in {"in an address": linked, "otherwise": others}.items():
    changed = sum(v.label != names[1] for v in run.classify(map(full_stop, group)))
    print(f"ended {how}: {changed} of {len(group)} change")

# %% [markdown]
# Third, the test of a cause: move the address, and take nothing away. Beside it two
# controls: no address at all, and a harmless word at the end. Then the other way round:
# put an address to ham that passed.

# %%
draw = random.Random(SEED)  # where an edit needs chance
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
# > **You should see**, with the sample, that an address at the front counts no more for
# > this model than none, and that behind a ham it makes spam of most. So the model did
# > not learn that spam has links; it learned that spam *ends* in one. In the training
# > part nine of ten messages that end in an address are spam.
#
# Does that explain the full stop? In part: it changes verdicts on spam that ended
# otherwise, too, and a harmless word behind the address changes few. An experiment
# shows a cause, and ours shows one for the address only. Notebook 16 tries all edits,
# and changes what the model learns.
#
# ## What just happened
#
# - Leaving a token out and integrated gradients both measure what a token
#   contributes; with the second the contributions add up to the whole.
# - A probe shows what a block's vector holds, whether or not the head can read it.
# - An edit that should change nothing raises a question; a hypothesis that could be
#   wrong, and an experiment that moves one thing alone, answer it.
#
# ## What if?
#
# Three questions. Below each put a letter for the first `...`, and for the second the
# chance that you are right, from 0.33 (a blind guess) to 1. Then each choice is
# explained.

# %%
ask("15.q1")

# %% tags=["guess-q1"]
guess("15.q1", ..., sure=...)

# %% [markdown]
# The second one:

# %%
ask("15.q2")

# %% tags=["guess-q2"]
guess("15.q2", ..., sure=...)

# %% [markdown]
# And the third:

# %%
ask("15.q3")

# %% tags=["guess-q3"]
guess("15.q3", ..., sure=...)

# %% [markdown]
# ## Exercises
#
# Guess, then compute. The cell with `check` says whether you are right and why, and
# what a usual mistake confuses. Solutions: `src/solutions/15_why_spam.py`.
#
# **1.** *Guess:* do the contributions by leaving out add up to score minus baseline, as
# with integrated gradients, `"yes"` or `"no"`?

# %% tags=["guess-1"]
guess("15.1", ..., sure=...)

# %% [markdown]
# Compute their sum. (The baseline of `leave_one_out` is one end token, that of
# `integrated_gradients` as many as the message has.)

# %% tags=["exercise-1"]
sum_left_out = ...

# %% tags=["check-1"]
check("15.1", sum_left_out, left_out=left_out)

# %% [markdown]
# **2.** Think of a spam of your own. *Guess:* is its strongest token, by
# `leave_one_out`, the last one, `"yes"` or `"no"`?

# %% tags=["guess-2"]
guess("15.2", ..., sure=...)

# %% [markdown]
# Write it, a message that the model predicts as spam, and its strongest token:

# %% tags=["exercise-2"]
mine, strongest = ..., ...

# %% tags=["check-2"]
check("15.2", (mine, strongest), model=model, tokenizer=tokenizer, label=names[1])

# %% [markdown]
# **3.** *Guess:* with the words in reverse order, does more than a tenth of the
# verdicts on `spam` change, `"yes"` or `"no"`?

# %% tags=["guess-3"]
guess("15.3", ..., sure=...)

# %% [markdown]
# Write `reverse`, an edit that reverses the order of the words, and put how many
# verdicts it changes into `changed`, by `explain.count_flips`:

# %% tags=["exercise-3"]
reverse, changed = ..., ...

# %% tags=["check-3"]
check("15.3", (reverse, changed), model=model, tokenizer=tokenizer, spam=spam)

# %% [markdown]
# **Next:** [16 · Stress it](16_stress.ipynb): twenty ways to write a message, and a
# model that is harder to fool.
