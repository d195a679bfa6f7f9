# %% [markdown]
# # 3 · Turn messages into batches
#
# - **You will** cut text into tokens, make messages equally long with padding, stack
#   them into batches, and see how much of the work is then done on padding.
# - **You need** the three parts of notebook 2; one call makes them again.
# - **It takes** 15 minutes to read and a few seconds to run. The first run with a
#   network downloads GPT-2 once, 548 MB; `MODEL = "tiny"` avoids that.
# - **A file of your own** works, too: `DATA = "mine.csv"`, with two or more classes and
#   at least 100 messages of each; TEXT and LABEL name its columns, if they are not Text
#   and Label.
#
# The lecture announces this for the next one at 25:54: *we are going to first create
# data loaders*.

# %%
import matplotlib
import pandas as pd
import torch
from torch.utils.data import DataLoader

from spamft.batches import (
    SpamDataset,
    collate,
    encode_splits,
    encode_texts,
    make_bucketed_loader,
    make_loader,
)
from spamft.plots import BLUE, GREY, ORANGE, paper
from spamft.reading.layout import Layout
from spamft.sources import open_model, open_splits
from spamft.sources.lessons import lesson_names

# %% tags=["parameters"]
DATA = "auto"
TEXT, LABEL = None, None  # the columns of a file of your own
MODEL = "gpt"
BATCH_SIZE = 8
SEED = 123

# %% [markdown]
# The messages in the lecture's three parts, and the tokenizer of the model that shall
# read them:

# %%
layout = Layout(text=TEXT, label=LABEL)
data = open_splits(DATA, lecture=True, layout=layout, cache_dir="../data", seed=SEED)
lesson_names(data.df, most=None)  # are there enough messages?
train, validation, test = data.splits
opened = open_model(MODEL)
tokenizer, context = opened.tokenizer, opened.gpt.config.context_length
print(data, tokenizer, sep="\n")

# %% [markdown]
# ## Text becomes tokens
#
# A GPT reads numbers. Its tokenizer cuts text into pieces that are frequent in what
# it was made from, whole words or parts of words, and numbers them. GPT-2's knows
# 50,257 pieces, the small one of this package 4,096, so it needs more pieces for a
# text:

# %%
ids = tokenizer.encode_ordinary("Congratulations! Text WIN to 80085 now.")
print(ids)
[tokenizer.decode([i]) for i in ids]

# %% [markdown]
# A piece that starts a new word carries the space before it, as ` now` does; a rare
# word falls into several pieces. Nothing is lost: the pieces put together are the
# text, with any spelling, emoji or language, for every single byte is a piece, too:

# %%
odd = "c u @ 8?? ¯\\_(ツ)_/¯ naïve <|endoftext|>"
assert tokenizer.decode(tokenizer.encode_ordinary(odd)) == odd

# %% [markdown]
# That odd text ends with `<|endoftext|>`, the words for the one special token. In a
# message they are only words, and `encode_ordinary` treats them so. tiktoken's plain
# `encode` would raise an error, and a stranger could stop your program with one
# message.
#
# How long are the messages in tokens? The longest sets the lecture's width: 120 in
# its training part with GPT-2's tokens.

# %%
train_ids = encode_texts(train["Text"].tolist(), tokenizer)
lengths = pd.Series([len(tokens) for tokens in train_ids])
lengths.describe().round(1)

# %% [markdown]
# ## Padding: one rectangle of numbers
#
# A batch is a rectangle, one message a row. Rows must be equally long, messages are
# not, so the short ones are filled up on the right. GPT-2 has no token for "nothing".
# The lecture takes the end token, the last one of the vocabulary: 50256 in GPT-2,
# 4095 in the bundled GPT. By hand, for two messages; look for it at the end of a row:

# %%
pad_id = tokenizer.eot_token
two = train_ids[:2]
width = max(map(len, two))
padded = torch.tensor([tokens + [pad_id] * (width - len(tokens)) for tokens in two])
padded

# %% [markdown]
# The library's `collate` does the same and brings the true lengths along. It must,
# because the padding cannot be told from a real end token once it is there; in
# notebook 5 a lot depends on where the message ends.

# %%
labels = train["Label"].tolist()
batch = collate(list(zip(two, labels[:2], strict=True)), pad_id)
assert torch.equal(batch.ids, padded)
batch.lengths, batch.labels

