# %% [markdown]
# # 0 · Ask a GPT, and see what finetuning is for
#
# - **You will** let a pretrained GPT continue text, ask it in words whether a message
#   is spam, watch it fail, and compute what each method of finetuning would cost.
# - **You need** a little Python. PyTorch helps, but nothing here trains yet.
# - **It takes** 15 minutes to read and 10 for the questions and exercises. It runs in
#   seconds with the small GPT, longer with GPT-2, which is downloaded the first time.
# - **A file of your own** works, too: `DATA = "mine.csv"`, with two classes and at
#   least 100 messages of each; TEXT and LABEL name its columns, if they are not Text
#   and Label. The class that comes second by name stands where spam does here.
# - **The outputs stored here** were made on the SMS collection with the small GPT.
#
# This is the lecture up to 15:00: what finetuning is, and its types. The lecture
# follows chapter 6 of Sebastian Raschka's *Build a Large Language Model (From
# Scratch)*, here called *the book*. A word that is a link is explained in the
# [glossary](../docs/glossary.md), with the book's name for it and Hugging Face's.

# %%
import re

import pandas as pd
import torch

from spamft import diagrams
from spamft.check import ask, check, guess
from spamft.classifier import GPTClassifier, set_trainable
from spamft.data import balance
from spamft.gpt import GPT, GPTConfig, generate
from spamft.plots import ORANGE, paper
from spamft.plumbing.device import pick_device
from spamft.reading.layout import Layout
from spamft.sources import open_messages, open_model
from spamft.sources.lessons import lesson_names

# %% [markdown]
# What you can change. `DATA` opens the lecture's messages (0.2 MB) and `MODEL` OpenAI's
# GPT-2 (548 MB). If they cannot be downloaded, the sample and the small GPT that come
# with spamft are used. To skip the download, set `MODEL = "tiny"`.

# %% tags=["parameters", "collection"]
DATA = "auto"
TEXT, LABEL = None, None  # the columns of a file of your own
MODEL = "gpt"
DEVICE = "auto"  # or "cuda", "mps", "cpu"

# %% [markdown]
# ## A pretrained GPT continues text
#
# [Pretraining](../docs/glossary.md#pretraining) showed the model a lot of text with one
# task: predict the next [token](../docs/glossary.md#token), a word or a piece of one.
# Opening such a model takes one call, which also says where it came from:

# %%
device = pick_device(DEVICE)
opened = open_model(MODEL)
gpt, tokenizer = opened.gpt.to(device), opened.tokenizer
print(opened.source)

# %% [markdown]
# A model reads numbers. So the [tokenizer](../docs/glossary.md#tokenizer) turns text
# into token ids, the model gives new ids, and these become text again. `generate`
# appends the most probable token, then asks for the next:


# %%
def continue_text(prompt, tokens=16):
    ids = torch.tensor([tokenizer.encode_ordinary(prompt)], device=device)
    longer = generate(gpt, ids, tokens)
    return tokenizer.decode(longer[0, ids.shape[1] :].tolist())


continue_text("I will be late tonight, so please")

# %% [markdown]
# It has learned English, more or less: the small GPT read 58 MB of novels and chat,
# GPT-2 some 40 GB of the web. Is that enough to sort messages?
#
# ## Ask it in words
#
# The obvious idea is to ask. Here are two messages, one of each class, and the book's
# question, with the word "Answer:" added to help the model:

# %%
question = "Is the following text '{}'? Answer with 'yes' or 'no': '{}' Answer:"
ham = "Running late, start without me and save me a slice."
spam = "You have been chosen as a WINNER! Claim your cash prize now."

for message in (ham, spam):
    print(repr(continue_text(question.format("spam", message))))

# %% [markdown]
# > **You should see**, with the small GPT, no answer, but more text. In the book GPT-2,
# > asked without "Answer:", repeats the question. Predicting the next token never
# > taught it that a question should be answered.
#
# One message may be bad luck. Ask about forty, half of them spam, and count the answers
# that start with yes or no:

# %%
layout = Layout(text=TEXT, label=LABEL)
messages, source = open_messages(DATA, layout=layout, cache_dir="../data")
names = lesson_names(messages)
drawn = balance(messages).groupby("Label").sample(20, random_state=123)
texts = drawn["Text"].str[:200].tolist()
asked = [question.format(names[1], text) for text in texts]
print(source)

# %%
answers = [continue_text(prompt, tokens=4) for prompt in asked]
obeyed = [bool(re.match(r"\W*(yes|no)\b", answer.lower())) for answer in answers]
print(f"{sum(obeyed)} of {len(answers)} answers start with yes or no")

# %% [markdown]
# Perhaps it knows, but cannot say it. A fairer test makes it choose: which next token
# is more probable, ` yes` or ` no`? The model gives every token that it knows a score,
# a [logit](../docs/glossary.md#logit). The larger logit has the larger probability, so
# it is enough to compare the two:

# %%
yes = tokenizer.encode_ordinary(" yes")[0]
no = tokenizer.encode_ordinary(" no")[0]


@torch.no_grad()
def predicts_yes(prompt):
    ids = torch.tensor([tokenizer.encode_ordinary(prompt)], device=device)
    logits = gpt(ids)[0, -1]  # for the token after the last one
    return bool(logits[yes] > logits[no])


# %%
predicted = pd.Series([predicts_yes(prompt) for prompt in asked], index=drawn.index)
right = (predicted == (drawn["Label"] == names[1])).mean()
print(f"right: {right:.0%}, yes predicted for {predicted.mean():.0%} of them")

# %% [markdown]
# > **You should see**, with the small GPT, 50 % right, and "no" to all forty, of the
# > collection as of the sample. A coin is right as often: half of the forty are spam.
# > (With so few messages, anything from 35 to 65 % can be chance.)
#
# An answer that does not depend on the message says nothing about it. So the model
# must be *changed*. The lecture defines that twice:
#
# > [Finetuning](../docs/glossary.md#finetuning): "adapting a pretrained model to a
# > specific task by training the model on additional data", which is "a smaller,
# > domain-specific dataset".
#
# ## Two kinds of task
#
# The lecture names two. **Classification finetuning** teaches a fixed set of labels.
# **Instruction finetuning** teaches to follow instructions in words. The same message
# becomes two different examples to learn from:

# %%
as_classes = (tokenizer.encode_ordinary(spam), 1)
as_words = tokenizer.encode_ordinary(f"Is this spam? {spam} Answer: yes")
print("classification:", len(as_classes[0]), "tokens ->", as_classes[1])
print("instruction:   ", len(as_words), "tokens, the last ones are the answer")

# %% [markdown]
# Inside, only the last layer is different, the [head](../docs/glossary.md#head). In a
# classifier each token becomes a vector, a list of numbers called its
# [channels](../docs/glossary.md#channel): 320 in the small GPT, 768 in GPT-2. The
# [blocks](../docs/glossary.md#block), the floors of the model, change the vectors. The
# head turns the last one into a logit per class:

# %%
diagrams.message_life()

# %% [markdown]
# A class head has as many answers as there are classes. For an answer in words the head
# stays that of pretraining: it has a logit for each token of the
# [vocabulary](../docs/glossary.md#vocabulary), 4,096 in the small GPT and 50,257 in
# GPT-2. How many answers of three tokens has the model that you opened?

# %%
vocabulary = gpt.config.vocab_size
print(f"class head: 2 answers; three tokens: {vocabulary**3:,} answers")

# %% [markdown]
# So the two kinds differ in what can be asked of the model later, and in what teaching
# takes. The first three rows are the lecture's, the last is ours:
#
# | | instruction finetuning | classification finetuning |
# |---|---|---|
# | learns | to answer instructions in words | a set of labels, such as spam and ham |
# | can do | a broad set of tasks | this one task |
# | needs | larger datasets, more computing | less of both |
# | last layer | one output per token of the vocabulary | one output per class |
#
# Both begin with the same model, and either can train all of it or a part:

# %%
diagrams.finetuning_kinds()

# %% [markdown]
# The lecture's notes list LoRA and QLoRA under instruction finetuning only. They work
# for either kind: they say *how much* trains, not *what* is learned.
#
# ## How much trains: count it
#
# A [parameter](../docs/glossary.md#parameter) is a number that training can change. A
# [frozen](../docs/glossary.md#frozen) one does not change, and costs less. Beside the
# number itself (4 bytes) training keeps its
# [gradient](../docs/glossary.md#gradient) (4), which says in which direction to change
# it, and two running averages (8) for the [optimizer](../docs/glossary.md#optimizer),
# which makes the change. Count them on a model of GPT-2's size. PyTorch's `meta` device
# builds it without its numbers, so this needs neither a download nor memory:

# %%
with torch.device("meta"):
    gpt2 = GPTClassifier(GPT(GPTConfig()))
total = sum(p.numel() for p in gpt2.parameters())
print(f"{total:,} parameters")

# %% [markdown]
# > **You should see** 124,441,346: GPT-2's 124,439,808, and a head of two classes.
#
# `set_trainable` freezes everything outside of a *scope*. Here are four scopes. GPT-2
# has 12 blocks, counted from 0, and after them the *final norm*, a small layer that
# brings every vector to the same scale (notebook 4):

# %%
trained = {}
for scope in ("all", "last_two_blocks", "last_block", "head"):
    result = set_trainable(gpt2, scope)
    trained[scope] = result.trained
    print(result)

# %% [markdown]
# ## LoRA, from the lecture's sentence
#
# *"Two smaller matrices that approximate a larger matrix are fine-tuned."* Take one
# matrix of GPT-2, 768 by 768. It is frozen. Beside it stand two thin ones, A and B,
# whose product has its shape. The product stands for a *change* of the large matrix,
# not for the matrix itself:

# %%
rank = 16
A, B = torch.randn(rank, 768), torch.randn(768, rank)
update = B @ A
print(update.shape, "rank", torch.linalg.matrix_rank(update).item())
print(f"an update of {768 * 768:,} numbers, in {A.numel() + B.numel():,}")

# %% [markdown]
# The [rank](../docs/glossary.md#rank) of a matrix is how many of its rows are
# independent: here all 768 rows are mixtures of the 16 of A. Add A and B to every
# linear layer of the blocks, and train the head as well:

# %%
linears = [m for m in gpt2.gpt.modules() if isinstance(m, torch.nn.Linear)]
pairs = sum(rank * (m.in_features + m.out_features) for m in linears)
trained["LoRA"] = trained["QLoRA"] = pairs + trained["head"]
print(f"{len(linears)} linear layers, {trained['LoRA']:,} parameters train")

# %% [markdown]
# [QLoRA](../docs/glossary.md#qlora) does the same and also stores the frozen matrices
# in 4 bits per number, plus one byte of scale for 64 numbers: 0.516 bytes instead of 4,
# so 3.484 are saved. This is the memory that training takes, without what a batch needs
# on top:

# %%
bill = pd.DataFrame({"trained": trained})
extra = pd.Series(0.0, bill.index)  # bytes, beside the 4 of each of GPT-2's numbers
extra[["LoRA", "QLoRA"]] += 4 * pairs
extra["QLoRA"] -= 3.484 * sum(m.weight.numel() for m in linears)
bill["megabytes"] = (4 * total + extra + 12 * bill["trained"]) / 1e6
bill["trained (%)"] = 100 * bill["trained"] / total
bill.round(3).astype({"megabytes": int})

