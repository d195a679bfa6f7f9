# %% [markdown]
# # 5 · Swap the head: two outputs instead of a vocabulary
#
# - **You will** replace a GPT's last layer, turn its outputs into probabilities, freeze
#   what must not train, and find out at which token to read the answer.
# - **You need** the GPT of notebook 4 and the batches of notebook 3.
# - **It takes** 25 minutes to read, 15 for the questions and exercises. It runs in
#   some seconds, or a few minutes with GPT-2 on two cores.
# - **A file of your own** works, too: `DATA = "mine.csv"`, with two or more classes and
#   at least 100 messages of each; TEXT and LABEL name its columns, if they are not Text
#   and Label.
# - **The outputs stored here** were made on the SMS collection with the small GPT.
#
# The lecture ends with a look ahead at this, from 26:15: *we usually fit
# another neural network at the end of this and that will have a softmax output ... so
# that the output is either spam or no spam, which is zero or one*. Here this
# "other network" is one linear layer, and it ends a step before the softmax. In the
# book: section 6.5; its `out_head` is our `head` ([all names](../docs/lecture.md)).

# %%
import copy
import math

import pandas as pd
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from spamft import diagrams
from spamft.batches import SpamDataset, encode_splits, make_loader
from spamft.check import ask, check, guess
from spamft.classifier import GPTClassifier, set_trainable
from spamft.plots import BLUE, GREY, ORANGE, paper, plot_ledger
from spamft.plots.style import literal
from spamft.plumbing.device import pick_device
from spamft.reading.layout import Layout
from spamft.sources import open_model, open_splits
from spamft.sources.lessons import lesson_names

# %% tags=["parameters", "collection"]
DATA = "auto"
TEXT, LABEL = None, None  # the columns of a file of your own
MODEL = "gpt"
DEVICE = "auto"  # or "cuda", "mps", "cpu"
SEED = 123

# %% [markdown]
# The messages in the lecture's three parts, and the pretrained GPT with its tokenizer:

# %%
device, opened = pick_device(DEVICE), open_model(MODEL)
layout = Layout(text=TEXT, label=LABEL)
data = open_splits(DATA, lecture=True, layout=layout, cache_dir="../data", seed=SEED)
names = lesson_names(data.df, most=None)
gpt, tokenizer = opened.gpt.to(device), opened.tokenizer
print(data, opened.source, sep="\n")

# %% [markdown]
# ## The swap
#
# A GPT's last layer turns a token's vector into one number for every token of the
# vocabulary. To classify, one number per class is enough, so that layer is replaced by
# a small new one, the [head](../docs/glossary.md#head) (Hugging Face's `score`):

# %%
diagrams.head_swap(gpt.config, names)

# %% [markdown]
# The old layer was the token embedding, used a second time (notebook 4). At the bottom
# this table stays, to turn ids into vectors; at the top the head takes its place. So
# GPT-2 grows by the head alone, with two classes by 2 · 768 + 2 = 1,538 parameters:
# from 124,439,808 to 124,441,346. The book's model has an output layer of its own,
# which is thrown away, so it shrinks to the same number: from 163,037,184.
#
# By hand: run the blocks, put a fresh linear layer on each token's vector, its [hidden
# state](../docs/glossary.md#hidden-state), and take what comes out at the last token:

# %%
message = "You have won! Text CLAIM to 80085 now"
ids = torch.tensor([tokenizer.encode_ordinary(message)], device=device)
T, C = ids.shape[1], gpt.config.emb_dim
torch.manual_seed(SEED)
head = torch.nn.Linear(C, len(names)).to(device)
with torch.no_grad():
    hidden = gpt.hidden(ids)  # (1, T, C)
    each = head(hidden)  # (1, T, classes): logits for every token
    logits = each[:, -1]  # of every text (here one) the last token's
print(tuple(hidden.shape), "->", tuple(each.shape), "->", tuple(logits.shape), logits)

# %% [markdown]
# (The book prints (1, 4, 2) for a text of four tokens.) `GPTClassifier` does the same
# as a module: the GPT, and the head beside it. With our head's numbers it must give our
# logits. `eval()` switches [dropout](../docs/glossary.md#dropout) off, where a model
# has any; `train()` switches it on, and trains nothing by itself:

