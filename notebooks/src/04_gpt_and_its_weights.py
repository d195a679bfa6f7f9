# %% [markdown]
# # 4 · Read a GPT, and load its pretrained weights
#
# - **You will** see what a GPT consists of and count its parameters, run one of its
#   blocks by hand, load pretrained weights into it, and hear it speak before and
#   after.
# - **You need** tokens and batches (notebook 3). What attention is, the lecture
#   series explains in earlier parts; here you see it at work.
# - **It takes** 20 minutes to read and some seconds to run.
#
# The lecture announces this at 26:06, after the loaders: *how can we load* the
# pretrained weights.

# %%
import inspect
import math

import pandas as pd
import torch
from torch.nn import functional as F

from spamft import pretrained
from spamft.gpt import GPT, Block, GPTConfig, generate
from spamft.plots import BLUE, ORANGE, paper, plot_ledger
from spamft.plumbing.device import pick_device
from spamft.sources import open_model

# %% tags=["parameters"]
MODEL = "gpt"  # or "gpt2", "tiny", a folder with a GPT-2
DEVICE = "auto"  # or "cuda", "mps", "cpu"
SEED = 123

# %% [markdown]
# ## The whole model in a few lines
#
# Each token id is replaced by a vector, a list of C numbers (*channels*), and the
# vector of its position is added, so that the model knows the order. These pass a
# stack of equal blocks. A *norm* brings the numbers of a vector to a common scale.
# What comes out is compared with the vector of every token of the vocabulary: the
# larger the product, the likelier the token comes next.

# %%
device = pick_device(DEVICE)
opened = open_model(MODEL)
gpt, tokenizer = opened.gpt.to(device), opened.tokenizer
print(opened.source, gpt.config, sep="\n")

# %%
print(inspect.getsource(GPT.hidden))
print(inspect.getsource(GPT.logits))

# %% [markdown]
# The sizes are all in the config: the vocabulary, the *context* (the most tokens that
# one input may have), the number of channels per token, of blocks, and of attention
# heads. GPT-2's are 50257, 1024, 768, 12 and 12.
#
# ## Where are the parameters?
#
# Add them up by part, in the order in which a message passes:

# %%
parts = [("token vectors", gpt.tok_emb), ("position vectors", gpt.pos_emb)]
parts += [(f"block {i}", block) for i, block in enumerate(gpt.blocks)]
parts += [("final norm", gpt.final_norm)]
ledger = pd.DataFrame(
    [(name, sum(p.numel() for p in part.parameters())) for name, part in parts],
    columns=["part", "parameters"],
)
print(f"{ledger['parameters'].sum():,} parameters")

# %% [markdown]
# The architecture as a picture: read it upwards, as the message goes. A bar's length
# is the number of parameters of that part.

# %%
plot_ledger(ledger.assign(trains=False))

# %% [markdown]
# Blocks are all alike, so their numbers can be worked out. With C channels a block
# has two norms (2 · 2C), the attention's two linear layers (C to 3C, C to C) and
# those of the MLP (C to 4C and back), which makes 12 C² + 13 C. By hand, against
# PyTorch's count:


# %%
def count(config):
    V, T = config.vocab_size, config.context_length
    C, L = config.emb_dim, config.n_layers
    return V * C + T * C + L * (12 * C**2 + 13 * C) + 2 * C


assert count(gpt.config) == sum(p.numel() for p in gpt.parameters())
print(f"GPT-2: {count(GPTConfig()):,}")

# %% [markdown]
# > **You should see** 124,439,808 for GPT-2: the "124M" in its name.
#
# ## One block, by hand
#
# A block does two things. First every token *gathers* from itself and those before it
# (attention). Then each *thinks* on its own (MLP: two linear layers with a bend,
# GELU, between them). Both add their result to the token's vector instead of
# replacing it, so that what was known stays. The first half in pieces:

# %%
tokens = tokenizer.encode_ordinary("You have won a free holiday")
ids = torch.tensor([tokens], device=device)
with torch.no_grad():
    x = gpt.embed(ids)  # (1, tokens, channels)
B, T, C = x.shape
block = gpt.blocks[0]
heads, D = gpt.config.n_heads, C // gpt.config.n_heads

