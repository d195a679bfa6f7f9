# %% [markdown]
# # 8 · Use the classifier, save it, and find its mistakes
#
# - **You will** classify your own messages in a text box and from a file, save the
#   model and start it again in a new process, read which messages it gets most wrong,
#   measure what reading the last column costs, and take the model with you.
# - **You need** nothing but this page: one call finetunes a model, with the method of
#   notebook 7.
# - **It takes** 25 minutes to read, 25 for questions and exercises. The page runs in
#   one to five minutes with the bundled GPT, and in ten to twenty minutes with GPT-2 on
#   two cores, most of it in the section on the last column.
# - **A file of your own** works, too: `DATA = "mine.csv"`, with two classes and at
#   least 100 messages of each; TEXT and LABEL name its columns, if they are not Text
#   and Label. The class that comes second by name stands where spam does here.
# - **The outputs stored here** were made on the SMS collection with the small GPT.
#   Where messages are shown, they are the bundled sample's, as is said there.
#
# In the book: section 6.8; its `classify_review` is our `spamft.classify`, here
# `run.classify`, its `torch.save` our `save` ([all names](../docs/lecture.md)).

# %%
import copy
import html
import json
import shutil
import subprocess
import sys
from pathlib import Path

import ipywidgets as widgets
import pandas as pd
import torch

import spamft
from spamft import diagrams
from spamft.batches import TokenDataset, encode_texts
from spamft.check import ask, check, guess
from spamft.export.page import write_page
from spamft.plots import BLUE, ORANGE, paper
from spamft.plumbing.device import pick_device
from spamft.reading.layout import Layout
from spamft.sources import open_model, open_splits
from spamft.sources.lessons import lesson_names
from spamft.use.predict import predict_in_order

# %% tags=["parameters", "collection"]
DATA = "auto"
TEXT, LABEL = None, None  # the columns of a file of your own
MODEL = "gpt"
DEVICE = "auto"  # or "cuda", "mps", "cpu"
SEED = 123
EPOCHS = 5  # passes over the training messages: the recipe's
FOLDER = Path("runs/notebook-8")  # for the model and its figures

# %% [markdown]
# ## A trained model in one call
#
# `finetune` does all that notebooks 1 to 7 did. It is what `python -m spamft finetune`
# calls. The result may differ from notebook 7's by a message or two: there the last,
# smaller batch of each epoch was left out, as in the book; here it is kept.

# %% tags=["slow"]
device = pick_device(DEVICE)
layout = Layout(text=TEXT, label=LABEL)
data = open_splits(DATA, lecture=True, layout=layout, cache_dir="../data", seed=SEED)
spam = lesson_names(data.df)[1]  # or whatever your second class is called
opened = open_model(MODEL)
config = {"epochs": EPOCHS}
run = spamft.finetune(data, opened, config=config, seed=SEED, device=DEVICE, log=print)

# %% [markdown]
# What comes back is a `Run`: the model, its history, its reports. `save` writes all of
# it into a folder: the three CSV files, the model, the curves and `metrics.json`.

# %%
run.save(FOLDER, overwrite=True)
model, tokenizer, test = run.model, run.tokenizer, data.splits.test
sorted(path.name for path in FOLDER.iterdir())

# %% [markdown]
# ## One message
#
# From text to verdict there are six steps, of which one is new: tokenize, cut, run the
# model, divide the [logits](../docs/glossary.md#logit) by the run's *temperature*,
# apply [softmax](../docs/glossary.md#softmax), take the likelier class. The temperature
# was chosen on the validation part to make the percentages more modest; it changes no
# verdict (notebook 14: [calibration](../docs/glossary.md#calibration)). By hand:

# %%
message = "Your account is locked. Confirm your details today at bank-login.example"
[ids] = encode_texts([message], tokenizer, model.max_length)
with torch.inference_mode():
    logits = model(torch.tensor([ids], device=device))[0].cpu()
chances = (logits / run.rule.temperature).softmax(-1)
by_hand = model.label_names[int(chances.argmax())]
print(by_hand, [round(p, 4) for p in chances.tolist()])

# %% [markdown]
# `classify` takes a text or any number of them. Many texts are batched by length,
# duplicates are run once, and results keep the input order:

# %%
verdict = run.classify(message)
assert verdict.label == by_hand
assert abs(verdict.probabilities[spam] - chances[1].item()) < 1e-5
verdict

# %% [markdown]
# ## Your own messages
#
# First two such as the book tries, then the spam of notebook 0, and two that are
# shorter (only the beginnings are printed):

# %%
tried = [
    "Great news, your number was drawn! Take $1000 in cash or a $2000 voucher.",
    "Hey, just wanted to check if we're still on for dinner tonight? Let me know!",
    "You have been chosen as a WINNER! Claim your cash prize now.",
    "Call 08001234567",
    "prize.example",
]
for text, verdict in zip(tried, run.classify(tried), strict=True):
    print(f"{verdict.label:5s}{verdict.probabilities[spam]:4.0%} {spam}: {text[:16]}")

