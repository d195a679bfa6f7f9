# %% [markdown]
# # 4b · Load pretrained weights, and let them write
#
# - **You will** see what a GPT writes before and after its weights are loaded, measure
#   the difference, train a few steps yourself, and draw the next token by hand.
# - **You need** the GPT of notebook 4.
# - **It takes** 25 minutes to read, 20 for the questions and exercises. It runs in
#   seconds with the small GPT.
#
# The lecture ends with a look ahead at this, at 26:08: how can we load the pretrained
# weights. In the book: chapter 5 and section 6.4; its `load_weights_into_gpt` is our
# `pretrained.load_gpt2` ([all names](../docs/lecture.md)).

# %%
import json
import math

import torch
from torch.nn import functional as F

from spamft import diagrams, pretrained
from spamft.check import ask, check, guess
from spamft.diagrams.examples import next_tokens
from spamft.gpt import GPT, generate
from spamft.plots import BLUE, GREY, ORANGE, paper
from spamft.plumbing.device import pick_device
from spamft.sources import open_model
from spamft.tokenizer import TINY

# %% tags=["parameters"]
MODEL = "gpt"  # or "gpt2", "tiny", a folder with a GPT-2
DEVICE = "auto"  # or "cuda", "mps", "cpu"
SEED = 123

# %% [markdown]
# ## Before and after loading
#
# The architecture alone knows nothing. Here is the same GPT twice: with random weights,
# and with those of a file.

# %%
device = pick_device(DEVICE)
opened = open_model(MODEL)
gpt, tokenizer = opened.gpt.to(device), opened.tokenizer
untrained = GPT(gpt.config, seed=SEED).to(device)
print(opened.source)

# %% [markdown]
# Let both continue a text, one token at a time, always with the likeliest one.
# (`**options` hands further settings on to `generate`; they come at the page's end.)


# %%
def write(model, prompt, tokens=20, **options):
    ids = torch.tensor([tokenizer.encode_ordinary(prompt)], device=device)
    return tokenizer.decode(generate(model, ids, tokens, **options)[0].tolist())


print("random:    ", write(untrained, "See you at the"))
print("pretrained:", write(gpt, "See you at the"))

# %% [markdown]
# ## Each token predicts the next
#
# [Pretraining](../docs/glossary.md#pretraining) asks one thing of a model, at every
# token of a text: a probability for the token that follows. No person has to label
# anything, because the text has the answers.

# %%
sentence = "He left the keys on the table in the hall"
diagrams.next_token(next_tokens(gpt, tokenizer, sentence))

# %% [markdown]
# The loss of a text is the mean of −ln(p) over its tokens. Here p is the probability
# that the model gave to the token that did come, and ln is the natural logarithm,
# `math.log`; its unit is called a *nat*. A loss of 0 is certain and right. It is the
# [cross-entropy](../docs/glossary.md#cross-entropy) of notebook 6, which takes its time
# over it, with the tokens of the vocabulary as classes. By hand, and with PyTorch:


# %%
@torch.no_grad()  # the whole function, without training
def loss(model, text):
    ids = torch.tensor([tokenizer.encode_ordinary(text)], device=device)
    logits = model(ids)[0, :-1]  # each predicts the token after it
    return F.cross_entropy(logits, ids[0, 1:]).item()


chances = next_tokens(gpt, tokenizer, sentence).chances
by_hand = sum(-math.log(p) for p in chances) / len(chances)
assert abs(by_hand - loss(gpt, sentence)) < 1e-4
print(f"{by_hand:.2f} nats per token")

# %% [markdown]
# Is that good? A model that knows nothing gives each of the V tokens probability 1/V;
# its loss is ln V. Random weights do a little worse here: they prefer some tokens,
# without a reason. e to the power of the loss is the
# [perplexity](../docs/glossary.md#perplexity): among how many equally likely tokens the
# model hesitates.

# %%
text = "I will be home late tonight, so please feed the cat and do not wait for me."
losses = {"knows nothing": math.log(gpt.config.vocab_size)}
losses |= {"random weights": loss(untrained, text), "pretrained": loss(gpt, text)}
for what, nats in losses.items():
    print(f"{what:15s}{nats:5.2f} nats per token, perplexity {math.exp(nats):,.0f}")

# %% [markdown]
# ## Where the weights come from
#
# From making that loss small. Take the random model and one sentence, and move all
# weights a little in the direction in which the loss falls, twenty times. (Notebook 7
# explains such a loop line by line.)

