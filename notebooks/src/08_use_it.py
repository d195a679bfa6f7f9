# %% [markdown]
# # 8 · Use the classifier, save it, and find its mistakes
#
# - **You will** classify your own messages in a text box and from a file, see which
#   messages the model gets most wrong, save it, start it again in a new process, and
#   measure what reading the last column instead of the last real token costs.
# - **You need** nothing but this page: one call finetunes a model, with the method of
#   notebook 7.
# - **It takes** 15 minutes to read. The page runs in less than a minute with the
#   bundled GPT, and in ten to twenty minutes with GPT-2 on two cores, most of it in
#   the last section.
# - **A file of your own** works, too: `DATA = "mine.csv"`, with two classes and at
#   least 100 messages of each; TEXT and LABEL name its columns, if they are not Text
#   and Label. The class that comes second by name stands where spam does here.
#
# This is the end of the road. The book's section for it is called *using the LLM as a
# spam classifier*.

# %%
import html
import json
import subprocess
import sys
from pathlib import Path

import ipywidgets as widgets
import pandas as pd
import torch

import spamft
from spamft.batches import TokenDataset, encode_texts
from spamft.plots import BLUE, ORANGE, paper
from spamft.plumbing.device import pick_device
from spamft.reading.layout import Layout
from spamft.sources import open_model, open_splits
from spamft.sources.lessons import lesson_names
from spamft.use.predict import predict_in_order
from spamft.use.saved import save

# %% tags=["parameters"]
DATA = "auto"
TEXT, LABEL = None, None  # the columns of a file of your own
MODEL = "gpt"
DEVICE = "auto"  # or "cuda", "mps", "cpu"
SEED = 123
FOLDER = Path("runs/notebook-8")  # for the model and its figures

# %% [markdown]
# ## A trained model in one call
#
# `finetune` does all that notebooks 1 to 7 did. It is what `python -m spamft finetune`
# calls. The result may differ from notebook 7's by a message or two: there the last,
# smaller batch of each epoch was left out, as in the lecture; here it is kept.

# %% tags=["slow"]
device = pick_device(DEVICE)
layout = Layout(text=TEXT, label=LABEL)
data = open_splits(DATA, lecture=True, layout=layout, cache_dir="../data", seed=SEED)
spam = lesson_names(data.df)[1]  # or whatever your second class is called
opened = open_model(MODEL)
run = spamft.finetune(data, opened, seed=SEED, device=DEVICE, log=print)

# %% [markdown]
# What comes back is a `Run`: the model, its history, its reports. `save` writes all
# of it into a folder: the three CSV files, the model, the curves and `metrics.json`.

# %%
run.save(FOLDER, overwrite=True)
model, tokenizer, test = run.model, run.tokenizer, data.splits.test
sorted(path.name for path in FOLDER.iterdir())

# %% [markdown]
# ## One message
#
# From text to verdict are six steps, of which one is new: tokenize, cut, run the model,
# divide by the run's *temperature*, softmax, take the likelier class. The temperature
# was chosen on the validation part, so that the probability is as sure as it is right
# (notebook 14); it changes no verdict. By hand:

# %%
message = "Your account is locked. Confirm your details today at bank-login.example"
[ids] = encode_texts([message], tokenizer, model.max_length)
with torch.inference_mode():
    logits = model(torch.tensor([ids], device=device))[0].cpu()
chances = (logits / run.rule.temperature).softmax(-1)
by_hand = model.label_names[int(chances.argmax())]
print(by_hand, [round(p, 4) for p in chances.tolist()])

# %% [markdown]
# `classify` takes a text or any number of them. Many go through in batches of like
# length, equal ones once, and come back in their order:

# %%
verdict = run.classify(message)
assert verdict.label == by_hand
assert abs(verdict.probabilities[spam] - chances[1].item()) < 1e-5
verdict

# %% [markdown]
# ## Your own messages
#
# Write something into the box and press Enter. Start with one of your own, then try
# to get a real spam past the model, and to write a friendly message that it calls
# spam.

# %%
box = widgets.Text(
    value="Running late, start without me",
    description="Message:",
    continuous_update=False,
    layout=widgets.Layout(width="95%"),
)
answer = widgets.HTML()


def show(change):
    verdict = run.classify(box.value)
    chance = verdict.probabilities[spam]
    answer.value = (
        f"<b>{html.escape(verdict.label)}</b>, {chance:.1%} {html.escape(spam)}"
    )


# %%
box.observe(show, names="value")
show(None)
widgets.VBox([box, answer])