# %% [markdown]
# By hand: a head of two classes has 768 weights and a bias, twice. Training everything
# takes 4 + 4 + 8 bytes per number. No output means that both agree:

# %%
assert trained["head"] == 2 * (768 + 1)
assert abs(bill["megabytes"]["all"] - (4 + 4 + 8) * total / 1e6) < 1e-6

# %% [markdown]
# The methods differ by a factor of 80,000 in what trains, so the scale is logarithmic:

# %%
words = ", ".join(f"{name} {n / 1e6:.3f} million" for name, n in trained.items())
figure, axes = paper(
    f"Bars of trained parameters of GPT-2 by method: {words}.", height=3
)
axes.barh(bill.index[::-1], bill["trained"][::-1], color=ORANGE)
axes.set_xscale("log")
axes.set_xlabel("parameters that train (number, each step ten times more)")
axes.set_ylabel("method of finetuning")
figure

# %% [markdown]
# Cheaper need not be worse, but that has to be measured, and this page only
# counts. The lecture continues with classification. So do notebooks 1 to 8, which train
# the last block, the final norm and the head, as the book does.
#
# ## What just happened
#
# - A pretrained GPT continues text. Asked in words whether a message is spam, the small
#   GPT does not answer.
# - Finetuning trains it further: on labels (classification) or on answers in words
#   (instructions), all of it or a small part.
# - What a method costs can be counted before anything is downloaded.
#
# ## What if?
#
# Three questions that the page does not answer word for word. Answer in the cell below
# each: replace the first `...` by `"a"`, `"b"` or `"c"`, and the second by how sure you
# are, from 0.33 (no idea) to 1 (certain). Your answer is written into `guesses.json`
# and explained; notebook 14 shows whether you are right as often as you are sure.

# %%
ask("0.q1")

# %% tags=["guess-q1"]
guess("0.q1", ..., sure=...)

# %% [markdown]
# The second one:

# %%
ask("0.q2")

# %% tags=["guess-q2"]
guess("0.q2", ..., sure=...)

# %% [markdown]
# And the third:

# %%
ask("0.q3")

# %% tags=["guess-q3"]
guess("0.q3", ..., sure=...)

# %% [markdown]
# ## Exercises
#
# Guess, then compute. A number that you guess counts as right within a tenth. The cell
# with `check` says whether you are right, and why. Solutions:
# `src/solutions/00_what_is_finetuning.py`.
#
# **1.** *Guess:* how many parameters does a head for five classes have, instead of two,
# at GPT-2's 768 channels?

# %% tags=["guess-1"]
guess("0.1", ..., sure=...)

# %% [markdown]
# Compute it:

# %% tags=["exercise-1"]
head_of_five = ...

# %% tags=["check-1"]
check("0.1", head_of_five)

# %% [markdown]
# **2.** *Guess:* at which rank do A and B together have as many numbers as the 768 by
# 768 matrix, so that LoRA saves nothing?

# %% tags=["guess-2"]
guess("0.2", ..., sure=...)

# %% [markdown]
# Compute it:

# %% tags=["exercise-2"]
rank_without_gain = ...

# %% tags=["check-2"]
check("0.2", rank_without_gain)

# %% [markdown]
# **3.** *Guess:* in the largest GPT-2, is the last block's scope a `"larger"` or a
# `"smaller"` share of all parameters than in this one?

# %% tags=["guess-3"]
guess("0.3", ..., sure=...)

# %% [markdown]
# Compute the share, from 0 to 1. The largest is `GPTConfig(emb_dim=1600, n_layers=48,
# n_heads=25)`, and `set_trainable` returns `.trained` and `.total`:

# %% tags=["exercise-3"]
share_of_last_block = ...

# %% tags=["check-3"]
check("0.3", share_of_last_block)

# %% [markdown]
# **Next:** [1 · Download and look](01_download_and_look.ipynb), where the messages come
# from. The *core* is 0 to 8, with 2b, 4b and 7b; the other pages are *electives*.
