# %% [markdown]
# # 0 · Ask a GPT, and see what finetuning is for
#
# - **You will** let a pretrained GPT continue text, ask it in words whether a message
#   is spam, watch it fail, and compute what each type of finetuning would cost.
# - **You need** a little Python. PyTorch helps, but nothing here trains yet.
# - **It takes** 15 minutes to read; some seconds to run with the small GPT, longer
#   with GPT-2, and the first time its download.
# - **A file of your own** works, too: `DATA = "mine.csv"`, with two classes and at
#   least 100 messages of each; TEXT and LABEL name its columns, if they are not Text
#   and Label. The class that comes second by name stands where spam does here.
#
# This is the part of the lecture up to 15:00: *pretraining and finetuning, the types
# of finetuning*. The notebooks after this one do what this one only counts.

# %%
import pandas as pd
import torch

from spamft.classifier import GPTClassifier, set_trainable
from spamft.data import balance
from spamft.gpt import GPT, GPTConfig, generate
from spamft.plots import BLUE, GREY, ORANGE, paper
from spamft.plumbing.device import pick_device
from spamft.reading.layout import Layout
from spamft.sources import open_messages, open_model
from spamft.sources.lessons import lesson_names

# %% [markdown]
# Three knobs. `DATA` takes the lecture's messages (0.2 MB) and `MODEL` OpenAI's GPT-2
# (548 MB, downloaded once). Where these cannot be had, the sample and the small GPT
# that come with spamft are taken. To spare the download, write `MODEL = "tiny"`.
# `DEVICE` is where the model runs: `"auto"` takes a GPU if there is one.

# %% tags=["parameters"]
DATA = "auto"
TEXT, LABEL = None, None  # the columns of a file of your own
MODEL = "gpt"
DEVICE = "auto"  # or "cuda", "mps", "cpu"

# %% [markdown]
# ## A pretrained GPT continues text
#
# **Pretraining** showed the model a lot of text with one task: guess the next token
# (a token is a word or a piece of one). Opening such a model takes one call, which
# also says where it came from:

# %%
device = pick_device(DEVICE)
opened = open_model(MODEL)
gpt, tokenizer = opened.gpt.to(device), opened.tokenizer
print(opened.source)

# %% [markdown]
# A model only sees numbers. So: text to token ids, ids through the model, new ids
# back to text. `generate` takes the likeliest token, appends it, and asks again.


# %%
def continue_text(prompt, tokens=16):
    ids = torch.tensor([tokenizer.encode_ordinary(prompt)], device=device)
    longer = generate(gpt, ids, tokens)
    return tokenizer.decode(longer[0, ids.shape[1] :].tolist())


continue_text("I will be late tonight, so please")

# %% [markdown]
# It has learned English, more or less: the small bundled GPT read 58 MB of novels and
# chat, GPT-2 some 40 GB of the web. Is that enough to sort messages?
#
# ## Ask it in words
#
# The obvious idea: ask. Here are two messages, one of each class, and the question of
# Raschka's book, with the word "Answer:" added to help the model:

# %%
question = "Is the following text '{}'? Answer with 'yes' or 'no': '{}' Answer:"
ham = "Running late, start without me and save me a slice."
spam = "You have been chosen as a WINNER! Claim your cash prize now."

for message in (ham, spam):
    print(repr(continue_text(question.format("spam", message))))

# %% [markdown]
# > **You should see**, with the small GPT, no answer: the model goes on with the text
# > instead of obeying. In Raschka's book GPT-2, asked without "Answer:", repeats the
# > question. Nothing in "guess the next token" says that a question wants an answer.
# > If yours says yes or no, the next cells show whether that depends on the message.
#
# One message may be bad luck. Let us ask about forty, half of them spam, and count
# the answers that start with yes or no:

# %%
layout = Layout(text=TEXT, label=LABEL)
messages, source = open_messages(DATA, layout=layout, cache_dir="../data")
names = lesson_names(messages)
drawn = balance(messages).groupby("Label").sample(20, random_state=123)
texts = drawn["Text"].str[:200].tolist()
asked = [question.format(names[1], text) for text in texts]
print(source)

# %%
answers = [continue_text(prompt, tokens=4) for prompt in asked]
first_words = [(a.replace("'", " ").lower().split() or [""])[0] for a in answers]
obeyed = [word.strip(".,:;") in ("yes", "no") for word in first_words]
print(f"{sum(obeyed)} of {len(answers)} answers start with yes or no")

# %% [markdown]
# Maybe it knows, but cannot say it. A fairer exam forces its hand: which does it
# think likelier as the next token, ` yes` or ` no`? The model gives every token of
# its vocabulary a score, a *logit*. The larger logit has the larger probability, so
# comparing logits is enough.

# %%
[yes], [no] = (tokenizer.encode_ordinary(word)[:1] for word in (" yes", " no"))