# %%
model = GPTClassifier(gpt, names, seed=SEED).to(device)
model.head.load_state_dict(head.state_dict())  # copy our head's numbers into its own
model.eval()
with torch.no_grad():
    torch.testing.assert_close(model(ids), logits, atol=1e-5, rtol=1e-5)
print("equal")

# %% [markdown]
# ## Softmax: from logits to probabilities
#
# The outputs are [logits](../docs/glossary.md#logit), any numbers at all.
# [Softmax](../docs/glossary.md#softmax) makes probabilities of them: e to the power of
# each, divided by the sum, so they are positive and add up to 1.

# %%
powers = [math.exp(value) for value in logits[0].tolist()]
by_hand = [power / sum(powers) for power in powers]
assert abs(logits.softmax(-1)[0, 1].item() - by_hand[1]) < 1e-6
dict(zip(model.label_names, by_hand, strict=True))

# %% [markdown]
# The prediction is the class with the larger logit. That needs no softmax, which keeps
# the order. Softmax is needed to say how sure the model is, and for the loss in
# notebook 6.
#
# Are two outputs for two classes one too many? Yes: softmax depends only on their
# difference, so a single output with a *sigmoid* would do. The book takes two, as we
# do, because the same code then works for any number of classes.

# %%
pair = logits[0, :2]
sigmoid = 1 / (1 + math.exp(-(pair[1] - pair[0]).item()))
assert abs(pair.softmax(-1)[1].item() - sigmoid) < 1e-6
print("equal")

# %% [markdown]
# ## What it predicts before training
#
# The head is random, so its answers mean nothing yet. On the lecture's messages class 0
# is ham and class 1 is spam. Look at the logits of eight messages, and do not trust the
# number of right answers: if most of the eight happen to be of one class, a head that
# nearly always gives that answer looks good.

# %%
encoded = encode_splits(data.splits, tokenizer, gpt.config.context_length)
batch = next(iter(make_loader(encoded.validation, 8)))
model = GPTClassifier(gpt, names, seed=SEED).to(device).eval()
with torch.no_grad():
    logits = model(batch.ids.to(device), batch.lengths.to(device)).cpu()
table = pd.DataFrame(logits.numpy().round(2), columns=names)
table["predicted"] = [names[i] for i in logits.argmax(-1)]
table["true"] = [names[i] for i in batch.labels]
table

# %% [markdown]
# On the whole validation part random heads are right about half of the time on average
# (notebook 6).
#
# ## Freeze: what trains and what stays
#
# The book trains the last block, the final norm, and the new head. The layers below
# have learned English already, and the task is small, so they are
# [frozen](../docs/glossary.md#frozen). Training the head alone would be enough in
# principle; with the last block it can learn more (exercise 3 of notebook 7 compares).
# PyTorch freezes by a flag on every parameter. By hand (the book freezes before it adds
# the head, which then trains by default):

# %%
by_hand = copy.deepcopy(model)
for parameter in by_hand.parameters():
    parameter.requires_grad = False
for part in (by_hand.gpt.blocks[-1], by_hand.gpt.final_norm, by_hand.head):
    for parameter in part.parameters():
        parameter.requires_grad = True

# %% [markdown]
# The library's call, which also tells what it did:

# %%
print(set_trainable(model, "last_block"))
pairs = zip(model.parameters(), by_hand.parameters(), strict=True)
assert all(ours.requires_grad == theirs.requires_grad for ours, theirs in pairs)

# %% [markdown]
# As a picture: the parameters by part, with the head on top. For GPT-2 with two classes
# 7,090,946 of 124,441,346 train, 5.7 %.

# %%
parts = [("token embedding", gpt.tok_emb), ("position embedding", gpt.pos_emb)]
parts += [(f"block {i}", block) for i, block in enumerate(gpt.blocks)]
parts += [("final norm", gpt.final_norm), ("head", model.head)]
rows = []
for name, part in parts:
    numbers = list(part.parameters())
    rows.append((name, sum(p.numel() for p in numbers), numbers[0].requires_grad))