# %% [markdown]
# ## A dataset: tokenize once
#
# PyTorch calls anything a *dataset* that has a length and gives its i-th example. The
# lecture's `SpamDataset` reads a CSV file, tokenizes it and pads everything to the
# longest. By hand without the padding, which can wait:


# %%
class ByHand(torch.utils.data.Dataset):
    def __init__(self, df):
        self.ids = encode_texts(df["Text"].tolist(), tokenizer)
        self.labels = df["Label"].tolist()

    def __len__(self):
        return len(self.ids)

    def __getitem__(self, i):
        return self.ids[i], self.labels[i]


# %%
dataset = SpamDataset(train, tokenizer)
by_hand = ByHand(train)
assert len(dataset) == len(by_hand)
assert all(dataset[i] == by_hand[i] for i in range(len(dataset)))

# %% [markdown]
# Messages are tokenized once, when the dataset is made, not once an epoch.
# `max_length` cuts longer ones. The lecture cuts validation and test to the longest
# training message, so that every part has the same width. Here it is only a
# precaution: on the SMS collection, with GPT-2's tokens, no message is longer than
# the 120 of training.

# %%
max_length = dataset.max_length
cut = sum(len(t) > max_length for t in encode_texts(test["Text"].tolist(), tokenizer))
print(f"longest training message: {max_length} tokens; {cut} test messages are cut")

# %% [markdown]
# ## A loader: eight at a time
#
# The model trains on 8 messages at once, in another order every epoch. `make_loader`
# is PyTorch's `DataLoader` with two habits added. It collates as above, and it
# shuffles with a random generator of its own, so that using *another* loader, to
# evaluate for example, never changes the order in which training sees its batches.
# (Looking into this very loader does use up one shuffle; make it anew before you
# train.)

# %%
loader = make_loader(dataset, BATCH_SIZE, shuffle=True, seed=SEED)
first = next(iter(loader))
print(first.ids.shape, first.lengths.tolist(), first.labels.tolist())

# %% [markdown]
# The lecture's loaders pad *everything* to the longest training message and leave out
# the last batch in training if it is not full. Ours do so if asked. `encode_splits`
# makes the three datasets in one call and cuts them to the longest training message;
# the last argument is the most that the model can read:

# %%
wide = encode_splits(data.splits, tokenizer, context, fixed_width=True)
lecture_loaders = [
    make_loader(wide.train, BATCH_SIZE, shuffle=True, drop_last=True, seed=SEED),
    make_loader(wide.validation, BATCH_SIZE),
    make_loader(wide.test, BATCH_SIZE),
]
print([len(each) for each in lecture_loaders], next(iter(lecture_loaders[0])).ids.shape)

# %% [markdown]
# > **You should see** `[130, 19, 38]` on the SMS collection, the lecture's numbers of
# > batches, from 1045, 149 and 300 messages. The sample has 772, 110 and 222, which
# > makes `[96, 14, 28]`. 1045 messages are 130 batches of 8 and a rest of 5, which
# > `drop_last` leaves out.
#
# The arithmetic by hand, rounded down for training and up for the others:

# %%
rounded_up = [-(-len(part) // BATCH_SIZE) for part in (validation, test)]
batches = [len(train) // BATCH_SIZE, *rounded_up]
assert [len(each) for each in lecture_loaders] == batches

# %% [markdown]
# ## How much of it is padding?
#
# Look at the rectangle that one epoch consists of: a row a message, blue where a
# token is real. In the lecture's way it is as wide as the longest message; beside it,
# the same messages sorted by length:

# %%
real = torch.arange(max_length) < torch.tensor(lengths.tolist())[:, None]
in_order = torch.tensor(lengths.sort_values().index.tolist())
waste = 1 - real.float().mean().item()
figure, axes = paper(
    f"Two rectangles of all training messages; {waste:.0%} of the area is padding.", 7
)
both = torch.cat([real, torch.zeros(len(real), 6).bool(), real[in_order]], dim=1)
colors = matplotlib.colors.ListedColormap(["#e4e4de", BLUE])
axes.imshow(both, cmap=colors, aspect="auto", interpolation="nearest")
axes.set_xlabel("position (tokens); left: as they come, right: sorted by length")
axes.set_ylabel("message (number)")
axes.grid(visible=False)
figure

# %% [markdown]
# On the SMS collection three quarters of the rectangle is padding, 125,400 tokens for
# 31,779 real ones. The model computes them all: for a matrix product a padding token
# is as much work as any.
#
# Two remedies. Pad only to the longest *of the batch*, which is what you get without
# `fixed_width`. Or put messages of like length together first, called *bucketing*;
# then a batch has as many messages as fit into 1,024 tokens, not always 8. On the SMS
# collection the three ways cost 125,400, 56,814 and 33,267 tokens. On your messages:


# %%
def tokens_in(loader):
    return sum(batch.ids.numel() for batch in loader)


work = {
    "all to the longest": tokens_in(make_loader(wide.train, BATCH_SIZE)),
    "longest of its batch": tokens_in(make_loader(dataset, BATCH_SIZE)),
    "bucketed": tokens_in(make_bucketed_loader(dataset)),
    "real tokens": int(lengths.sum()),
}

# %%
words = ", ".join(f"{name} {count:,}" for name, count in work.items())
figure, axes = paper(f"Bars of tokens per epoch: {words}.", height=2.6)
colors = [GREY, BLUE, BLUE, ORANGE]
axes.barh(list(work)[::-1], list(work.values())[::-1], color=colors[::-1])
axes.set_xlabel("tokens an epoch (number)")
axes.set_ylabel("padded to")
figure

# %% [markdown]
# Bucketing costs a little freedom: messages of a batch are alike, so it is used where
# the order does not matter, to evaluate, to classify, and to run frozen blocks once
# (notebook 7). Training keeps its shuffled batches of 8.
#
# Is it allowed, though? Does a model that reads a message with less padding beside it
# give the same answer? If it attends only to the left, and is read at the last real
# token, yes, to the last digit or nearly. Notebook 5 shows it.
#
# Two last checks on the first batch: behind a row's length there is only the end
# token, and `make_loader` gave an ordinary PyTorch `DataLoader`.

# %%
for row, length in zip(first.ids, first.lengths, strict=True):
    assert (row[length:] == pad_id).all()
assert isinstance(loader, DataLoader)

# %% [markdown]
# ## What just happened
#
# - Messages became token ids, and the ids rectangles, filled up on the right.
# - The lecture's loaders give 130, 19 and 38 batches of 8, each as wide as the
#   longest training message.
# - Most of that is padding. Padding to the batch's longest, or bucketing, removes it.
#
# ## Exercises
#
# Predict first, then compute. Replace the `...`; the cell below says nothing if you
# are right, and gives a hint if not. Solutions: `src/solutions/03_batches.py`.
#
# **1.** *Predict:* how many batches of 32 does the training part give if the rest is
# kept?

# %% tags=["exercise-1"]
batches_of_32 = ...

# %% tags=["check-1"]
if batches_of_32 is not ...:
    assert batches_of_32 == len(make_loader(dataset, 32)), (
        "Hint: divide and round up; the rest is a batch, too."
    )

# %% [markdown]
# **2.** *Predict:* are capitals expensive? Put into `more` how many times as many
# tokens "CALL NOW TO CLAIM YOUR PRIZE" has as the same text in lower case.

# %% tags=["exercise-2"]
more = ...

# %% tags=["check-2"]
if more is not ...:
    shout = "CALL NOW TO CLAIM YOUR PRIZE"
    loud, calm = map(len, encode_texts([shout, shout.lower()], tokenizer))
    assert abs(more - loud / calm) < 1e-9, (
        "Hint: count with len(tokenizer.encode_ordinary(...)), divide, do not round."
    )

# %% [markdown]
# **3.** *Predict:* which share of a batch's rectangle is real, if all of its messages
# are equally long? Write `fill(batch)`, the share of real tokens from 0 to 1, for any
# batch.

# %% tags=["exercise-3"]
fill = ...

# %% tags=["check-3"]
if fill is not ...:
    full = collate([([1, pad_id, 3], 0), ([4, 5, 6], 1)], pad_id)
    half = collate([([1], 0), ([4, 5, 6], 1)], pad_id)
    assert fill(full) == 1 and abs(fill(half) - 4 / 6) < 1e-6, (
        "Hint: use batch.lengths, for a real token may have the padding's id."
    )

# %% [markdown]
# **Next:** [4 · GPT and its weights](04_gpt_and_its_weights.ipynb), the model that
# will read these batches.