# %% [markdown]
# `qkv` computes for every token a query (what it looks for), a key (what it offers)
# and a value (what it hands over). A token's query times every key says how much it
# listens to whom; later tokens are hidden from it; softmax makes shares of it. The
# channels are dealt out to several *heads*, which listen independently, each with D
# channels. Dividing by the root of D keeps the scores moderate.

# %%
with torch.no_grad():
    q, k, v = block.attention.qkv(block.norm_1(x)).split(C, dim=2)
    q, k, v = (each.view(B, T, heads, D).transpose(1, 2) for each in (q, k, v))
    scores = q @ k.transpose(2, 3) / math.sqrt(D)  # (1, heads, T, T)
    future = torch.ones(T, T, device=device).triu(1).bool()
    shares = scores.masked_fill(future, -math.inf).softmax(-1)

# %% [markdown]
# The rest: take that mixture of values, send it through `out`, add; then the MLP,
# add. PyTorch's fused attention, which the library calls, must give the same numbers:

# %%
with torch.no_grad():
    gathered = (shares @ v).transpose(1, 2).reshape(B, T, C)
    by_hand = x + block.attention.out(gathered)
    up = F.gelu(block.mlp.up(block.norm_2(by_hand)), approximate="tanh")
    by_hand = by_hand + block.mlp.down(up)
    torch.testing.assert_close(by_hand, block(x), atol=1e-4, rtol=1e-4)

# %% [markdown]
# A GPT is this block repeated, 12 times in GPT-2 and 5 in the bundled one, between
# the vectors and the final norm. In the library's version, in `spamft/gpt.py`, `past`
# only saves work while generating, and `dropout` is 0 here:

# %%
print(inspect.getsource(Block.forward))
print(inspect.getsource(Block.finish))

# %% [markdown]
# No token sees the future: that is what makes it possible to train on every position
# at once. Change the last token, and nothing before it moves:

# %%
other = ids.clone()
other[0, -1] = (ids[0, -1] + 1) % gpt.config.vocab_size
with torch.no_grad():
    assert torch.allclose(gpt(ids)[0, :-1], gpt(other)[0, :-1], atol=1e-4)

# %% [markdown]
# ## Before and after loading
#
# The architecture alone knows nothing. Here is the same GPT with random numbers for
# weights, and what it makes of a beginning:

# %%
untrained = GPT(gpt.config, seed=SEED).to(device)


def speak(model, prompt, tokens=20, **options):
    ids = torch.tensor([tokenizer.encode_ordinary(prompt)], device=device)
    return tokenizer.decode(generate(model, ids, tokens, **options)[0].tolist())


print(speak(untrained, "See you at the"))

# %% [markdown]
# And with the weights that pretraining found:

# %%
print(speak(gpt, "See you at the"))
print(speak(gpt, "See you at the", temperature=0.8, top_k=40, seed=SEED))

# %% [markdown]
# The first takes the likeliest token each time, the second draws one, which is
# livelier.
#
# "Better" can be measured. The loss of a text is the mean of −ln(probability that the
# model gave to each next token), in *nats* per token. Who knows nothing gives 1/V to
# each of V tokens and pays ln V. Random weights pay a little more: their guesses are
# uneven, and wrong.


# %%
@torch.no_grad()
def loss(model, text):
    ids = torch.tensor([tokenizer.encode_ordinary(text)], device=device)
    logits = model(ids)[0, :-1]  # each predicts the token after it
    return F.cross_entropy(logits, ids[0, 1:]).item()


text = "I will be home late tonight, so please feed the cat and do not wait for me."
print(f"knows nothing {math.log(gpt.config.vocab_size):.2f}")
print(
    f"random {loss(untrained, text):.2f}, pretrained {loss(gpt, text):.2f} nats a token"
)

# %% [markdown]
# Another view: the likeliest next tokens after "See you at the". The blue line is the
# highest probability that the random model gives to any token at all.


# %%
def next_tokens(model, prompt, count=8):
    ids = torch.tensor([tokenizer.encode_ordinary(prompt)], device=device)
    with torch.no_grad():
        top = model(ids)[0, -1].softmax(-1).topk(count)
    words = [tokenizer.decode([i]) for i in top.indices.tolist()]
    return words, top.values.cpu() * 100