plot_ledger(pd.DataFrame(rows, columns=["part", "parameters", "trains"]))

# %% [markdown]
# ## Which token to read
#
# The blocks give a vector for *every* token. Which one should the head read? To choose
# one is called [pooling](../docs/glossary.md#pooling). Find out what each vector knows:
# replace one token of the message by another, and see which vectors change. Do so for
# every token in turn:

# %%
knows = torch.zeros(T, T, dtype=torch.bool)  # row: a vector, column: a token
for replaced in range(T):
    other = ids.clone()
    other[0, replaced] = (ids[0, replaced] + 1) % gpt.config.vocab_size  # the next id
    with torch.no_grad():
        moved = (gpt.hidden(other) - gpt.hidden(ids))[0].abs()  # (T, C)
    knows[:, replaced] = moved.max(dim=1).values.cpu() > 1e-4  # its largest change
for token, row in zip(ids[0].tolist(), knows.tolist(), strict=True):
    print(f"{tokenizer.decode([token]).strip():10s}", *("■" if k else "·" for k in row))
assert knows.equal(torch.ones_like(knows).tril())  # all ■ on and below the diagonal

# %% [markdown]
# Row by row, ■ is a token that this vector depends on. The first token's vector knows
# nothing but itself: attention is causal. Only the last one depends on the whole
# message. So **read the last token**. Two messages that begin alike show it, too: their
# first tokens have the same vector, whatever follows.

# %%
one, two = (
    torch.tensor([tokenizer.encode_ordinary(text)], device=device)
    for text in ("Hi, you won a prize!", "Hi, what a day I had")
)
assert one[0, 0] == two[0, 0]
with torch.no_grad():
    first = gpt.hidden(one)[:, 0]
    torch.testing.assert_close(first, gpt.hidden(two)[:, 0], atol=1e-4, rtol=1e-4)
print("equal")

# %% [markdown]
# ## The last token, or the last column?
#
# In a batch, short messages end in [padding](../docs/glossary.md#padding). Where is
# their last token? A [mask](../docs/glossary.md#mask), or the messages' lengths, tell:

# %%
diagrams.padding()

# %% [markdown]
# The book reads the last column, `[:, -1, :]`, padding or not. That works: padding
# comes after the message and has seen it. But the answer then depends on how much
# padding there happens to be. To see how much, a head must have learned something. So
# let scikit-learn fit two heads (`LogisticRegression` is a linear layer with softmax),
# on some 200 training messages padded to one width. One reads the last column, the
# other the last real token. You may skip the code: `read` gives the vectors that a head
# would read.