# %% [markdown]
# > **You should see**, with the bundled GPT, that words such as *winner* and *prize*
# > are not enough: the third is predicted ham. The model knows the spam that it has
# > read. In the SMS collection 585 of 747 spam have five digits in a row, and 3 ham; in
# > the sample 218 of 552 spam have a web address, and 36 say *free*.
#
# Now yours: write into the box and press Enter. Try a friendly one, too, that is
# predicted spam.

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
# The box needs a running kernel: in a viewer that only shows the page it stays empty.
# Without one, change `message` above and run its cell, or see the last section: a page
# that needs no kernel.
#
# ## A file of messages
#
# Here is one with three messages, one of them empty (the model reads an empty message
# as one end token):

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
# The same from the command line, which writes a file, and reads one of any length
# without holding it in memory. It is *another process*: it has the installed package
# and the saved folder, and nothing of this notebook.

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
# What is in the folder `model`? Two files, the weights and a card:

# %%
diagrams.saved_folder()

# %% [markdown]
# The card has all that is needed to use the weights: the model's sizes, the classes'
# names, the token to read, the length that training saw, the temperature. (In Hugging
# Face's folders this is `config.json`. The book saves the weights alone.)

# %%
card = json.loads((FOLDER / "model" / "classifier.json").read_text())
shown = ("gpt", "label_names", "pooling", "max_length", "rule", "sha256")
{key: card[key] for key in shown}

# %% [markdown]
# It also has two locks. The first is a fingerprint of each file (`sha256`). Change one
# byte of a copy of the weights, as a broken disk
# does:

# %%
shutil.copytree(FOLDER / "model", FOLDER / "spoilt", dirs_exist_ok=True)
with (FOLDER / "spoilt" / "model.safetensors").open("r+b") as file:
    file.seek(-1, 2)  # to the last byte
    last = file.read(1)
    file.seek(-1, 2)
    file.write(bytes([last[0] ^ 1]))
try:
    spamft.load(FOLDER / "spoilt")
except ValueError as error:
    print(error)

# %% [markdown]
# The second is a *canary*: one message with the logits that the model gave it when it
# was saved. `load` computes them again, and refuses a model whose logits differ,
# because files can be whole and the program that reads them another one. By hand, for
# the saved model and for one with another weight:

# %%
canary, other = card["canary"], copy.deepcopy(model)
ids = torch.tensor([canary["ids"]], device=device)
with torch.inference_mode():
    other.head.weight[1, 0] += 1
    again, differs = (each(ids)[0].cpu() for each in (model, other))
torch.testing.assert_close(again, torch.tensor(canary["logits"]), atol=1e-3, rtol=1e-3)
print("card", canary["logits"], "again", again.tolist(), sep="\n")
print("other", differs.tolist(), sep="\n")

# %% [markdown]
# ## The most wrong messages
#
# A score tells how often the model errs; reading its errors tells why. Sort the test
# messages by their loss, the largest first: the model was sure of these, and wrong. (In
# this section and the next, percentages are as trained, without the temperature, and so
# larger than those of `classify`.)

# %%
logits, labels = run.logits["test"], torch.tensor(test["Label"].tolist())
loss = torch.nn.functional.cross_entropy(logits, labels, reduction="none")
wrong = test.assign(loss=loss.numpy(), chance=logits.softmax(-1)[:, 1].numpy())
wrong = wrong.sort_values("loss", ascending=False)

# %% tags=["messages"]
for _, row in wrong.head(6).iterrows():
    true = model.label_names[row.Label]
    text = row.Text if len(row.Text) < 90 else f"{row.Text[:45]} ... {row.Text[-40:]}"
    print(f"true {true:4s} predicted {row.chance:4.0%} {spam}: {text}")

# %% [markdown]
# Read them and ask: would *you* have known? Some labels are debatable, some messages
# lack the context, and some are plain mistakes of the model. Look also at how those of
# the sample *end*: have the worst ones something in common? Write your guess down;
# notebook 15 puts it to the test. How sure is the model, when right and when wrong?

# %%
sure = logits.softmax(-1).max(-1).values * 100
right = logits.argmax(-1) == labels
figure, axes = paper(
    f"Two histograms: {right.sum()} right answers, median confidence "
    f"{sure[right].median():.0f} %; {(~right).sum()} wrong ones, "
    f"{sure[~right].median():.0f} %.",
    height=3,
)
for which, color, name in ((right, BLUE, "right"), (~right, ORANGE, "wrong")):
    share = torch.full((int(which.sum()),), 100 / max(1, int(which.sum())))
    axes.hist(
        sure[which],
        bins=range(50, 101, 10),
        weights=share,
        color=color,
        histtype="step",
        linewidth=3,
        label=f"{int(which.sum())} {name}",
    )
axes.set_xlabel("probability of the predicted class (%)")
axes.set_ylabel("share of the right, of the wrong (%)")
axes.legend(frameon=False)
figure