# %% [markdown]
# No box? Start a kernel and run the cells. If your viewer shows no widgets, change
# `message` above and run its cell.
#
# ## A file of messages
#
# An engineer has a file. Here is one with three messages, one of them empty, as
# happens in real files (an empty message is read as one end token):

# %%
inbox = FOLDER / "inbox.csv"
texts = ["Your parcel is held, pay 1.99 at parcel-fee.example", "see you at 8?", ""]
pd.DataFrame({"Text": texts}).to_csv(inbox, index=False)

# %%
frame = pd.read_csv(inbox, keep_default_na=False)
verdicts = run.classify(frame["Text"])
frame["label"] = [v.label for v in verdicts]
frame[spam] = [round(v.probabilities[spam], 3) for v in verdicts]
frame

# %% [markdown]
# The same from the command line, which also writes a file, and reads one of any
# length without holding it in memory. That it is *another process* is the point: it
# has the installed package and the folder that was saved, nothing of this notebook.
# (GPT-2's vocabulary comes from the cache or the network.)

# %%
scored = FOLDER / "scored.csv"
command = [sys.executable, "-m", "spamft", "classify", "--model", FOLDER / "model"]
command += ["--file", inbox, "--text", "Text", "--output", scored, "--overwrite"]
subprocess.run(command, check=True)
pd.read_csv(scored, keep_default_na=False)

# %% [markdown]
# The old and the new process agree, number for number:

# %%
there = pd.read_csv(scored)[f"probability_{spam}"]
here = [v.probabilities[spam] for v in verdicts]
assert max(abs(a - b) for a, b in zip(there, here, strict=True)) < 1e-4

# %% [markdown]
# ## Save and load
#
# What is in the folder `model`? Two files: the weights, and a card with all that is
# needed to use them, the labels' names, the length that training saw, the token to
# read:

# %%
card = json.loads((FOLDER / "model" / "classifier.json").read_text())
{key: value for key, value in card.items() if key != "canary"}

# %% [markdown]
# The card also has a *canary*: one message with the logits that the model gave it
# when it was saved. `load` asks the question again and refuses a model that answers
# differently. Save a model with one spoilt weight, and put the old card beside it, as
# if the file had been damaged. The second logit no longer agrees:

# %%
spoilt = spamft.load(FOLDER)
with torch.no_grad():
    spoilt.model.head.weight[1, 0] += 1
save(spoilt.model, FOLDER / "spoilt", spoilt.tokenizer)
(FOLDER / "spoilt" / "classifier.json").write_text(json.dumps(card))
try:
    spamft.load(FOLDER / "spoilt")
except ValueError as error:
    print(error)

# %% [markdown]
# ## The most wrong messages
#
# A score says how often the model errs; reading says why. Sort the test messages by
# their loss, the largest first. These are messages about which the model was sure and
# wrong:

# %%
logits, labels = run.logits["test"], torch.tensor(test["Label"].tolist())
loss = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
wrong = test.assign(loss=loss.numpy(), chance=logits.softmax(-1)[:, 1].numpy())
wrong = wrong.sort_values("loss", ascending=False)

# %%
for _, row in wrong.head(6).iterrows():
    true = model.label_names[row.Label]
    print(f"true {true:4s} predicted {row.chance:4.0%} {spam}: {row.Text[:84]}")

# %% [markdown]
# Read them and ask: would *you* have known? Some labels are debatable, some messages
# lack the context, and some are plain mistakes of the model. How sure is it, when
# right and when wrong?

# %%
sure = logits.softmax(-1).max(-1).values * 100
right = logits.argmax(-1) == labels
figure, axes = paper(
    f"Two histograms: {right.sum()} right answers, median certainty "
    f"{sure[right].median():.0f} %; {(~right).sum()} wrong ones, "
    f"{sure[~right].median():.0f} %.",
    height=3,
)
bins = range(50, 101, 5)
axes.hist(sure[right], bins=bins, color=BLUE, alpha=0.6, label="right")
axes.hist(sure[~right], bins=bins, color=ORANGE, alpha=0.8, label="wrong")
axes.set_xlabel("probability of the predicted class (%)")
axes.set_ylabel("test messages (number)")
axes.legend(frameon=False)
figure

# %% [markdown]
# Some wrong answers stand at the right edge: the model is almost certain and errs.
# These are its scores as trained, without the temperature: how sure it *sounds*, and
# after five epochs it sounds too sure. Do not let a program delete mail on the strength
# of such a number alone.
#
# ## Last column against last real token
#
# The lecture pads all messages to one width and reads the last column. Notebook 5
# showed on an untrained model that its answer moves with the padding. Now train one
# that way, by the same recipe: the same rate, epochs and seed, the same block,
# another token to read. With `pooling="last"` all messages are padded to one width.

