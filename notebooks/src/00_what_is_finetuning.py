# %% [markdown]
# # 0 · Ask a GPT, and see what finetuning is for
#
# - **You will** let a pretrained GPT continue text, ask it in words whether a message
#   is spam, watch it fail, and compute what each method of finetuning would cost.
# - **You need** a little Python. What is used of PyTorch is explained where it comes.
# - **It takes** 25 minutes to read, 20 for questions and exercises. It runs in seconds
#   with the small GPT, longer with GPT-2.
# - **A file of your own** works, too: `DATA = "mine.csv"`, with two classes and at
#   least 100 messages of each; TEXT and LABEL name its columns, if they are not Text
#   and Label. The class that comes second by name stands where spam does here.
# - **The outputs stored here** were made on the SMS collection with the small GPT.
#
# This is the lecture up to 15:00. It follows chapter 6 of Sebastian Raschka's *Build a
# Large Language Model (From Scratch)*, here called *the book*: this page is its section
# 6.1, and its `GPTModel` is our `GPT` ([all names](../docs/lecture.md)). A word that is
# a link is explained in the [glossary](../docs/glossary.md).

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
# What you can change. In a class or on a slow line set `DATA = "sample"` and
# `MODEL = "tiny"`: the sample and the small GPT that come with spamft. As they stand,
# `DATA` opens the lecture's messages (0.2 MB) and `MODEL` OpenAI's GPT-2 (548 MB), or
# sample and small GPT if these cannot be downloaded.

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
# A model reads numbers. The [tokenizer](../docs/glossary.md#tokenizer) turns text
# into token ids, the model gives new ids, and these become text again. `generate`
# appends the most probable token, then asks for the next. The ids are in a *tensor*,
# PyTorch's table of numbers. A model reads several texts at once, so even one text is a
# table: the list in a list below is its one row.


# %%
def continue_text(prompt, tokens=16):
    ids = torch.tensor([tokenizer.encode_ordinary(prompt)], device=device)
    longer = generate(gpt, ids, tokens)  # the prompt, then the new tokens
    start = ids.shape[1]  # .shape is (rows, columns)
    return tokenizer.decode(longer[0, start:].tolist())


continue_text("I will be late tonight, so please")

# %% [markdown]
# That is no answer to you, only the likeliest next text.
#
# ## Ask it in words
#
# Two messages, one of each class, and the book's question, with "Answer:" to help:

# %%
question = (
    "Is the following text '{label}'? Answer with 'yes' or 'no': '{text}' Answer:"
)
ham = "Running late, start without me and save me a slice."
spam = "You have been chosen as a WINNER! Claim your cash prize now."

for message in (ham, spam):
    print(repr(continue_text(question.format(label="spam", text=message))))

# %% [markdown]
# > **You should see**, with the small GPT, no answer, but more text. In the book GPT-2,
# > asked without "Answer:", repeats the question. Predicting the next token never
# > taught it that a question should be answered.
#
# Now ask about forty, half of them spam, and count the answers that start with yes or
# no:

# %%
layout = Layout(text=TEXT, label=LABEL)
messages, source = open_messages(DATA, layout=layout, cache_dir="../data")
names = lesson_names(messages)
drawn = balance(messages).groupby("Label").sample(20, random_state=123)
texts = drawn["Text"].str[:200].tolist()
asked = [question.format(label=names[1], text=text) for text in texts]
print(source)

# %%
answers = [continue_text(prompt, tokens=4) for prompt in asked]
obeyed = [bool(re.match(r"\W*(yes|no)\b", answer.lower())) for answer in answers]
print(f"{sum(obeyed)} of {len(answers)} answers start with yes or no")

# %% [markdown]
# Perhaps it knows, but cannot say it. A fairer test makes it choose: which next token
# is more probable, ` yes` or ` no`? The model gives every token a score, a
# [logit](../docs/glossary.md#logit); the larger logit has the larger probability:

# %%
yes = tokenizer.encode_ordinary(" yes")[0]
no = tokenizer.encode_ordinary(" no")[0]


@torch.no_grad()  # nothing trains here, which saves memory
def predicts_yes(prompt):
    ids = torch.tensor([tokenizer.encode_ordinary(prompt)], device=device)
    every = gpt(ids)  # for each text and each position the logits of what comes next
    logits = every[0, -1]  # text 0, last position
    return bool(logits[yes] > logits[no])


# %%
predicted = pd.Series([predicts_yes(prompt) for prompt in asked], index=drawn.index)
right = (predicted == (drawn["Label"] == names[1])).mean()
print(f"right: {right:.0%}, yes predicted for {predicted.mean():.0%} of them")

# %% [markdown]
# > **You should see**, with the small GPT, 50 % right and "no" to all forty, of the
# > collection as of the sample: right for the twenty ham, wrong for the twenty spam.
#
# An answer that does not depend on the message says nothing about it. So the model
# must be *changed*: [finetuning](../docs/glossary.md#finetuning). The lecture defines
# it twice:
#
# > "adapting a pretrained model to a specific task by training the model on additional
# > data"
#
# and, later, on "a smaller, domain-specific dataset".
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
# A GPT is a *neural network*: a chain of steps, called *layers*, that compute with
# learned numbers. In every GPT each token becomes a vector, a list of numbers called
# its [channels](../docs/glossary.md#channel): 320 in the small GPT, 768 in GPT-2.
# Groups of layers, the [blocks](../docs/glossary.md#block), change the vectors one
# after the other. Only the last layer, the [head](../docs/glossary.md#head), is
# different in a classifier. It turns the last token's vector into a logit per class:

# %%
diagrams.message_life()