@torch.no_grad()
def predicts_yes(prompt):
    ids = torch.tensor([tokenizer.encode_ordinary(prompt)], device=device)
    logits = gpt(ids)[0, -1]  # for the token after the last one
    return bool(logits[yes] > logits[no])


# %%
predicted = pd.Series([predicts_yes(prompt) for prompt in asked], index=drawn.index)
right = (predicted == (drawn["Label"] == names[1])).mean()
print(f"right: {right:.0%}, yes predicted for {predicted.mean():.0%} of them")

# %% [markdown]
# Half of the forty are spam, so a coin is right about half of the time. The small GPT
# says no to all forty, which is no better: an answer that does not depend on the
# message tells nothing about it. (GPT-2's figure may differ. With forty messages,
# anything from 35 to 65 % can be chance.) So the model must be *changed*, and that is
# the lecture's first definition:
#
# > **Finetuning**: adapting a pretrained model to a specific task by training the
# > model on additional data.
#
# ## Two kinds: by what the model is to say
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
# How many different things can each say? A *head* is the last layer, the one that
# answers. A class head has as many outputs as there are classes. An answer in words
# may be any sequence of tokens. The small GPT knows 4,096 tokens; GPT-2 knows 50,257,
# so three of them make 127 trillion answers. For the model that you opened:

# %%
vocabulary = gpt.config.vocab_size
print(f"class head: 2 answers; three tokens: {vocabulary**3:,} answers")

# %% [markdown]
# The lecture's summary follows from that. The kinds differ in what can be asked of
# the model later, and in what teaching it takes:
#
# | | instruction finetuning | classification finetuning |
# |---|---|---|
# | learns | to answer instructions in words | a set of labels, such as spam and ham |
# | can do | many tasks, also ones not trained for | this one task |
# | needs | more data, more computing | a few hundred to thousand labelled texts |
# | last layer | one output per token of the vocabulary | one output per class |
#
# Both begin with the same model, and either can train all of it or a part. Here is
# the family in one picture:

# %%
boxes = {  # name: (x, y)
    "pretrained GPT": (0, 1),
    "classification": (1, 1.6),
    "instruction": (1, 0.4),
    "all parameters (full)": (2.2, 2),
    "last block, or the head": (2.2, 1.33),
    "small matrices beside\nfrozen ones (LoRA)": (2.2, 0.67),
    "the same, frozen ones\nin 4 bits (QLoRA)": (2.2, 0),
}
figure, axes = paper("Tree: a pretrained GPT, two kinds of task, four methods.", 7.5)
axes.axis("off")
for start, end in [(0, 1), (0, 2)] + [(a, b) for a in (1, 2) for b in (3, 4, 5, 6)]:
    points = [list(boxes.values())[i] for i in (start, end)]
    axes.plot(*zip(*points, strict=True), color=GREY, linewidth=1)
for name, (x, y) in boxes.items():
    style = {"facecolor": "white", "edgecolor": BLUE if x < 2 else ORANGE}
    axes.text(x, y, name, ha="center", va="center", bbox=style | {"boxstyle": "round"})
axes.set(xlim=(-0.4, 2.8), ylim=(-0.25, 2.25))
figure

# %% [markdown]
# From left to right: the model you start with, the kind of answer it is to learn, and
# how much of it trains. Every line is a choice that works.
#
# ## How much trains: count it
#
# A parameter that trains costs more than a *frozen* one, which does not change.
# Beside the number itself (4 bytes) training keeps its *gradient* (4), which says in
# which direction it should change, and two running averages (8) for the *optimizer*,
# which makes the change. We count on a model of the size of GPT-2. PyTorch's `meta`
# device builds it without numbers, so this needs neither a download nor memory:

# %%
with torch.device("meta"):
    gpt2 = GPTClassifier(GPT(GPTConfig()))
total = sum(p.numel() for p in gpt2.parameters())
print(f"{total:,} parameters")

# %% [markdown]
# > **You should see** 124,441,346: GPT-2's 124,439,808 and 1,538 for a head of two
# > classes, 768 weights and a bias for each.
#
# `set_trainable` freezes everything outside of a scope. Its report, for four of them:

# %%
trained = {}
for scope in ("all", "last_two_blocks", "last_block", "head"):
    result = set_trainable(gpt2, scope)
    trained[scope] = result.trained
    print(result)

# %% [markdown]
# ## LoRA, from the lecture's sentence
#
# *"Two smaller matrices that approximate a larger matrix are finetuned."* Take one
# matrix of GPT-2, 768 by 768. It stays as it is. Beside it stand A and B, thin ones,
# whose product has the shape of the large one. What the product stands for is the
# *change* of the large matrix, not the matrix itself:

# %%
rank = 16
A, B = torch.randn(rank, 768), torch.randn(768, rank)
update = B @ A
print(update.shape, "rank", torch.linalg.matrix_rank(update).item())
print(f"an update of {768 * 768:,} numbers, in {A.numel() + B.numel():,}")