# %%
few = data.splits.train.groupby("Label").head(1 + 200 // len(names))
width = encoded.train.max_length
examples = SpamDataset(few, tokenizer, width, fixed_width=True)
batch = examples.collate([examples[i] for i in range(len(examples))])


@torch.no_grad()
def read(pooling, ids, lengths):
    """(B, T) token ids -> (B, C): the vectors that a head would read."""
    reader = GPTClassifier(gpt, names, pooling).to(device).eval()
    return reader.pool(gpt.embed(ids.to(device)), lengths.to(device)).cpu().numpy()


# %%
heads = {}
for pooling in ("last", "last_real"):
    head = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    vectors = read(pooling, batch.ids, batch.lengths)
    heads[pooling] = head.fit(vectors, batch.labels.numpy())

# %% [markdown]
# Now ask both about one spam message, with more and more padding behind it:

# %%
prize = "Congratulations! Claim your free prize now at www.prize.example"
prize_ids = torch.tensor([tokenizer.encode_ordinary(prize)], device=device)
tokens = prize_ids.shape[1]
room = gpt.config.context_length - tokens
paddings = range(0, min(60, room) + 1, 4)
chances = {pooling: [] for pooling in heads}
for padding in paddings:
    end = torch.full((1, padding), tokenizer.eot_token, device=device)
    padded, length = torch.cat([prize_ids, end], dim=1), torch.tensor([tokens])
    for pooling, head in heads.items():
        chance = head.predict_proba(read(pooling, padded, length))[0, 1]
        chances[pooling].append(chance * 100)
span = {pooling: max(each) - min(each) for pooling, each in chances.items()}
assert span["last_real"] < 0.1

# %%
figure, axes = paper(
    f"Two lines: read at the last column, the probability moves by {span['last']:.0f} "
    "points with the padding; read at the last real token, it stays.",
    height=3.2,
)
for (pooling, values), color in zip(chances.items(), (BLUE, ORANGE), strict=True):
    axes.plot(paddings, values, marker="o", color=color, label=f'pooling="{pooling}"')
axes.axhline(100 / len(names), color=GREY, linestyle=":")
axes.set_xlabel("padding behind the message (tokens)")
axes.set_ylabel(f"probability of {literal(names[1])} (%)")
axes.set_ylim(-3, 103)
axes.legend(frameon=False)
figure

# %% [markdown]
# > **You should see** one level line, `last_real`, and one that wanders: the same
# > message gets another answer for its padding alone (with two classes, another verdict
# > where it crosses the dotted line). Tokens attend to the left and padding is on the
# > right, so a real token never sees any. With padding 0 both heads read the same
# > token and still disagree: the blue one learned nearly always from padding, and does
# > not know the end of a message. Where a line lies says little, since each head
# > learned from few messages; what counts is that the orange one is level.
#
# From here on we read the last real token; `batch.lengths` says where it is. Notebook 8
# counts the verdicts that change when whole models are trained in both ways.
#
# ## What just happened
#
# - A head with one output per class takes the place of the output over the vocabulary
#   (50,257 tokens in GPT-2, 4,096 in the bundled GPT); the rest of the model stays.
# - `requires_grad` decides what trains: here the last block, the final norm and the
#   head.
# - Attention is causal, so the last real token has read everything, and its answer does
#   not depend on padding.
#
# ## What if?
#
# Three questions. Below each put a letter for the first `...`, and for the second the
# chance that you are right, from 0.33 (a blind guess) to 1. Then each choice is
# explained.

# %%
ask("5.q1")

# %% tags=["guess-q1"]
guess("5.q1", ..., sure=...)

# %% [markdown]
# The second one:

# %%
ask("5.q2")

# %% tags=["guess-q2"]
guess("5.q2", ..., sure=...)

# %% [markdown]
# And the third:

# %%
ask("5.q3")

# %% tags=["guess-q3"]
guess("5.q3", ..., sure=...)

# %% [markdown]
# ## Exercises
#
# Guess, then compute. A number that you guess counts as right within a tenth.
# Solutions: `src/solutions/05_classification_head.py`.
#
# **1.** *Guess:* two classes have the logits 11 and 12. Which probability does softmax
# give to the second?

# %% tags=["guess-1"]
guess("5.1", ..., sure=...)

# %% [markdown]
# Compute it, without rounding:

# %% tags=["exercise-1"]
probability = ...

# %% tags=["check-1"]
check("5.1", probability)

# %% [markdown]
# **2.** *Guess:* how many parameters does a head for twelve classes have, on the model
# that you opened?

# %% tags=["guess-2"]
guess("5.2", ..., sure=...)

# %% [markdown]
# Compute it from C, the number of channels:

# %% tags=["exercise-2"]
head_of_twelve = ...

# %% tags=["check-2"]
check("5.2", head_of_twelve, C=C)

# %% [markdown]
# **3.** A classifier reads `one` and `two` above, once with `pooling="first"` and once
# with `"last_real"`. *Guess:* in which case are the logits of both messages equal,
# `"first"` or `"last_real"`?

# %% tags=["guess-3"]
guess("5.3", ..., sure=...)

# %% [markdown]
# Put the largest difference between their logits for `"first"` and for `"last_real"`,
# in this order, into `differences`. Build both classifiers with `seed=SEED`:

# %% tags=["exercise-3"]
differences = ..., ...

# %% tags=["check-3"]
check("5.3", differences, gpt=gpt, one=one, two=two, seed=SEED)

# %% [markdown]
# **Next:** [6 · Loss and accuracy](06_loss_and_accuracy.ipynb): how wrong is it, in
# numbers?
