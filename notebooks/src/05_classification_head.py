# %% [markdown]
# # 5 · Swap the head: two outputs instead of a vocabulary
#
# - **You will** replace a GPT's last layer, turn its two outputs into probabilities,
#   freeze what shall not train, and find out at which token to read the answer.
# - **You need** the GPT of notebook 4 and the batches of notebook 3.
# - **It takes** 15 minutes to read and some seconds to run.
# - **A file of your own** works, too: `DATA = "mine.csv"`, with two or more classes and
#   at least 100 messages of each; TEXT and LABEL name its columns, if they are not Text
#   and Label.
#
# The lecture announces this at 26:18: *we usually fit another neural network at the
# end of this and that will have a softmax output ... so that the output is either
# spam or no spam, which is zero or one*.

# %%
import copy
import math

import pandas as pd
import torch

from spamft.batches import SpamDataset, make_loader
from spamft.classifier import GPTClassifier, set_trainable
from spamft.plots import BLUE, ORANGE, paper, plot_ledger
from spamft.plots.style import literal
from spamft.plumbing.device import pick_device
from spamft.reading.layout import Layout
from spamft.sources import open_model, open_splits
from spamft.sources.lessons import lesson_names

# %% tags=["parameters"]
DATA = "auto"
TEXT, LABEL = None, None  # the columns of a file of your own
MODEL = "gpt"
DEVICE = "auto"  # or "cuda", "mps", "cpu"
SEED = 123

# %% [markdown]
# The messages in the lecture's three parts, and the pretrained GPT with its
# tokenizer:

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
# A GPT ends with a layer that turns a token's vector into one number for every token
# of the vocabulary. For two classes two numbers are enough. That layer is the table
# of token vectors itself (notebook 4). It stays, because it also turns ids into
# vectors; we only stop using it at the end. So the parameters grow by the head alone:
# for GPT-2 2 · 768 + 2 = 1,538. By hand: run the body, take the vector of the last
# token, and put a fresh linear layer on it:

# %%
message = "You have won! Text CLAIM to 80085 now"
ids = torch.tensor([tokenizer.encode_ordinary(message)], device=device)
C = gpt.config.emb_dim
torch.manual_seed(SEED)
head = torch.nn.Linear(C, len(names)).to(device)
with torch.no_grad():
    hidden = gpt.hidden(ids)  # (1, tokens, C)
    logits = head(hidden[:, -1])
print(tuple(hidden.shape), "->", tuple(logits.shape), logits)

# %% [markdown]
# `GPTClassifier` is that, as a module: the GPT, and beside it the head. Give it our
# head's numbers, and it must give our logits:

# %%
model = GPTClassifier(gpt, names, seed=SEED).to(device)
model.head.load_state_dict(head.state_dict())
model.eval()
with torch.no_grad():
    torch.testing.assert_close(model(ids), logits, atol=1e-5, rtol=1e-5)

# %% [markdown]
# ## Softmax: from two numbers to two probabilities
#
# The outputs are called *logits*, any numbers at all. Softmax makes probabilities of
# them: e to the power of each, divided by the sum, so they are positive and add up to
# 1.

# %%
powers = [math.exp(value) for value in logits[0].tolist()]
by_hand = [power / sum(powers) for power in powers]
assert abs(logits.softmax(-1)[0, 1].item() - by_hand[1]) < 1e-6
dict(zip(model.label_names, by_hand, strict=True))

# %% [markdown]
# To decide, take the larger, and for that softmax is not even needed: it keeps the
# order. It is needed to say how sure the model is, and for the loss in notebook 6.
#
# ## What it predicts before training
#
# The head is random, so its answers mean nothing yet. Class 0 is ham, class 1 is
# spam, as in the lecture. Look at the logits of eight messages:

# %%
dataset = SpamDataset(data.splits.validation, tokenizer, gpt.config.context_length)
batch = next(iter(make_loader(dataset, 8)))
model = GPTClassifier(gpt, names, seed=SEED).to(device).eval()
with torch.no_grad():
    logits = model(batch.ids.to(device), batch.lengths.to(device)).cpu()
table = pd.DataFrame(logits.numpy().round(2), columns=names)
table["predicted"] = [names[i] for i in logits.argmax(-1)]
table["true"] = [names[i] for i in batch.labels]
table