# %% [markdown]
# So with A and B one can write any update of rank 16 in a twenty-fourth of the
# numbers. Do that for every linear layer in the blocks, and train the head as well:

# %%
linears = [m for m in gpt2.gpt.modules() if isinstance(m, torch.nn.Linear)]
pairs = sum(rank * (m.in_features + m.out_features) for m in linears)
trained["LoRA"] = trained["QLoRA"] = pairs + trained["head"]
print(f"{len(linears)} linear layers, {trained['LoRA']:,} parameters train")

# %% [markdown]
# **QLoRA** does the same and also stores the frozen matrices in 4 bits a number plus
# one byte of scale for each 64 of them: 0.516 bytes instead of 4, so 3.48 are saved.
# Now the bill while training, in megabytes (what a batch needs on top depends on its
# size):

# %%
rows = []
frozen_in_4_bits = sum(m.weight.numel() for m in linears)
for method, count in trained.items():
    added = pairs if "LoRA" in method else 0
    saved = 3.48 * frozen_in_4_bits if method == "QLoRA" else 0
    rows.append((method, count, 4 * (total + added) - saved + 12 * count))
bill = pd.DataFrame(rows, columns=["method", "trained", "bytes"]).set_index("method")
bill["megabytes"] = (bill.pop("bytes") / 1e6).round().astype(int)
bill.assign(share_trained=(bill["trained"] / total).map("{:.3%}".format))

# %% [markdown]
# Trained parameters differ by a factor of 80,000, so the picture's scale is
# logarithmic:

# %%
words = ", ".join(f"{name} {n / 1e6:.3f} million" for name, n in trained.items())
figure, axes = paper(
    f"Bars of trained parameters of GPT-2 by method: {words}.", height=3
)
axes.barh(bill.index[::-1], bill["trained"][::-1], color=ORANGE)
axes.set_xscale("log")
axes.set_xlabel("parameters that train (number, each step ten times more)")
axes.set_ylabel("method of finetuning")
figure

# %% [markdown]
# Cheaper is not the same as worse, but that has to be measured, and this notebook
# only counts. The lecture goes on with classification. So do notebooks 1 to 8, which
# train the last block, the norm after it and the head.
#
# One last check, by hand. With C = 768 channels, the four matrices of a block have 3,
# 1, 4 and 4 times C * C numbers, 12 in all. Their biases (9 C) and the block's two
# norms (4 C) make 13 C. The norm after the last block has 2 C, the head 2 C and two
# biases. No output means that it agrees:

# %%
C = 768
by_hand = 12 * C * C + 13 * C + 2 * C + (2 * C + 2)
assert by_hand == trained["last_block"]

# %% [markdown]
# ## What just happened
#
# - A pretrained GPT continues text. Asked in words whether a message is spam, the
#   small GPT does not answer; made to choose, it says no to every one.
# - Finetuning trains it further: on labels (classification) or on answers in words
#   (instruction), all of it or a small part.
# - What a method costs can be counted before anything is downloaded.
#
# ## Exercises
#
# Predict first, then compute. Replace the `...`; the cell below says nothing if you
# are right, and gives a hint if not. Solutions:
# `src/solutions/00_what_is_finetuning.py`.
#
# **1.** *Predict:* how many parameters has a head for five classes instead of two, at
# GPT-2's width of 768?

# %% tags=["exercise-1"]
head_of_five = ...

# %% tags=["check-1"]
if head_of_five is not ...:
    assert head_of_five == sum(
        p.numel() for p in torch.nn.Linear(768, 5).parameters()
    ), "Hint: each class has a weight for every channel, and one bias."

# %% [markdown]
# **2.** *Predict:* from which rank on does LoRA save nothing on a 768 by 768 matrix,
# because A and B together have as many numbers as the matrix?

# %% tags=["exercise-2"]
rank_without_gain = ...

# %% tags=["check-2"]
if rank_without_gain is not ...:
    assert rank_without_gain * (768 + 768) == 768 * 768, (
        "Hint: A has rank * 768 numbers, and so has B."
    )

# %% [markdown]
# **3.** *Predict:* GPT-2 has larger sisters. `GPTConfig(emb_dim=1600, n_layers=48,
# n_heads=25)` is the largest. Does its last block hold a larger or a smaller share of
# all parameters than that of the small one? Compute the share, from 0 to 1.

# %% tags=["exercise-3"]
share_of_last_block = ...

# %% tags=["check-3"]
if share_of_last_block is not ...:
    with torch.device("meta"):
        largest = GPT(GPTConfig(emb_dim=1600, n_layers=48, n_heads=25))
        answer = set_trainable(GPTClassifier(largest), "last_block")
    assert abs(share_of_last_block - answer.trained / answer.total) < 1e-5, (
        "Hint: build it on the meta device as above; set_trainable returns .trained "
        "and .total. 1/48 forgets the token vectors. Do not round."
    )

# %% [markdown]
# **Next:** [1 · Download and look](01_download_and_look.ipynb).