# %%
learner = GPT(gpt.config, seed=SEED).to(device)
optimizer = torch.optim.AdamW(learner.parameters(), lr=1e-3)
ids = torch.tensor([tokenizer.encode_ordinary(sentence)], device=device)
for step in range(20):
    nats = F.cross_entropy(learner(ids)[0, :-1], ids[0, 1:])
    if step % 5 == 0:
        print(f"after {step:2d} steps: {nats.item():.2f} nats per token")
    optimizer.zero_grad()
    nats.backward()
    optimizer.step()

# %%
print(f"{loss(learner, sentence):.2f} this sentence, {loss(learner, text):.2f} another")
print(write(learner, "He left", tokens=8))

# %% [markdown]
# It knows one sentence by heart, and little else. Pretraining takes the same steps on
# many texts, so that no single one can be learned by heart, and what helps with all of
# them is learned: spelling, grammar, which word follows which. The bundled GPT saw 28.7
# million tokens, mostly novels, sentences and chats ([the
# list](../docs/pretraining-texts.md)), in 96 minutes on two cores. This is what was
# written down then:

# %%
history = json.loads((TINY / "history.json").read_text())
seen = [row["tokens"] / 1e6 for row in history]
nats = [row["train_loss"] for row in history]

# %%
figure, axes = paper(
    f"The loss of the bundled GPT in pretraining falls from {nats[0]:.2f} after "
    f"{seen[0]:.0f} million tokens to {nats[-1]:.2f} after {seen[-1]:.0f}.",
    height=3,
)
axes.plot(seen, nats, color=BLUE, marker="o", label="training loss")
axes.axhline(math.log(4096), color=GREY, label="ln 4,096: knows nothing")
axes.set_xlabel("tokens seen (millions)")
axes.set_ylabel("loss (nats per token)")
axes.set_ylim(bottom=0)
axes.legend(frameon=False)
figure

# %% [markdown]
# The first steps bring most, and at the end it is still falling. OpenAI's GPT-2 was
# pretrained on 40 GB of text from web pages, says its paper. No course can repeat that,
# but its weights are a file that anybody can load.
#
# ## What loading is
#
# A file of weights is a table from names to arrays. The names in Hugging Face's file
# are OpenAI's, ours are words, and OpenAI stored its linear layers transposed. One
# table in `spamft/pretrained.py` says which is which. Its part for one block:

# %%
for ours, theirs, transposed in pretrained.LAYOUT.block:
    print(f"{theirs:14s} -> {ours:14s} {'transposed' if transposed else ''}")

# %% [markdown]
# The book has names of its own:
#
# | the book's | ours |
# |---|---|
# | `trf_blocks` | `blocks` |
# | `att.W_query`, `W_key`, `W_value`: three layers | `attention.qkv`: one |
# | `att.out_proj` | `attention.out` |
# | `norm1`, with `scale` and `shift` | `norm_1`, with `weight` and `bias` |
# | `ff.layers[0]`, `ff.layers[2]` | `mlp.up`, `mlp.down` |
#
# By hand, for one array of the first block (`.T` transposes it):

# %%
exported = pretrained.to_hf(gpt)  # by their names
theirs = exported["transformer.h.0.mlp.c_fc.weight"]
ours = gpt.blocks[0].mlp.up.weight
assert torch.equal(theirs.T.to(device), ours)
print(tuple(theirs.shape), "there,", tuple(ours.shape), "here")

# %% [markdown]
# `open_model` above called `load_gpt2`. It finds the file or downloads it, checks the
# fingerprint of a fresh GPT-2 download, fills our model by the table, and refuses a
# file that lacks a weight or has an unknown one. (With GPT-2 you can repeat the book's
# check: `write(gpt, "Every effort moves you")` should go on in good English.) Exporting
# and loading again must change nothing:

# %%
again = pretrained.from_hf(GPT(gpt.config, seed=SEED), exported)
pairs = zip(gpt.parameters(), again.parameters(), strict=True)
assert all(torch.equal(one.cpu(), two.cpu()) for one, two in pairs)
print(len(exported), "arrays, for example", list(exported)[2:5])

# %% [markdown]
# ## How the next token is chosen
#
# The model gives probabilities; which token is written is a choice. These are the
# likeliest after "See you at the". The blue line, close to the left edge, is the
# highest probability that the random model gives to any token at all.

# %%
ids = torch.tensor([tokenizer.encode_ordinary("See you at the")], device=device)
with torch.no_grad():
    logits = gpt(ids)[0, -1].cpu()  # (V,)
    before = untrained(ids)[0, -1].softmax(-1).max().item() * 100
after, likeliest = (logits.softmax(-1) * 100).topk(8)  # the 8 largest, and their ids
shown = [repr(tokenizer.decode([i])) for i in likeliest.tolist()]