# %% tags=["slow"]
column = spamft.finetune(
    data, opened, pooling="last", seed=SEED, device=DEVICE, log=print
)
assert column.setup.config == run.setup.config

# %% [markdown]
# Both in one table, on the test part:

# %%
runs = {"last real token": run, "last column": column}
for name, each in runs.items():
    report = each.reports["test"]
    low, high = report.interval
    print(f"{name:16s} {report.accuracy:.2%} ({low:.1%} to {high:.1%})")

# %% [markdown]
# One run each, so look at the intervals before you choose. What is certain is
# something else. The classifier that reads the last column works at the width at
# which it was trained. Give both models the same test messages padded to other
# widths, and count the verdicts that change:


# %%
ids_of_test = model.encode(test["Text"].tolist(), tokenizer)


def predict_at(model, width):
    padded = TokenDataset(
        ids_of_test, test["Label"], tokenizer.eot_token, width, fixed_width=True
    )
    return predict_in_order(model, padded).argmax(-1)


room = opened.gpt.config.context_length - model.max_length
extra = [more for more in (0, 5, 15, 30, 60) if more <= room]  # tokens
changed = {name: [] for name in runs}
for name, each in runs.items():
    first = predict_at(each.model, model.max_length)
    for more in extra:
        differ = predict_at(each.model, model.max_length + more) != first
        changed[name].append(differ.float().mean().item() * 100)

# %%
most = [f"{name} up to {max(shares):.1f} %" for name, shares in changed.items()]
figure, axes = paper(f"Lines of verdicts changed by padding: {', '.join(most)}.")
for (name, shares), color in zip(changed.items(), (ORANGE, BLUE), strict=True):
    axes.plot(extra, shares, marker="o", color=color, label=name)
axes.set_xlabel("more padding than in training (tokens)")
axes.set_ylabel("verdicts that changed (%)")
axes.legend(frameon=False)
figure

# %% [markdown]
# The line of the last real token must be zero, because a real token never sees the
# padding; the cell below checks it. A service that pads a little differently from its
# training would change its answers. With the last real token it cannot.

# %%
assert max(changed["last real token"]) == 0

# %% [markdown]
# ## What just happened
#
# - A saved model is two files and the name of its tokenizer, and a new process gives
#   the same answers from them.
# - Reading the worst mistakes tells more than another digit of accuracy.
# - The last real token makes the verdict a property of the message alone.
#
# ## Exercises
#
# Predict first, then compute. Replace the `...`; the cell below says nothing if you
# are right, and gives a hint if not. Solutions: `src/solutions/08_use_it.py`.
#
# **1.** *Predict:* which is the shortest text that the model calls spam? Find a
# `short` one of at most five words.

# %% tags=["exercise-1"]
short = ...

# %% tags=["check-1"]
if short is not ...:
    verdict = run.classify(short)
    assert len(short.split()) <= 5 and verdict.label == spam, (
        "Hint: prizes, links, capitals; read the spam in data.splits.train."
    )

# %% [markdown]
# **2.** *Predict:* does a message get another verdict when it is asked alone? Put
# into `alone` the verdicts of `wrong["Text"][:20]`, each from a call of its own.

# %% tags=["exercise-2"]
alone = ...

# %% tags=["check-2"]
if alone is not ...:
    together = run.classify(wrong["Text"][:20])
    differences = [
        abs(a.probabilities[spam] - b.probabilities[spam])
        for a, b in zip(alone, together, strict=True)
    ]
    assert max(differences) < 1e-4, (
        "Hint: [run.classify(text) for text in ...], in the same order."
    )

# %% [markdown]
# **3.** *Predict:* a filter shall hold back a message only if it is 90 % sure. Does
# precision for spam rise or fall, compared with 50 %? Write `precision(threshold)`
# for the test part.

# %% tags=["exercise-3"]
precision = ...

# %% tags=["check-3"]
if precision is not ...:
    spam_chance = logits.softmax(-1)[:, 1]
    for threshold in (0.5, 0.9):
        held_back = labels[spam_chance > threshold].float()
        expected = held_back.mean().item()
        assert not len(held_back) or abs(precision(threshold) - expected) < 1e-6, (
            "Hint: of the messages above the threshold, which share is spam?"
        )

# %% [markdown]
# **Next:** go back to [0 · What is finetuning](00_what_is_finetuning.ipynb) and read
# its table again. You have now done the row called *last_block*.