words, after = next_tokens(gpt, "See you at the")
_, before = next_tokens(untrained, "See you at the")
figure, axes = paper(
    f"Bars: the pretrained model's likeliest next token has {after[0]:.1f} %; the "
    f"random model gives no token more than {before[0]:.2f} %."
)
shown = [repr(word) for word in words]
axes.barh(shown[::-1], after.flip(0), color=ORANGE, label="pretrained")
axes.axvline(before[0], color=BLUE, label="random weights, its likeliest")
axes.set_xlabel("probability (%)")
axes.set_ylabel("next token")
axes.legend(frameon=False)
figure

# %% [markdown]
# ## What loading is
#
# A weights file is a table from names to arrays. OpenAI's names are short,
# `h.0.attn.c_attn` for example; ours are words, and OpenAI stored its linear layers
# the other way round. One table in `spamft/pretrained.py` says which is which, for
# both directions. Its part for one block:

# %%
for ours, theirs, transposed in pretrained.LAYOUT.block:
    print(f"{theirs:14s} -> {ours:14s} {'transposed' if transposed else ''}")

# %% [markdown]
# `open_model` above called `load_gpt2`, which does this: find the file or download
# it, check the fingerprint of a fresh GPT-2 download, fill our model by the table,
# and refuse a file that lacks a weight or has an unknown one. Going there and back
# must change nothing:

# %%
there = pretrained.to_hf(gpt)
back = pretrained.from_hf(GPT(gpt.config, seed=SEED), there)
pairs = zip(gpt.parameters(), back.parameters(), strict=True)
assert all(torch.equal(before, after) for before, after in pairs)
print(len(there), "arrays, for example", list(there)[2:5])

# %% [markdown]
# ## What just happened
#
# - A GPT is two tables of vectors, a stack of equal blocks, and a norm: 124,439,808
#   parameters in GPT-2.
# - A block gathers (attention) and thinks (MLP); a dozen lines by hand give its
#   numbers.
# - Pretrained weights are arrays under other names. With them the loss of plain
#   English falls from about ln V to less than half of it with the bundled GPT.
#
# ## Exercises
#
# Predict first, then compute. Replace the `...`; the cell below says nothing if you
# are right, and gives a hint if not. Solutions:
# `src/solutions/04_gpt_and_its_weights.py`.
#
# **1.** *Predict:* which share of GPT-2's parameters are token vectors, from 0 to 1?
# Compute it from `GPTConfig()`.

# %% tags=["exercise-1"]
share_of_token_vectors = ...

# %% tags=["check-1"]
if share_of_token_vectors is not ...:
    config = GPTConfig()
    blocks = config.n_layers * (12 * config.emb_dim**2 + 13 * config.emb_dim)
    rest = blocks + 1024 * 768 + 2 * 768
    assert abs((1 - share_of_token_vectors) * count(config) - rest) < 1, (
        "Hint: vocab_size * emb_dim, divided by count(GPTConfig()). Do not round."
    )

# %% [markdown]
# **2.** *Predict:* to how many tokens may the third token listen, itself included?
# And what do its shares add up to?

# %% tags=["exercise-2"]
listens_to, adds_up_to = ..., ...

# %% tags=["check-2"]
if ... not in (listens_to, adds_up_to):
    may = (~future[2]).sum().item()
    assert listens_to == may and abs(float(adds_up_to) - 1) < 1e-5, (
        "Hint: look at shares[0, 0, 2], the first head's third row."
    )

# %% [markdown]
# **3.** *Predict:* is English with its words in random order as likely as before?
# Write `jumbled`, the same words as `text` in another order, and compare the losses.

# %% tags=["exercise-3"]
jumbled = ...

# %% tags=["check-3"]
if jumbled is not ...:
    same_words = sorted(jumbled.split()) == sorted(text.split())
    assert same_words and loss(gpt, jumbled) > loss(gpt, text), (
        "Hint: ' '.join(sorted(text.split())) keeps all words and spoils the order."
    )

# %% [markdown]
# **Next:** [5 · A classification head](05_classification_head.ipynb): two outputs
# instead of a vocabulary.