# %% [markdown]
# Do not trust eight messages. On the sample with the bundled GPT seven answers are
# right here, because this head happens to say spam to seven, and six of the eight
# are. Over the whole validation part it is right about half of the time, like a coin
# (notebook 6).
#
# ## Freeze: what trains and what stays
#
# The lecture trains the last block, the norm after it, and the new head. Everything
# below knows English already, and the task is small. PyTorch freezes by a flag on
# every parameter. By hand, as the lecture has it:

# %%
by_hand = copy.deepcopy(model)
for parameter in by_hand.parameters():
    parameter.requires_grad = False
for part in (by_hand.gpt.blocks[-1], by_hand.gpt.final_norm, by_hand.head):
    for parameter in part.parameters():
        parameter.requires_grad = True

# %% [markdown]
# The library's call, which also says what it did:

# %%
print(set_trainable(model, "last_block"))
pairs = zip(model.parameters(), by_hand.parameters(), strict=True)
assert all(ours.requires_grad == theirs.requires_grad for ours, theirs in pairs)

# %% [markdown]
# The same as a picture: the ledger of notebook 4, with the head on top, and what
# trains in another colour. For GPT-2 it is 7,090,946 of 124,441,346 parameters, 5.7
# %.

# %%
parts = [("token vectors", gpt.tok_emb), ("position vectors", gpt.pos_emb)]
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
# The body gives a vector for *every* token. Which one should the head read? A token
# gathers only from itself and those before it, so the answer can be drawn: how much
# does each token listen to each earlier one in the last block, on average over the
# heads?