# %% [markdown]
# Some wrong answers stand at the right edge: the model is almost certain, and wrong.
# After five epochs it is overconfident: its
# [confidence](../docs/glossary.md#confidence) is larger than its share of right
# answers. Do not let a program delete mail because of one such number.
#
# ## Last column against last real token
#
# The book pads all messages to one width and reads the last column. Notebook 5 showed,
# on heads fitted quickly, that such an answer moves with the padding. Now train one
# that way, by the same recipe: the same rate, epochs and seed, the same block, another
# token to read. (`pooling="last"` pads to one width.)

# %% tags=["slow"]
column = spamft.finetune(
    data, opened, config=config, pooling="last", seed=SEED, device=DEVICE, log=print
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
# One run each: if the intervals overlap, do not choose by these. One thing is certain:
# a classifier that reads the last column is trained for one width. Give both models the
# same test messages, padded to other widths, and count the verdicts that change:


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
assert max(changed["last real token"]) == 0

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
# The line of the last real token is zero, because a real token never sees the padding
# to its right. A service that pads a little differently from its training may change
# its answers if it reads the last column, and cannot if it reads the last real token.
#
# ## Take it with you
#
# This model is small enough for one HTML file. It opens in any browser, also on a
# telephone, with no server and no network, and nothing that is typed into it leaves it.
# (It has no room for GPT-2's 124 million parameters, and says so.) In a terminal, in
# the folder `notebooks`: `spamft page runs/notebook-8 page.html`.

# %%
try:
    print(write_page(FOLDER, FOLDER / "page.html"))
except ValueError as reason:
    print(reason)

# %% [markdown]
# Open `runs/notebook-8/page.html` and type: each token is coloured by what it
# contributes ([what there is to see](../docs/page.md)). Other programs can open the
# model, too, after `pip install -e ".[export]"` in the repository ([what each of them
# takes](../docs/export.md)):
#
# ```
# spamft export runs/notebook-8 exported --to transformers
# spamft export runs/notebook-8 exported-onnx --to onnx --int8
# ```
#
# The first is for Hugging Face's `pipeline("text-classification")`, the second for
# onnxruntime.
#
# ## What just happened
#
# - A saved model is two files and the name of its tokenizer, and a new process gives
#   the same answers from them.
# - Reading the worst mistakes tells more than another digit of accuracy.
# - With the last real token the verdict depends on the message alone, wherever it runs.
#
# ## What if?
#
# Three questions. Below each put a letter for the first `...`, and for the second the
# chance that you are right, from 0.33 (a blind guess) to 1. Then each choice is
# explained.

# %%
ask("8.q1")

# %% tags=["guess-q1"]
guess("8.q1", ..., sure=...)

# %% [markdown]
# The second one:

# %%
ask("8.q2")

# %% tags=["guess-q2"]
guess("8.q2", ..., sure=...)

# %% [markdown]
# And the third:

# %%
ask("8.q3")

# %% tags=["guess-q3"]
guess("8.q3", ..., sure=...)

# %% [markdown]
# ## Exercises
#
# Guess, then find or compute. Solutions: `src/solutions/08_use_it.py`.
#
# **1.** *Guess:* do you find a text of five words or fewer that is predicted spam,
# `"yes"` or `"no"`?

# %% tags=["guess-1"]
guess("8.1", ..., sure=...)

# %% [markdown]
# Find a `short` one, of at most five words, fewer if you can. Look at how the test's
# spam, and the false alarms above, end. (With a file of your own: one that is predicted
# to be of the second class.)

# %% tags=["exercise-1"]
short = ...

# %% tags=["check-1"]
check("8.1", short, run=run, spam=spam)

# %% [markdown]
# **2.** Twenty messages are classified in one call, then each in a call of its own.
# *Guess:* does any verdict change, `"yes"` or `"no"`?

# %% tags=["guess-2"]
guess("8.2", ..., sure=...)

# %% [markdown]
# Put into `alone` the list of what `run.classify` returns (not only its label) for each
# of `wrong["Text"][:20]`, in a call of its own.

# %% tags=["exercise-2"]
alone = ...

# %% tags=["check-2"]
check("8.2", alone, run=run, wrong=wrong, spam=spam)

# %% [markdown]
# **3.** A filter holds a message back only if it is 90 % sure. *Guess:* compared with
# 50 %, the precision for spam `"rises"` or `"falls"`?

# %% tags=["guess-3"]
guess("8.3", ..., sure=...)

# %% [markdown]
# Write `precision(threshold)` for the test part, from `logits` and `labels`, without
# the temperature: which share of the messages above the threshold is spam?

# %% tags=["exercise-3"]
precision = ...

# %% tags=["check-3"]
check("8.3", precision, logits=logits, labels=labels)

# %% [markdown]
# **Next:** this is the end of the core, 0 to 8. The electives (7c, and 9 to 17) can be
# read in any order. In their own order comes [9 · LoRA](09_lora.ipynb): the same result
# from far fewer trained parameters.