# %% [markdown]
# For an answer in words the head stays that of pretraining: it has a logit for each
# token of the [vocabulary](../docs/glossary.md#vocabulary), 4,096 in the small GPT and
# 50,257 in GPT-2. So how many answers can three tokens give?

# %%
vocabulary = gpt.config.vocab_size
print(f"class head: 2 answers; three tokens: {vocabulary**3:,} answers")

# %% [markdown]
# In rows one to three the left column is the lecture's, the right one the book's:
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
# [frozen](../docs/glossary.md#frozen) one takes 4 bytes. One that trains takes 16: its
# [gradient](../docs/glossary.md#gradient), which says which way to change it, is 4
# more, and the [optimizer](../docs/glossary.md#optimizer), which makes the change,
# keeps two averages of past gradients, 8 more. Count them on a model of GPT-2's size.
# PyTorch's `meta` device builds it without its numbers, so nothing is downloaded:

# %%
with torch.device("meta"):
    gpt2 = GPTClassifier(GPT(GPTConfig()))  # GPT-2's sizes, if none are given
total = sum(p.numel() for p in gpt2.parameters())  # numel: how many numbers
print(f"{total:,} parameters")

# %% [markdown]
# > **You should see** 124,441,346: GPT-2's 124,439,808, and a head of two classes.
#
# `set_trainable` freezes everything outside of a *scope*. Of the four here, `all` is
# the picture's *full*. GPT-2 has 12 blocks, counted from 0, and after them the *final
# norm*, a small layer that brings every vector to the same scale (notebook 4):

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
update = B @ A  # @ multiplies matrices
print(update.shape, "rank", torch.linalg.matrix_rank(update).item())
print(f"an update of {768 * 768:,} numbers, in {A.numel() + B.numel():,}")

# %% [markdown]
# Every row of the update is a mixture of the 16 rows of A. So it has 768 rows, but only
# 16 different directions, its [rank](../docs/glossary.md#rank). With one row in A there
# is one direction:

# %%
print(torch.tensor([[1], [2], [3]]) @ torch.tensor([[1, 10, 100]]))

# %% [markdown]
# Add A and B to every *linear layer* of the blocks (it multiplies by a matrix; each of
# the 12 blocks has four), and train the head as well:

# %%
linears = [m for m in gpt2.gpt.modules() if isinstance(m, torch.nn.Linear)]
pairs = sum(rank * (m.in_features + m.out_features) for m in linears)
trained["LoRA"] = trained["QLoRA"] = pairs + trained["head"]
print(f"{len(linears)} linear layers, {trained['LoRA']:,} parameters train")

# %% [markdown]
# (The book counts 2,666,528: notebook 9 says why.)
# [QLoRA](../docs/glossary.md#qlora) does the same and stores the blocks' frozen
# matrices in 4 bits per number. This is the memory that training takes, without what a
# batch needs on top:

# %%
bill = pd.DataFrame({"trained": trained})
stored = pd.Series(4.0 * total, bill.index)  # bytes: 4 for each of GPT-2's numbers
stored[["LoRA", "QLoRA"]] += 4 * pairs  # A and B come on top
in_4_bits = 0.5 + 1 / 64  # bytes: half a one, and a scale of one byte for 64 numbers
stored["QLoRA"] -= (4 - in_4_bits) * sum(m.weight.numel() for m in linears)
bill["megabytes"] = (stored + 12 * bill["trained"]) / 1e6  # gradient and averages
bill["trained (%)"] = 100 * bill["trained"] / total
bill.round({"megabytes": 1, "trained (%)": 3})

# %% [markdown]
# By hand: a head of two classes has 768 weights and a bias, twice. Training everything
# takes 16 bytes per number, and training the head hardly more than 4:

# %%
assert trained["head"] == 2 * (768 + 1)
for name, megabytes in (
    ("all", 16 * 124.441346),
    ("head", 4 * 124.441346 + 12 * 0.001538),
):
    print(f"{name}: {megabytes:.1f} MB by hand, {bill['megabytes'][name]:.1f} above")

# %% [markdown]
# So most of a row is the frozen model itself. To train less saves little more; QLoRA
# makes the model smaller, but slower (notebook 10). What trains differs by a factor of
# 80,000, so each step of this scale is ten times more:

# %%
words = ", ".join(f"{name} {n / 1e6:.3f} million" for name, n in trained.items())
figure, axes = paper(
    f"Dots for the trained parameters of GPT-2 by method: {words}.", height=3
)
axes.plot(bill["trained"], bill.index, "o", color=ORANGE, markersize=8)
for name, n in trained.items():
    axes.annotate(f"{n:,}", (n, name), (9, -4), textcoords="offset points")
axes.set_xscale("log")
axes.set_xlim(right=4e9)  # room for the last number
axes.invert_yaxis()
axes.set_xlabel("parameters that train (number)")
axes.set_ylabel("method of finetuning")
figure

# %% [markdown]
# Cheaper need not be worse, but that has to be measured. Notebooks 1 to 8 continue with
# classification. They train the last block, the final norm and the head, as the book.
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
# Three questions. Below each put a letter for the first `...`, and for the second the
# chance that you are right, from 0.33 (a blind guess) to 1. Then each choice is
# explained.
# Your answer is kept in `guesses.json`; notebook 14 shows whether you are right as
# often as you are sure.

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
# Guess, then compute. A number that you guess counts as right within a tenth; one that
# you compute must not be rounded. Solutions: `src/solutions/00_what_is_finetuning.py`.
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
# **3.** The scope `last_block` trains 5.7 % of GPT-2, as printed above. *Guess:* of the
# largest GPT-2, is it a `"larger"` or a `"smaller"` share?

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