# %%
figure, axes = paper(
    f"Bars: the pretrained model's likeliest next token has {after[0]:.1f} %; the "
    f"random model gives no token more than {before:.2f} %.",
    height=3.2,
)
axes.barh(shown[::-1], after.flip(0), color=ORANGE, label="pretrained")
words_for_it = f"random weights: never more than {before:.2f} %"
axes.axvline(before, color=BLUE, linewidth=3, label=words_for_it)
axes.set_xlabel("probability (%)")
axes.set_ylabel("next token")
axes.legend(frameon=False)
figure

# %% [markdown]
# Always taking the likeliest soon goes in circles. To *draw* by these probabilities is
# livelier. Two numbers keep it sensible: `top_k` leaves only the k likeliest, and the
# *temperature* divides the logits first. Below 1 it makes likely tokens likelier still;
# above 1 it evens them out. By hand:


# %%
def probabilities(logits, temperature, top_k):
    kept = torch.full_like(logits, -math.inf)
    best = logits.topk(top_k).indices
    kept[best] = logits[best]
    return (kept / temperature).softmax(-1)


for temperature in (0.5, 1.0, 2.0):
    row = probabilities(logits, temperature, top_k=40)[likeliest]
    print(f"temperature {temperature}:", *(f"{p:6.1%}" for p in row.tolist()))

# %% [markdown]
# Draw one token by hand, and compare with the library's, from the same seed:

# %%
generator = torch.Generator(device).manual_seed(SEED)
mine = probabilities(logits.to(device), 0.8, top_k=40)
mine = torch.multinomial(mine, 1, generator=generator)  # one id, drawn by these
theirs = generate(gpt, ids, 1, temperature=0.8, top_k=40, seed=SEED)[0, -1:]
assert torch.equal(mine, theirs)
print(write(gpt, "See you at the", temperature=0.8, top_k=40, seed=SEED))

# %% [markdown]
# ## What just happened
#
# - Pretraining lowers one number, the mean of −ln(p) of the next token. The texts have
#   the answers.
# - Weights are arrays under other names. With the bundled GPT's, the loss of a plain
#   English sentence was less than half of ln V.
# - The model gives probabilities; temperature and `top_k` say how one token is drawn.
#
# ## What if?
#
# Three questions. Below each put a letter for the first `...`, and for the second the
# chance that you are right, from 0.33 (a blind guess) to 1. Then each choice is
# explained.

# %%
ask("4b.q1")

# %% tags=["guess-q1"]
guess("4b.q1", ..., sure=...)

# %% [markdown]
# The second one:

# %%
ask("4b.q2")

# %% tags=["guess-q2"]
guess("4b.q2", ..., sure=...)

# %% [markdown]
# And the third:

# %%
ask("4b.q3")

# %% tags=["guess-q3"]
guess("4b.q3", ..., sure=...)

# %% [markdown]
# ## Exercises
#
# Guess, then compute. A number that you guess counts as right within a tenth.
# Solutions: `src/solutions/04b_pretrained_weights.py`.
#
# **1.** A model gives the three next tokens of a text the probabilities 1/2, 1/4 and
# 1/8. *Guess:* what is its perplexity?

# %% tags=["guess-1"]
guess("4b.1", ..., sure=...)

# %% [markdown]
# Compute it from the definition:

# %% tags=["exercise-1"]
perplexity = ...

# %% tags=["check-1"]
check("4b.1", perplexity)

# %% [markdown]
# **2.** *Guess:* is English with its words in another order as likely as before,
# `"yes"` or `"no"`?

# %% tags=["guess-2"]
guess("4b.2", ..., sure=...)

# %% [markdown]
# Write `jumbled`: the words of `text.split()` in another order, commas and full stop
# included, joined by spaces. Its loss is compared:

# %% tags=["exercise-2"]
jumbled = ...

# %% tags=["check-2"]
check("4b.2", jumbled, text=text, loss=loss, gpt=gpt)

# %% [markdown]
# **3.** One block is left out of the pretrained model, the others stay. *Guess:* does
# the loss of `text` rise most without the `"first"` or without the `"last"`?

# %% tags=["guess-3"]
guess("4b.3", ..., sure=...)

# %% [markdown]
# Measure it: a list with the loss of `text` without block 0, without block 1, and so
# on, one number per block. (What a block gets and gives has the same shape, so the
# others still run.)

# %% tags=["exercise-3"]
without = ...

# %% tags=["check-3"]
check("4b.3", without, text=text, tokenizer=tokenizer, gpt=gpt)

# %% [markdown]
# **Next:** [5 · A classification head](05_classification_head.ipynb): two outputs
# instead of a vocabulary.
