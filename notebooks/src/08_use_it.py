# %% [markdown]
# # 8 · Use the classifier, save it, and find its mistakes
#
# - **You will** classify your own messages in a text box and from a file, see which
#   messages the model gets most wrong, save it, start it again in a new process, and
#   measure what reading the last column instead of the last real token costs.
# - **You need** nothing but this page: one call finetunes a model, in the way of
#   notebook 7.
# - **It takes** 15 minutes to read. Training runs for some seconds with the bundled
#   GPT, and about a minute with GPT-2 on two cores.
#
# In the lecture series this is the end of the road: *using the model as a spam
# classifier*.

# %%
import json
import subprocess
import sys
from pathlib import Path

import ipywidgets as widgets
import pandas as pd
import torch

from spamft.batches import SpamDataset, encode_texts, make_loader
from spamft.classifier import classify, load, save
from spamft.data import load_splits
from spamft.evaluate import predict
from spamft.job import Job, finetune
from spamft.plots import BLUE, ORANGE, paper
from spamft.tokenizer import load_tokenizer

# %% tags=["parameters"]
DATA = "auto"
MODEL = "auto"
SEED = 123
FOLDER = Path("runs/notebook-8")  # for the model and its figures

# %% [markdown]
# ## A trained model in one call
#
# `finetune` does all that notebooks 1 to 7 did and writes everything into a folder:
# the three CSV files, the model, the curves and `metrics.json`. It is what `python -m
# spamft finetune` calls.

# %%
job = Job(FOLDER, DATA, MODEL, split="lecture", seed=SEED, overwrite=True, say=print)
metrics = finetune(job)

# %%
model = load(FOLDER / "model")
tokenizer = load_tokenizer(model.tokenizer)
test = load_splits(FOLDER).test
sorted(path.name for path in FOLDER.iterdir())

# %% [markdown]
# ## One message
#
# From text to verdict are five steps, all known: tokenize, cut, run the model,
# softmax, take the likelier class. By hand:

# %%
message = "Your account is locked. Confirm your details today at bank-login.example"
[ids] = encode_texts([message], tokenizer, model.max_length)
with torch.inference_mode():
    chances = model(torch.tensor([ids])).softmax(-1)[0]
by_hand = model.label_names[int(chances.argmax())]
print(by_hand, [round(p, 4) for p in chances.tolist()])

# %% [markdown]
# `classify` takes a text or any number of them. Many go through in batches of like
# length, equal ones once, and come back in their order:

# %%
verdict = classify(model, tokenizer, message)
assert verdict.label == by_hand
assert abs(verdict.probabilities["spam"] - chances[1].item()) < 1e-5
verdict

# %% [markdown]
# ## Your own messages
#
# Write something into the box and press Enter. Start with one of your own, then try
# to get a real spam past the model, and a friend's message into the spam.

# %%
box = widgets.Text(
    value="Running late, start without me",
    description="Message:",
    continuous_update=False,
    layout=widgets.Layout(width="95%"),
)
answer = widgets.HTML()


def show(change):
    verdict = classify(model, tokenizer, box.value)
    chance = verdict.probabilities["spam"]
    answer.value = f"<b>{verdict.label}</b>, {chance:.1%} spam"


# %%
box.observe(show, names="value")
show(None)
widgets.VBox([box, answer])

# %% [markdown]
# No box? Then this page is shown without a running kernel; run the cells, or write
# into `message` above.
#
# ## A file of messages
#
# An engineer has a file. Here is one with three messages, one of them empty, as files
# are:

# %%
inbox = FOLDER / "inbox.csv"
texts = ["Your parcel is held, pay 1.99 at parcel-fee.example", "see you at 8?", ""]
pd.DataFrame({"Text": texts}).to_csv(inbox, index=False)

# %%
frame = pd.read_csv(inbox, keep_default_na=False)
verdicts = classify(model, tokenizer, frame["Text"])
frame["label"] = [v.label for v in verdicts]
frame["spam"] = [round(v.probabilities["spam"], 3) for v in verdicts]
frame

# %% [markdown]
# The same from the command line, which also writes a file, and reads one of any
# length without holding it in memory. That it is *another process* is the point: it
# has nothing but the folder that was saved.

# %%
scored = FOLDER / "scored.csv"
command = [sys.executable, "-m", "spamft", "classify", "--model", FOLDER / "model"]
command += ["--file", inbox, "--output", scored, "--overwrite"]
subprocess.run(command, check=True)
pd.read_csv(scored, keep_default_na=False)

# %% [markdown]
# The old and the new process agree, number for number:

# %%
there = pd.read_csv(scored)["probability_spam"]
here = [v.probabilities["spam"] for v in verdicts]
assert max(abs(a - b) for a, b in zip(there, here, strict=True)) < 1e-4

# %% [markdown]
# ## Save and load
#
# What is in that folder? Two files: the weights, and a card with all that is needed
# to use them, the labels' names, the length that training saw, the token to read:

# %%
card = json.loads((FOLDER / "model" / "classifier.json").read_text())
{key: value for key, value in card.items() if key != "canary"}

# %% [markdown]
# The card also has a *canary*: one message with the logits that the model gave it
# when it was saved. `load` asks the question again and refuses a model that answers
# differently. Spoil one weight, and see:

# %%
spoilt = load(FOLDER / "model")
with torch.no_grad():
    spoilt.head.weight[1, 0] += 1
save(spoilt, FOLDER / "spoilt", tokenizer)
(FOLDER / "spoilt" / "classifier.json").write_text(json.dumps(card))
try:
    load(FOLDER / "spoilt")
except ValueError as error:
    print(str(error)[:160], "...")

# %% [markdown]
# ## The most wrong messages
#
# A score says how often the model errs; reading says why. Sort the test messages by
# their loss, the largest first. These are messages about which the model was sure and
# wrong:

# %%
dataset = SpamDataset(test, tokenizer, model.max_length)
logits, labels = predict(model, make_loader(dataset, 32))
loss = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
wrong = test.assign(loss=loss.numpy(), spam=logits.softmax(-1)[:, 1].numpy())
wrong = wrong.sort_values("loss", ascending=False)

# %%
for _, row in wrong.head(6).iterrows():
    true = model.label_names[row.Label]
    print(f"true {true:4s} said {row.spam:4.0%} spam: {row.Text[:84]}")

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
axes.set_xlabel("probability of the class that it said (%)")
axes.set_ylabel("test messages (number)")
axes.legend(frameon=False)
figure

# %% [markdown]
# Many wrong answers stand at the right edge: the model says 100 % and errs. A
# probability that a finetuned model prints is how sure it *sounds*, and after five
# epochs on a thousand messages it sounds too sure. Do not let a program delete mail
# on the strength of such a number alone.
#
# ## Last column against last real token
#
# The lecture pads all messages to one width and reads the last column. Notebook 5
# showed on an untrained model that its answer moves with the padding. Now train one
# that way, with the same rate and epochs, and compare:

# %%
columns = Path(str(FOLDER) + "-last-column")
lr = metrics["recipe"]["lr"]
lecture = {"split": "lecture", "recipe": "lecture", "lr": lr, "seed": SEED}
column_metrics = finetune(Job(columns, DATA, MODEL, **lecture, overwrite=True))
column_model = load(columns / "model")

# %% [markdown]
# Both in one table, on the test part:

# %%
rows = {
    "last real token": metrics["test"],
    "last column": column_metrics["test"],
}
for name, result in rows.items():
    low, high = result["interval"]
    print(f"{name:16s} {result['accuracy']:.2%} ({low:.1%} to {high:.1%})")

# %% [markdown]
# One run each, so look at the intervals before you choose. What is certain is
# something else. The classifier that reads the last column works at the width at
# which it was trained. Give both models the same test messages padded to other
# widths, and count the verdicts that change:


# %%
def verdicts_at(model, width):
    padded = SpamDataset(test, tokenizer, width, fixed_width=True)
    return predict(model, make_loader(padded, 32))[0].argmax(-1)


extra = [0, 5, 15, 30, 60]
changed = {"last real token": [], "last column": []}
for name, each in zip(changed, (model, column_model), strict=True):
    first = verdicts_at(each, each.max_length)
    for more in extra:
        differ = verdicts_at(each, each.max_length + more) != first
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
# By law the one line is zero, and the cell below would stop the notebook if not. A
# service that pads a little differently from its training would change its answers.
# With the last real token it cannot.

# %%
assert max(changed["last real token"]) == 0

# %% [markdown]
# ## What just happened
#
# - A saved model is two files, and a new process gives the same answers from them.
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
    verdict = classify(model, tokenizer, short)
    assert len(short.split()) <= 5 and verdict.label == "spam", (
        "Hint: prizes, links, capitals; read the spam in load_splits(FOLDER).train."
    )

# %% [markdown]
# **2.** *Predict:* does the order of a list of messages change their verdicts? Put
# into `verdicts_backwards` those of `texts` in reverse order.

# %% tags=["exercise-2"]
verdicts_backwards = ...

# %% tags=["check-2"]
if verdicts_backwards is not ...:
    pairs = zip(verdicts_backwards[::-1], verdicts, strict=True)
    assert all(
        abs(a.probabilities["spam"] - b.probabilities["spam"]) < 1e-5 for a, b in pairs
    ), "Hint: classify(model, tokenizer, texts[::-1]); neighbours do not count."

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
        expected = labels[spam_chance > threshold].float().mean().item()
        assert abs(precision(threshold) - expected) < 1e-6, (
            "Hint: of the messages above the threshold, which share is spam?"
        )

# %% [markdown]
# **Next:** go back to [0 · What is finetuning](00_what_is_finetuning.ipynb) and read
# its table again. You have now done the row called *last_block*.
