# %% [markdown]
# # 4 · Look inside a GPT, and compute a block by hand
#
# - **You will** see what a GPT consists of, count its parameters, and compute one of
#   its blocks, and then the whole model, by hand.
# - **You need** tokens and batches (notebook 3).
# - **It takes** 30 minutes to read, 15 for the questions and exercises. It runs in
#   seconds.
#
# The lecture takes what a GPT is made of from earlier parts of its series. In the book:
# chapters 3 and 4; its `GPTModel` and `TransformerBlock` are our `GPT` and `Block`
# ([all names](../docs/lecture.md)). If you know them, read "Where are the parameters?"
# and go on to notebook 4b. In a hurry, run the cells of attention without reading their
# code.

# %%
import inspect
import math

import pandas as pd
import torch
from torch.nn import functional as F

from spamft import diagrams
from spamft.check import ask, check, guess
from spamft.gpt import GPT, GPTConfig
from spamft.plots import plot_ledger
from spamft.plumbing.device import pick_device
from spamft.sources import open_model

# %% tags=["parameters"]
MODEL = "gpt"  # or "gpt2", "tiny", a folder with a GPT-2
DEVICE = "auto"  # or "cuda", "mps", "cpu"

# %% [markdown]
# ## From ids to vectors
#
# A token id says which token it is, and nothing about it. So each id is replaced by a
# vector, a list of C numbers, its [embedding](../docs/glossary.md#embedding), which is
# a row of a table. The C numbers are its [channels](../docs/glossary.md#channel). A
# second table has a vector for each position. It is added, so that the model knows the
# order. On this page T is the number of tokens of the text, C that of channels, D that
# of the channels of one attention head, V that of tokens in the vocabulary and L that
# of blocks. Open the model, and look up the vectors by hand:

# %%
device = pick_device(DEVICE)
opened = open_model(MODEL)
gpt, tokenizer = opened.gpt.to(device), opened.tokenizer
print(opened.source, gpt.config, sep="\n")

# %%
ids = tokenizer.encode_ordinary("You have won a free holiday")
words = [tokenizer.decode([i]).strip() for i in ids]
ids = torch.tensor([ids], device=device)
T, C = ids.shape[1], gpt.config.emb_dim
with torch.no_grad():
    x = gpt.embed(ids)
    by_hand = gpt.tok_emb.weight[ids] + gpt.pos_emb.weight[:T]  # the row of each id
torch.testing.assert_close(x, by_hand)  # an error, if they differ
print(tuple(ids.shape), "->", tuple(x.shape))

# %% [markdown]
# The first 1 is one text: the model reads several at once, and their number is called
# B. `no_grad` says that nothing is trained, so nothing is kept for it.
#
# The sizes are in the config: the vocabulary, the
# [context](../docs/glossary.md#context) (the most tokens that one input may have), the
# number of channels, of blocks, and of attention heads. GPT-2's are 50257, 1024, 768,
# 12 and 12. Its larger relatives, `MODEL = "gpt2-medium"`, `"gpt2-large"` and
# `"gpt2-xl"`, have 1,024, 1,280 and 1,600 channels.
#
# ## The whole model in a few lines
#
# The vectors pass through a stack of [blocks](../docs/glossary.md#block), all built
# alike, and a final normalisation. The result is multiplied with the embedding of every
# token of the vocabulary: number by number, and added up. This product is large if the
# two vectors point the same way; the larger, the likelier that token comes next. (In
# the code `F.linear(a, W)` makes all these products, and `...` stands for (B, T).)

# %%
print(inspect.getsource(GPT.hidden))
print(inspect.getsource(GPT.logits))

# %% [markdown]
# One block, printed, shows its layers. (It is the book's `TransformerBlock` and Hugging
# Face's `GPT2Block`.)

# %%
block = gpt.blocks[0]
block

# %% [markdown]
# A `Linear` multiplies a vector by a matrix and adds a second vector, the bias.
# `out_features` of `qkv` is 3 C: three vectors of C numbers, used below.
# [Dropout](../docs/glossary.md#dropout) sets random numbers to zero while training, so
# that the model does not learn its examples by heart
# ([overfitting](../docs/glossary.md#overfitting)). `p=0.0` means off, as in the book's
# chapter 6; when the book pretrains, it is 0.1. Ignore `eps` and the other options.
#
# ## Where are the parameters?
#
# Add them up by part, in the order in which a message passes. A bar's length is the
# number of parameters:

# %%
parts = [("token embedding", gpt.tok_emb), ("position embedding", gpt.pos_emb)]
parts += [(f"block {i}", each) for i, each in enumerate(gpt.blocks)]
parts += [("final norm", gpt.final_norm)]
ledger = pd.DataFrame(
    [(name, sum(p.numel() for p in part.parameters())) for name, part in parts],
    columns=["part", "parameters"],
)
plot_ledger(ledger.assign(trains=False))