# %%
def attention(gpt, ids):
    """(T, T): row t says how the token at t shares its attention out."""
    x = gpt.embed(ids)
    for block in gpt.blocks[:-1]:
        x = block(x)
    last, heads = gpt.blocks[-1], gpt.config.n_heads
    q, k, _ = last.attention.qkv(last.norm_1(x)).split(x.shape[-1], dim=2)
    q, k = (each.view(1, -1, heads, C // heads).transpose(1, 2) for each in (q, k))
    scores = q @ k.transpose(2, 3) / math.sqrt(C // heads)
    future = torch.ones_like(scores).triu(1).bool()
    return scores.masked_fill(future, -math.inf).softmax(-1).mean(1)[0].detach().cpu()


# %%
shares = attention(gpt, ids)
tokens = [tokenizer.decode([i]).strip() for i in ids[0].tolist()]
figure, axes = paper(
    f"Lower triangle: the first of {len(tokens)} tokens listens to itself alone, the "
    "last one to all.",
    5.6,
    4.6,
)
drawn = axes.imshow(shares * 100, cmap="Blues")
axes.set_xticks(range(len(tokens)), tokens, rotation=60, ha="right")
axes.set_yticks(range(len(tokens)), tokens)
axes.set_xlabel("listens to this token")
axes.set_ylabel("this token")
axes.grid(visible=False)
figure.colorbar(drawn, label="share of attention (%)")
figure

# %% [markdown]
# Everything above the diagonal is empty. (The first column is dark because trained
# GPTs park much of their attention on the first token when nothing else calls for it.
# It does not mean that this token knows most.) The first row has one cell: the first
# token knows nothing but itself. Only the last row reaches over the whole message. So
# **read the last token**. The proof for the first: two messages that begin alike have
# the same vector there, whatever follows.

# %%
one, two = (
    torch.tensor([tokenizer.encode_ordinary(text)], device=device)
    for text in ("Hi, you won a prize!", "Hi, what a day I had")
)
assert one[0, 0] == two[0, 0]
with torch.no_grad():
    torch.testing.assert_close(
        gpt.hidden(one)[:, 0], gpt.hidden(two)[:, 0], atol=1e-4, rtol=1e-4
    )

# %% [markdown]
# ## The last token, or the last column?
#
# In a padded batch the last *column* of a short message is padding. The lecture reads
# that column, `[:, -1]`. The padding has seen the message, too, and training can get
# used to it. But then the answer depends on how much padding there happens to be. See
# what the two ways, `pooling="last"` and `"last_real"`, say to one message with more
# and more of it. Both classifiers share the GPT, and their heads have the same
# numbers, because the seed is the same. Only the place of reading differs.

# %%
reads_last = GPTClassifier(gpt, names, "last", seed=SEED).to(device).eval()
paddings = range(0, 61, 4)
spam_logit = {"last": [], "last_real": []}
with torch.no_grad():
    for padding in paddings:
        end = torch.full((1, padding), tokenizer.eot_token, device=device)
        padded = torch.cat([ids, end], dim=1)
        length = torch.tensor([ids.shape[1]], device=device)
        spam_logit["last"].append(reads_last(padded, length)[0, 1].item())
        spam_logit["last_real"].append(model(padded, length)[0, 1].item())

# %%
moved = max(spam_logit["last"]) - min(spam_logit["last"])
figure, axes = paper(
    f"Two lines: read at the last column, the logit moves by {moved:.2f} with the "
    "padding; read at the last real token, it stays.",
    height=3.2,
)
for (pooling, values), color in zip(spam_logit.items(), (BLUE, ORANGE), strict=True):
    axes.plot(paddings, values, marker="o", color=color, label=f'pooling="{pooling}"')
axes.set_xlabel("padding behind the message (tokens)")
axes.set_ylabel(f"logit of {literal(names[1])}")
axes.legend(frameon=False)
figure

# %% [markdown]
# > **You should see** one level line, `last_real`, and one that starts at the same
# > point and leaves it. From here on we read the last real token; the collate
# > function brought its place along as `batch.lengths`. In the table of experiments
# > that goes with Raschka's book, this change raised the test accuracy from 95.00 %
# > to 98.33 %, one run each, on another split than the lecture's.
#
# Attention looks left and padding stands right, so a real token never sees any. That
# is why the answer stays the same, up to rounding:

# %%
level = torch.tensor(spam_logit["last_real"])
assert (level - level[0]).abs().max() < 1e-3

# %% [markdown]
# ## What just happened
#
# - At the end a head for 2 classes takes the place of the comparison with all tokens
#   (50,257 in GPT-2, 4,096 in the bundled GPT); the body stays.
# - `requires_grad` decides what trains: here the last block, the final norm and the
#   head.
# - Attention is causal, so the last real token is the one that has read everything,
#   and what it says does not depend on padding.
#
# ## Exercises
#
# Predict first, then compute. Replace the `...`; the cell below says nothing if you
# are right, and gives a hint if not. Solutions:
# `src/solutions/05_classification_head.py`.
#
# **1.** *Predict:* what does softmax make of two logits if 10 is added to both?
# Compute the probability of the second class for the logits 11 and 12.

# %% tags=["exercise-1"]
probability = ...

# %% tags=["check-1"]
if probability is not ...:
    expected = torch.tensor([1.0, 2.0]).softmax(-1)[1].item()
    assert abs(probability - expected) < 1e-6, (
        "Hint: e^12 / (e^11 + e^12); e^10 cancels. Do not round."
    )

# %% [markdown]
# **2.** *Predict:* how many parameters does the head have for twelve classes, on the
# model that you opened?

# %% tags=["exercise-2"]
head_of_twelve = ...

# %% tags=["check-2"]
if head_of_twelve is not ...:
    twelve = GPTClassifier(gpt, [f"class {k}" for k in range(12)]).head
    assert head_of_twelve == sum(p.numel() for p in twelve.parameters()), (
        "Hint: C weights and one bias for each class."
    )

# %% [markdown]
# **3.** *Predict:* a classifier reads `one` and `two` above, once with
# `pooling="first"` and once with `"last_real"`. In which case are the logits equal?
# Put the largest difference of each, in this order, into `differences`.

# %% tags=["exercise-3"]
differences = ..., ...

# %% tags=["check-3"]
if ... not in differences:
    for pooling, mine in zip(("first", "last_real"), differences, strict=True):
        reader = GPTClassifier(gpt, pooling=pooling, seed=SEED).to(device).eval()
        with torch.no_grad():
            right = (reader(one) - reader(two)).abs().max().item()
        assert abs(mine - right) < 1e-3, (
            f"Hint: GPTClassifier(gpt, pooling='{pooling}', seed=SEED).to(device), "
            "then .eval(); both through it, subtract, .abs().max()."
        )

# %% [markdown]
# **Next:** [6 · Loss and accuracy](06_loss_and_accuracy.ipynb): how wrong is it, in
# numbers?
