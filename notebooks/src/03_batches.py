# %% [markdown]
# # 3 · Turn messages into batches
#
# - **You will** cut text into tokens, make messages equally long with padding, stack
#   them into batches, and see how much of the work is then done on padding.
# - **You need** the three parts of notebook 2; one call makes them again.
# - **It takes** 20 minutes to read, 20 for questions and exercises, and a few seconds
#   to run. The first run with a network downloads GPT-2 (548 MB);
#   `MODEL = "tiny"` avoids that.
# - **A file of your own** works, too: `DATA = "mine.csv"`, with two or more classes and
#   at least 100 messages of each; TEXT and LABEL name its columns, if they are not Text
#   and Label.
# - **The outputs stored here** were made on the SMS collection with GPT-2's tokens.
#   Where messages are shown, they are the bundled sample's, as is said there.
#
# The lecture ends before this step, and announces it: *we are going to first create
# data loaders*. From here on we follow the book, whose chapter 6 is the lecture's
# source. In the book: section 6.3; its `SpamDataset` takes a CSV file, ours a DataFrame
# ([all names](../docs/lecture.md)).

# %%
import math

import matplotlib
import pandas as pd
import torch

from spamft import diagrams
from spamft.batches import SpamDataset, collate, encode_splits, encode_texts
from spamft.check import ask, check, guess
from spamft.plots import BLUE, paper
from spamft.reading.layout import Layout
from spamft.sources import open_model, open_splits
from spamft.sources.lessons import lesson_names

# %% tags=["parameters", "collection", "gpt2-tokens"]
DATA = "auto"
TEXT, LABEL = None, None  # the columns of a file of your own
MODEL = "gpt"
BATCH_SIZE = 8
SEED = 123

# %% [markdown]
# The messages in the lecture's three parts, and the tokenizer of the model that will
# read them:

# %%
layout = Layout(text=TEXT, label=LABEL)
data = open_splits(DATA, lecture=True, layout=layout, cache_dir="../data", seed=SEED)
names = lesson_names(data.df, most=None)
train, validation, test = data.splits
opened = open_model(MODEL)
tokenizer, context = opened.tokenizer, opened.gpt.config.context_length
print(data, tokenizer, sep="\n")

# %% [markdown]
# ## Text becomes tokens
#
# A GPT reads numbers. Its [tokenizer](../docs/glossary.md#tokenizer) splits text into
# numbered pieces, words or parts of words that were frequent in the text it was built
# on. GPT-2's has 50,257 pieces, that of the small GPT 4,096, so it needs more of them
# for a text:

# %%
ids = tokenizer.encode_ordinary("Congratulations! Text WIN to 80085 now.")
print(ids)
[tokenizer.decode([i]) for i in ids]

# %% [markdown]
# A piece that starts a new word carries the space before it, as ` now` does; a rare
# word becomes several pieces. Nothing is lost, whatever the spelling or language,
# because every single byte is a piece, too:

# %%
odd = "c u @ 8?? ¯\\_(ツ)_/¯ naïve <|endoftext|>"
assert tokenizer.decode(tokenizer.encode_ordinary(odd)) == odd

# %% [markdown]
# That text ends with `<|endoftext|>`, the name of the one special token. In a message
# it is only text, and `encode_ordinary` treats it so. Plain `encode`, which the book
# uses, would raise an error, and a stranger could stop your program with one message.
# (Both are names of tiktoken, OpenAI's library of tokenizers.)
#
# How long are the messages in tokens?

# %%
train_ids = encode_texts(train["Text"].tolist(), tokenizer)
lengths = pd.Series([len(tokens) for tokens in train_ids])
lengths.describe().round(1)

# %% [markdown]
# ## Padding: one rectangle of numbers
#
# A [batch](../docs/glossary.md#batch) is a rectangle, one message per row. Rows must be
# equally long, and messages are not, so short ones are filled up on the right:
# [padding](../docs/glossary.md#padding). What is real is written down beside it, as the
# length of each row or as a [mask](../docs/glossary.md#mask) of ones and zeros, Hugging
# Face's `attention_mask`:

# %%
diagrams.padding()

# %% [markdown]
# GPT-2 has no token for "nothing". The book takes the end token, the last one of the
# vocabulary: 50256 in GPT-2, 4095 in the small GPT. By hand, for two messages; look for
# it at the end of a row. (An empty message becomes one end token, so that there is
# something to read.)

# %% tags=["messages"]
pad_id = tokenizer.eot_token
two = train_ids[:2]
width = max(map(len, two))
# a list times 3 is the list three times over
padded = torch.tensor([tokens + [pad_id] * (width - len(tokens)) for tokens in two])
padded