# %% [markdown]
# All blocks have the same number, which can be worked out. A linear layer from C to 3C
# channels has 3C² numbers in its matrix and 3C in its bias:
#
# | layers of a block | parameters |
# |---|---|
# | two normalisations | 4C |
# | `qkv`, C to 3C | 3C² + 3C |
# | `out`, C to C | C² + C |
# | `up`, C to 4C | 4C² + 4C |
# | `down`, 4C to C | 4C² + C |
# | together | 12C² + 13C |


# %%
def count(config):
    V, context = config.vocab_size, config.context_length
    C, L = config.emb_dim, config.n_layers
    return V * C + context * C + L * (12 * C**2 + 13 * C) + 2 * C


assert count(gpt.config) == sum(p.numel() for p in gpt.parameters())
print(f"this model {count(gpt.config):,}, GPT-2 {count(GPTConfig()):,}")

# %% [markdown]
# > **You should see** 124,439,808 for GPT-2: the "124M" in its name. The book's chapter
# > 4 has 163,009,536, with an output layer of its own (50,257 · 768) and no biases for
# > query, key and value (12 · 3 · 768); without that layer it has 124,412,160. Its
# > chapters 5 and 6 have both the layer and the biases: 163,037,184.
#
# ## A block, and its two additions
#
# A block does two things. In [attention](../docs/glossary.md#attention) every token
# gathers information from itself and the tokens before it. Then an
# [MLP](../docs/glossary.md#mlp) (the book's `FeedForward`) changes each token's vector
# on its own. Each adds its result to the token's vector (a [residual
# connection](../docs/glossary.md#residual-connection), in the book *shortcut
# connection*), so earlier information is kept.

# %%
diagrams.block(gpt.config)

# %% [markdown]
# Both begin with a [layer normalisation](../docs/glossary.md#layer-normalisation): it
# shifts and scales each vector to mean 0 and variance 1, then multiplies each channel
# by one learned number and adds another. That keeps a deep network trainable. By hand:

# %%
norm = block.norm_1
with torch.no_grad():
    # -1: over the last direction, the channels; keepdim: the mean fits x's shape
    centred = x - x.mean(-1, keepdim=True)
    normal = centred / (centred.pow(2).mean(-1, keepdim=True) + norm.eps).sqrt()
    normal = normal * norm.weight + norm.bias
    torch.testing.assert_close(normal, norm(x), atol=1e-4, rtol=1e-4)  # but rounding
print("equal")

# %% [markdown]
# ## Attention: what each token gathers, and from where
#
# The layer `qkv` makes three vectors of each token: a [query, a key and a
# value](../docs/glossary.md#query-key-value), which are what it looks for, what it
# offers, and what it hands over. A query times a key is a score: how well the two fit.
# [Softmax](../docs/glossary.md#softmax) makes e^score of each score and divides by
# their sum, so they become shares that add up to 1. The token gathers that share of
# each value. With made-up numbers, three tokens and D = 2, seen from the third token:

# %%
query = torch.tensor([1.0, 2.0])  # of the third token
keys = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])  # a row per token
values = torch.tensor([[10.0, 0.0], [0.0, 10.0], [0.0, 0.0]])
fit = keys @ query / math.sqrt(2)  # @: each row times the query
share = fit.softmax(0)
print("scores", fit, "\nshares", share, "\ngathers", share @ values)

# %% [markdown]
# The second token fits better than the first, so more of its value is gathered.
#
# The next two cells do this for all tokens at once. The channels are divided among
# several *heads*, which work independently, each on D channels. (You may skip the code:
# `split` takes query, key and value apart, `view` and `transpose` sort them by head.)

# %%
heads, D = gpt.config.n_heads, C // gpt.config.n_heads
with torch.no_grad():
    q, k, v = block.attention.qkv(normal).split(C, dim=2)
    q, k, v = (each.view(1, T, heads, D).transpose(1, 2) for each in (q, k, v))
print(tuple(q.shape), "is (1, heads, tokens, D)")

# %% [markdown]
# Dividing by the root of D keeps scores moderate. The [causal
# mask](../docs/glossary.md#causal-mask) hides later tokens by setting their scores to
# minus infinity, so their shares are 0. Here are the shares of the first head, in
# percent, one row per token:

# %%
with torch.no_grad():
    scores = q @ k.transpose(2, 3) / math.sqrt(D)  # (1, heads, T, T)
    future = torch.ones(T, T, device=device).triu(1).bool()  # right of the diagonal
    shares = scores.masked_fill(future, -math.inf).softmax(-1)
pd.DataFrame((shares[0, 0] * 100).round().int().cpu(), index=words, columns=words)

# %% [markdown]
# Everything above the diagonal is 0. The first column is large: trained GPTs often
# leave on the first token the attention that nothing else calls for. Most heads are
# hard to read. The picture shows the easiest of the bundled GPT's 25, on another
# sentence (blocks and heads are counted from 0). There "his" looks most at "man", which
# is plausible, and no proof:

# %%
diagrams.attention()

# %% [markdown]
# ## The rest of the block
#
# Each token takes that mixture of values; the layer `out` follows, then the first
# addition. The MLP has two linear layers with [GELU](../docs/glossary.md#gelu) between
# them, a curve that keeps large numbers and makes very negative ones nearly 0. Without
# it, two linear layers could do no more than one. Then the second addition. The
# library's block, with PyTorch's fused attention, must give the same numbers:

# %%
with torch.no_grad():
    gathered = (shares @ v).transpose(1, 2).reshape(1, T, C)
    by_hand = x + block.attention.out(gathered)
    up = F.gelu(block.mlp.up(block.norm_2(by_hand)), approximate="tanh")
    by_hand = by_hand + block.mlp.down(up)
    torch.testing.assert_close(by_hand, block(x), atol=1e-4, rtol=1e-4)
print("equal")

# %% [markdown]
# ## The whole way, with the shapes
#
# A GPT repeats this block, 12 times in GPT-2 and 5 in the bundled one; each has numbers
# of its own. The shape stays (1, T, C) all the way up. Only the output layer changes
# it: a [logit](../docs/glossary.md#logit) for each token of the vocabulary, at each
# position.

# %%
with torch.no_grad():
    y = x
    for each in gpt.blocks:
        y = each(y)
    y = gpt.final_norm(y)
    logits = y @ gpt.tok_emb.weight.T
    torch.testing.assert_close(logits, gpt(ids), atol=1e-3, rtol=1e-3)
print("ids", tuple(ids.shape), "-> vectors", tuple(y.shape), end=" ")
print("-> logits", tuple(logits.shape))

# %% [markdown]
# The last position's largest logit belongs to the token that the model holds likeliest
# to come next; so does that of every other position. Each position must name its next
# token without having seen it, so one text of T tokens gives T − 1 exercises at once.
# Change the last token, and the outputs before it stay:

# %%
other = ids.clone()
other[0, -1] = (ids[0, -1] + 1) % gpt.config.vocab_size
with torch.no_grad():
    assert torch.allclose(gpt(ids)[0, :-1], gpt(other)[0, :-1], atol=1e-4)
print("equal")

# %% [markdown]
# ## What just happened
#
# - A GPT is two embeddings, a stack of equal blocks, and a normalisation: 124,439,808
#   parameters in GPT-2.
# - A block is attention and an MLP, each added to what came in; a dozen lines by hand
#   give its numbers.
# - The output layer is the token embedding, used a second time.
#
# ## What if?
#
# Three questions. Below each put a letter for the first `...`, and for the second the
# chance that you are right, from 0.33 (a blind guess) to 1. Then each choice is
# explained.

# %%
ask("4.q1")

# %% tags=["guess-q1"]
guess("4.q1", ..., sure=...)

# %% [markdown]
# The second one:

# %%
ask("4.q2")

# %% tags=["guess-q2"]
guess("4.q2", ..., sure=...)

# %% [markdown]
# And the third:

# %%
ask("4.q3")

# %% tags=["guess-q3"]
guess("4.q3", ..., sure=...)

# %% [markdown]
# ## Exercises
#
# Guess, then compute. A number that you guess counts as right within a tenth.
# Solutions: `src/solutions/04_gpt.py`.
#
# **1.** *Guess:* which share of GPT-2's parameters is the token embedding, from 0 to 1?

# %% tags=["guess-1"]
guess("4.1", ..., sure=...)

# %% [markdown]
# Compute it from `GPTConfig()`, without rounding:

# %% tags=["exercise-1"]
share_of_embedding = ...

# %% tags=["check-1"]
check("4.1", share_of_embedding)

# %% [markdown]
# **2.** *Guess:* to how many tokens can the third token attend, itself included?

# %% tags=["guess-2"]
guess("4.2", ..., sure=...)

# %% [markdown]
# Give that number, and what the shares in its row of `shares` add up to (the table
# above is in percent, `shares` is not):

# %% tags=["exercise-2"]
attends_to, adds_up_to = ..., ...

# %% tags=["check-2"]
check("4.2", (attends_to, adds_up_to))

# %% [markdown]
# **3.** *Guess:* take the position embedding away, and swap the first two tokens. Does
# the first block give the last token another vector than before, `"yes"` or `"no"`?

# %% tags=["guess-3"]
guess("4.3", ..., sure=...)

# %% [markdown]
# Compute it: put `ids` through `gpt.tok_emb` alone, then through `block`, and once more
# with the first two ids swapped. `difference` is the largest between the last token's
# two vectors, as a positive number.

# %% tags=["exercise-3"]
difference = ...

# %% tags=["check-3"]
check("4.3", difference, block=block, tokens=gpt.tok_emb(ids), vectors=x)

# %% [markdown]
# **Next:** [4b · Pretrained weights](04b_pretrained_weights.ipynb): where its numbers
# come from, and what it writes with them.
