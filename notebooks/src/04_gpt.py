# %% [markdown]
# # 4 · Look inside a GPT, and compute a block by hand
#
# - **You will** see what a GPT consists of, count its parameters, and compute one of
#   its blocks, and then the whole model, by hand.
# - **You need** tokens and batches (notebook 3).
# - **It takes** 25 minutes to read and 10 for the questions and exercises. It runs in
#   seconds.
#
# The 25-minute lecture takes what a GPT is made of from earlier parts of its series.
# The book, Sebastian Raschka's *Build a Large Language Model (From Scratch)*, builds it
# in chapters 3 and 4. The numbers inside it were found by pretraining; where they come
# from is notebook 4b.

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
# vector of C numbers, its [embedding](../docs/glossary.md#embedding), which is a row of
# a table. The C numbers are its [channels](../docs/glossary.md#channel). A second table
# has a vector for each position. It is added, so that the model knows the order. Open
# the model, and do so by hand:

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
    torch.testing.assert_close(x, gpt.tok_emb.weight[ids] + gpt.pos_emb.weight[:T])
print(tuple(ids.shape), "->", tuple(x.shape))

# %% [markdown]
# The sizes are in the config: the vocabulary, the
# [context](../docs/glossary.md#context) (the most tokens that one input may have), the
# number of channels, of blocks, and of attention heads. GPT-2's are 50257, 1024, 768,
# 12 and 12.
#
# ## The whole model in a few lines
#
# The vectors pass through a stack of [blocks](../docs/glossary.md#block), all built
# alike, and a final normalisation. The result is multiplied with the embedding of every
# token of the vocabulary: the larger the product, the likelier that token comes next.

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
# [Dropout](../docs/glossary.md#dropout) sets random numbers to zero while training, so
# that the model does not learn its examples by heart
# ([overfitting](../docs/glossary.md#overfitting)). `p=0.0` means off, as in the book's
# chapter on classification.
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
# All blocks have the same number, which can be worked out. With C channels a block has
# two normalisations (2 · 2C), the two linear layers of attention (C to 3C, C to C) and
# those of the MLP (C to 4C and back). Together that is 12 C² + 13 C:


# %%
def count(config):
    V, context = config.vocab_size, config.context_length
    C, L = config.emb_dim, config.n_layers
    return V * C + context * C + L * (12 * C**2 + 13 * C) + 2 * C


assert count(gpt.config) == sum(p.numel() for p in gpt.parameters())
print(f"this model {count(gpt.config):,}, GPT-2 {count(GPTConfig()):,}")

# %% [markdown]
# > **You should see** 124,439,808 for GPT-2: the "124M" in its name. The book's chapter
# > 4 counts 163,009,536, because its model has an output layer of its own (50,257 ·
# > 768) and no biases for query, key and value.
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
    centred = x - x.mean(-1, keepdim=True)
    normal = centred / (centred.pow(2).mean(-1, keepdim=True) + norm.eps).sqrt()
    normal = normal * norm.weight + norm.bias
    torch.testing.assert_close(normal, norm(x), atol=1e-4, rtol=1e-4)

# %% [markdown]
# ## Attention: what each token gathers, and from where
#
# The layer `qkv` makes three vectors of each token: a [query, a key and a
# value](../docs/glossary.md#query-key-value), which are what it looks for, what it
# offers, and what it hands over. The channels are divided among several *heads*, which
# work independently, each on D channels:

# %%
heads, D = gpt.config.n_heads, C // gpt.config.n_heads
with torch.no_grad():
    q, k, v = block.attention.qkv(normal).split(C, dim=2)
    q, k, v = (each.view(1, T, heads, D).transpose(1, 2) for each in (q, k, v))
print(tuple(q.shape), "is (1, heads, tokens, D)")

# %% [markdown]
# A query times a key is a score: how well the two fit. Dividing by the root of D keeps
# scores moderate. The [causal mask](../docs/glossary.md#causal-mask) hides later tokens
# by setting their scores to minus infinity. [Softmax](../docs/glossary.md#softmax)
# turns each row into shares that add up to 1. Here they are for the first head, in
# percent, one row per token:

# %%
with torch.no_grad():
    scores = q @ k.transpose(2, 3) / math.sqrt(D)  # (1, heads, T, T)
    future = torch.ones(T, T, device=device).triu(1).bool()
    shares = scores.masked_fill(future, -math.inf).softmax(-1)
pd.DataFrame((shares[0, 0] * 100).round().int().cpu(), index=words, columns=words)

# %% [markdown]
# Everything above the diagonal is 0. The first column is large: trained GPTs often
# leave on the first token the attention that nothing else calls for. Few heads are as
# easy to read as this one of the bundled GPT, which has found out whom "his" means in
# another sentence (the picture counts blocks from 1, the code from 0):

# %%
diagrams.attention()

# %% [markdown]
# ## The rest of the block
#
# Each token takes that mixture of values; the layer `out` follows, then the first
# addition. The MLP has two linear layers with [GELU](../docs/glossary.md#gelu) between
# them, a curve that keeps large numbers and makes negative ones nearly 0. Without it,
# two linear layers could do no more than one. Then the second addition. The library's
# block, with PyTorch's fused attention, must give the same numbers:

# %%
with torch.no_grad():
    gathered = (shares @ v).transpose(1, 2).reshape(1, T, C)
    by_hand = x + block.attention.out(gathered)
    up = F.gelu(block.mlp.up(block.norm_2(by_hand)), approximate="tanh")
    by_hand = by_hand + block.mlp.down(up)
    torch.testing.assert_close(by_hand, block(x), atol=1e-4, rtol=1e-4)

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
# to come next; so does that of every other position. No token sees the future, so a
# model can be trained on every position of a text at once. Change the last token, and
# the outputs before it stay:

# %%
other = ids.clone()
other[0, -1] = (ids[0, -1] + 1) % gpt.config.vocab_size
with torch.no_grad():
    assert torch.allclose(gpt(ids)[0, :-1], gpt(other)[0, :-1], atol=1e-4)

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
# Three questions that the page does not answer word for word. Replace the first `...`
# by `"a"`, `"b"` or `"c"` and the second by how sure you are, from 0.33 (drawn by lot)
# to 1. Your answer is kept in `guesses.json`, and then explained.

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
# Compute it from `GPTConfig()`:

# %% tags=["exercise-1"]
share_of_embedding = ...

# %% tags=["check-1"]
check("4.1", share_of_embedding)

# %% [markdown]
# **2.** *Guess:* to how many tokens can the third token attend, itself included?

# %% tags=["guess-2"]
guess("4.2", ..., sure=...)

# %% [markdown]
# Give that number, and what its shares add up to:

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