# %% [markdown]
# The library's `collate` (put together) takes pairs of ids and label. It returns the
# same rectangle, the true lengths and the labels. The lengths are needed: padding has
# the same id as a real end token, so afterwards nobody can tell them apart.

# %% tags=["messages"]
labels = train["Label"].tolist()
batch = collate(list(zip(two, labels[:2], strict=True)), pad_id)
assert torch.equal(batch.ids, padded)
batch.lengths, batch.labels

# %% [markdown]
# ## A dataset: tokenize once
#
# PyTorch calls anything a *dataset* that has a length and gives its i-th example. The
# book's `SpamDataset` tokenizes and pads everything to the longest. By hand without the
# padding, which can wait. A *class* bundles data with functions; `self` is the object
# itself:


# %%
class ByHand(torch.utils.data.Dataset):
    def __init__(self, df):  # when it is made: ByHand(train)
        self.ids = encode_texts(df["Text"].tolist(), tokenizer)
        self.labels = df["Label"].tolist()

    def __len__(self):  # len(by_hand)
        return len(self.ids)

    def __getitem__(self, i):  # by_hand[i]
        return self.ids[i], self.labels[i]


# %%
dataset = SpamDataset(train, tokenizer)
by_hand = ByHand(train)
assert len(dataset) == len(by_hand)
assert all(dataset[i] == by_hand[i] for i in range(len(dataset)))

# %% [markdown]
# Messages are tokenized once, when the dataset is made, not once per
# [epoch](../docs/glossary.md#epoch), which is one pass through all of them.
# `max_length` cuts longer ones. The book cuts validation and test to the longest
# training message, so that every part has the same width. (In the collection no test
# message is longer.)

# %%
max_length = dataset.max_length
cut = sum(len(t) > max_length for t in encode_texts(test["Text"].tolist(), tokenizer))
print(f"longest training message: {max_length} tokens; {cut} test messages are cut")

# %% [markdown]
# ## A loader: eight at a time
#
# The model trains on 8 messages at once, in another order every epoch. `make_loader` is
# PyTorch's `DataLoader` with two habits added. It collates as above, and it shuffles
# with a random generator of its own, so that using *another* loader, to evaluate for
# example, never changes the order in which training sees its batches. Each pass
# through a loader takes the next random order, so start each training with a new one.

# %%
from spamft.batches import make_bucketed_loader, make_loader

loader = make_loader(dataset, BATCH_SIZE, shuffle=True, seed=SEED)
first = next(iter(loader))
print(first.ids.shape, first.labels.shape, type(loader).__name__)

# %% [markdown]
# Eight rows, as wide as the longest of *these eight*, and eight labels. This is what
# the model gets to learn from. Turned back into text:

# %% tags=["messages"]
rows = zip(first.ids, first.lengths, first.labels, strict=True)
pd.DataFrame(
    [
        (names[label], int(length), tokenizer.decode(ids[:length].tolist())[:40])
        for ids, length, label in rows
    ],
    columns=["label", "tokens", "text"],
)

# %% [markdown]
# Behind a row's length there is only the end token:

# %%
for row, length in zip(first.ids, first.lengths, strict=True):
    assert (row[length:] == pad_id).all()

# %% [markdown]
# The book's loaders pad *everything* to the longest training message, and in training
# leave out the last batch if it is not full, because a step on few messages is a noisy
# one. Ours do so if asked. `encode_splits` makes
# the three datasets in one call; the last number is the most that the model can read,
# its [context](../docs/glossary.md#context):

# %%
wide = encode_splits(data.splits, tokenizer, context, fixed_width=True)
book_loaders = [
    make_loader(wide.train, BATCH_SIZE, shuffle=True, drop_last=True, seed=SEED),
    make_loader(wide.validation, BATCH_SIZE),
    make_loader(wide.test, BATCH_SIZE),
]
print([len(each) for each in book_loaders], next(iter(book_loaders[0])).ids.shape)

# %% [markdown]
# > **You should see** the book's `[130, 19, 38]` batches with the SMS collection, and
# > `[96, 14, 28]` with the sample.
#
# The arithmetic by hand, rounded down for training and up for the others:

# %%
rounded_up = [math.ceil(len(part) / BATCH_SIZE) for part in (validation, test)]
batches = [len(train) // BATCH_SIZE, *rounded_up]
assert [len(each) for each in book_loaders] == batches

# %% [markdown]
# ## How much of it is padding?
#
# Ask of each place whether a token is real there: is its position smaller than the
# message's length? `[:, None]` stands the lengths upright, as a column. PyTorch
# compares a row with a column each with each, which gives a table:

# %%
small = torch.tensor([2, 4, 1])
print(torch.arange(4) < small[:, None])  # arange(4): the positions 0, 1, 2, 3

# %% [markdown]
# The same for one epoch: one row per message, sorted by length, blue where a token is
# real. The book's rectangle is as wide as the longest message:

# %%
real = torch.arange(max_length) < torch.tensor(sorted(lengths))[:, None]
waste = 1 - real.float().mean().item()
figure, axes = paper(
    f"A rectangle of all training messages; {waste:.0%} of the area is padding."
)
colors = matplotlib.colors.ListedColormap(["#e4e4de", BLUE])
axes.imshow(real, cmap=colors, aspect="auto", interpolation="nearest")
axes.set_title(f"{waste:.0%} of it is padding (grey)")
axes.set_xlabel("position in the message (tokens)")
axes.set_ylabel("messages, the shortest first")
axes.grid(visible=False)
figure

# %% [markdown]
# The model computes all of it: for a matrix product a padding token is as much work as
# any.
#
# There are two remedies. Pad only to the longest *of the batch*, as we do without
# `fixed_width` (Hugging Face: *dynamic padding*, `DataCollatorWithPadding`). Or put
# messages of similar length together first, called *bucketing*. Then a batch is not 8
# messages: it is filled up to 1,024 tokens, padding included, with many short messages
# or a few long ones. Count the tokens that the model
# computes per epoch, beside those of the SMS collection in GPT-2's tokens
# (`results/README.md` says where these come from):


# %%
def tokens_in(loader):
    return sum(batch.ids.numel() for batch in loader)


work = {
    "tokens, padded to the longest": tokens_in(make_loader(wide.train, BATCH_SIZE)),
    "tokens, to the batch's longest": tokens_in(make_loader(dataset, BATCH_SIZE)),
    "tokens, bucketed": tokens_in(make_bucketed_loader(dataset)),
    "tokens that are real": lengths.sum(),
}

# %%
both = pd.read_csv("results/batches.csv", index_col="counted")
both = both.rename(columns={"SMS collection": "SMS collection, GPT-2's tokens"})
both["your data"] = [max_length, *work.values(), *batches]
both

# %% [markdown]
# > **You should see** that bucketing computes hardly more than the real tokens. On the
# > SMS collection three quarters of the book's rectangle is padding.
#
# Bucketing is for measuring, not for training, which keeps its shuffled batches of 8; a
# question below asks why. Does a message with less padding beside it get the same
# answer? Notebook 5 shows that it does.
#
# ## What just happened
#
# - Messages became token ids, and the ids rectangles, filled up on the right.
# - The book's loaders give batches of 8, each as wide as the longest training message.
# - Most of that is padding. Padding to the batch's longest, or bucketing, removes it.
#
# ## What if?
#
# Three questions. Below each put a letter for the first `...`, and for the second the
# chance that you are right, from 0.33 (a blind guess) to 1. Then each choice is
# explained.

# %%
ask("3.q1")

# %% tags=["guess-q1"]
guess("3.q1", ..., sure=...)

# %% [markdown]
# The second one:

# %%
ask("3.q2")

# %% tags=["guess-q2"]
guess("3.q2", ..., sure=...)

# %% [markdown]
# And the third:

# %%
ask("3.q3")

# %% tags=["guess-q3"]
guess("3.q3", ..., sure=...)

# %% [markdown]
# ## Exercises
#
# Guess, then compute. A number that you guess counts as right within a tenth; one that
# you compute must not be rounded. `check` says whether you are right. Solutions:
# `src/solutions/03_batches.py`.
#
# **1.** *Guess:* how many batches of 32 does your training part give, if the last one
# is kept although it is not full?

# %% tags=["guess-1"]
guess("3.1", ..., sure=...)

# %% [markdown]
# Compute it from `dataset`:

# %% tags=["exercise-1"]
batches_of_32 = ...

# %% tags=["check-1"]
check("3.1", batches_of_32, dataset=dataset)

# %% [markdown]
# **2.** *Guess:* does "CALL NOW TO CLAIM YOUR PRIZE" have more tokens than the same
# text in lower case, `"yes"` or `"no"`?

# %% tags=["guess-2"]
guess("3.2", ..., sure=...)

# %% [markdown]
# Compute how many times as many:

# %% tags=["exercise-2"]
more = ...

# %% tags=["check-2"]
check("3.2", more, tokenizer=tokenizer)

# %% [markdown]
# **3.** *Guess:* which share of a batch's rectangle is real, from 0 to 1, if all of its
# messages are equally long?

# %% tags=["guess-3"]
guess("3.3", ..., sure=...)

# %% [markdown]
# Write `fill(batch)`, the share of real tokens from 0 to 1, for any batch:

# %% tags=["exercise-3"]
fill = ...

# %% tags=["check-3"]
check("3.3", fill, pad_id=pad_id)

# %% [markdown]
# **Next:** [4 · Inside a GPT](04_gpt.ipynb), the model that will read these batches.
