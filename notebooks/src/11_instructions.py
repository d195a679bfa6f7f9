# %% [markdown]
# # 11 · Finetune on instructions: the task in words
#
# - **You will** write a message as a prompt with an answer, mask the prompt, train a
#   GPT to answer in words, read its answers in three ways, and then teach it five
#   kinds of instructions, most of which a class head cannot learn.
# - **You need** the loop of notebook 7 and LoRA of notebook 9.
# - **It takes** 15 minutes to read and a minute to run with the bundled GPT, longer
#   with GPT-2.
# - **A file of your own** works, too: `DATA = "mine.csv"`, with two or more classes and
#   at least 100 messages of each; TEXT and LABEL name its columns, if they are not Text
#   and Label.
#
# *Instruction finetuning* is the first of the lecture's two kinds: training on
# specific instructions, for a broader set of tasks, with more data and more
# computing.

# %%
import copy
from dataclasses import replace

import pandas as pd
import torch

import spamft
from spamft.batches import make_bucketed_loader
from spamft.evaluate import IGNORED
from spamft.methods.instruct import (
    InstructionDataset,
    answer_likelihoods,
    load_pairs,
    parse_answer,
    read_answers,
    respond,
)
from spamft.methods.lora import LoRAConfig, add_lora
from spamft.models.prompted import encode_prompt, instruction_for
from spamft.plots import BLUE, GREY, ORANGE, paper
from spamft.plumbing.device import pick_device
from spamft.reading.layout import Layout
from spamft.sources import open_model, open_splits
from spamft.sources.lessons import lesson_names
from spamft.train import TrainConfig, fit

# %% tags=["parameters"]
DATA = "auto"
TEXT, LABEL = None, None  # the columns of a file of your own
MODEL = "gpt"
SEED = 123
DEVICE = "auto"  # or "cuda", "mps", "cpu"
EPOCHS = 2  # of the classification task
EPOCHS_OPEN = 6  # of the open instructions, which are few

# %% [markdown]
# The messages and a pretrained GPT. No head this time: the model keeps saying tokens.

# %%
device = pick_device(DEVICE)
layout = Layout(text=TEXT, label=LABEL)
data = open_splits(DATA, layout=layout, cache_dir="../data", seed=SEED)
opened = open_model(MODEL)
gpt = opened.gpt.to(device)
tokenizer, context = opened.tokenizer, gpt.config.context_length
names = lesson_names(data.df, most=None)
question = instruction_for(names)
print(data, opened.source, sep="\n")

# %% [markdown]
# ## A message as a prompt
#
# A fixed form says what is what: the instruction, the message, and where the answer
# goes. The form itself does not matter much, but it must be the same in training and
# in use.

# %%
message = "Claim your voucher now at win-shop.example"
prompt = encode_prompt(tokenizer, message, question)
print(tokenizer.decode(prompt))

# %% [markdown]
# ## Learn the answer, not the question
#
# The model sees prompt and answer in one row, and predicts at every place the next
# token. Only the answer shall be learned, so the labels of the prompt are set to
# -100, which PyTorch's cross-entropy leaves out. By hand:

# %%
answer = tokenizer.encode_ordinary(f" {names[1]}") + [tokenizer.eot_token]
row = prompt + answer
ids, next_tokens = row[:-1], row[1:]
asked_from = len(prompt) - 1
labels = [IGNORED] * asked_from + next_tokens[asked_from:]

# %%
dataset = InstructionDataset([prompt], [names[1]], tokenizer)
assert dataset[0] == (ids, labels)
shown = zip(ids[-5:], labels[-5:], strict=True)
[
    (tokenizer.decode([i]), "-" if y == IGNORED else tokenizer.decode([y]))
    for i, y in shown
]

# %% [markdown]
# Left what the model has read last, right what it is asked to say next; a dash is not
# asked. The last answer is the end token: a model must also learn to stop.
#
# The loss is the mean over what is asked. By hand for this one row, and as `fit` does
# it:

# %%
with torch.no_grad():
    logs = gpt(torch.tensor([ids], device=device))[0].log_softmax(-1)
asked = [(t, y) for t, y in enumerate(labels) if y != IGNORED]
by_hand = -sum(logs[t, y].item() for t, y in asked) / len(asked)
one = make_bucketed_loader(dataset)
nothing = TrainConfig(epochs=1, lr=1e-9)  # as good as 0: only the loss is wanted
history = fit(copy.deepcopy(gpt), one, one, nothing)
assert abs(history[0].train_loss - by_hand) < 1e-3
print(f"{by_hand:.2f} nats a token")

# %% [markdown]
# ## Without any training
#
# What does the pretrained model answer, *zero-shot*? And *few-shot*, with four
# examples in the prompt? There are three ways to read an answer: take the text that
# it writes; or compare how likely it finds each name; or the same per token of the
# name, so that a longer name is not penalised. (The examples are short, and a message
# that does not fit is cut at its end; to save time, we ask about 120 test messages.)

# %%
room = context - 8  # leaves room for an answer
train, K = data.splits.train, len(names)
short_first = train.iloc[(train["Text"].str.len() // 80).argsort(kind="stable")]
by_class = [short_first[short_first["Label"] == k]["Text"].tolist() for k in range(K)]
shots = [(by_class[i % K][i // K], names[i % K]) for i in range(4)]  # taking turns
test = data.splits.test[:120]
zero, few = (
    [
        encode_prompt(tokenizer, text, question, shots=examples, room=room)
        for text in test["Text"]
    ]
    for examples in ((), shots)
)


# %% tags=["slow"]
def scores(gpt, prompts):
    """Accuracy by reading, and how many written answers were one of the names."""
    result = {}
    for reading in ("generated", "likelihood", "per_token"):
        answers = read_answers(gpt, tokenizer, prompts, names, reading)
        right = [a == b for a, b in zip(answers, test["Label"], strict=True)]
        result[reading] = sum(right) / len(right)
        if reading == "generated":
            result["parsed"] = sum(a is not None for a in answers) / len(answers)
    return result


table = {"zero-shot": scores(gpt, zero), "few-shot": scores(gpt, few)}
pd.DataFrame(table).T.map("{:.1%}".format)

# %% [markdown]
# > **You should see** that the bundled GPT hardly ever writes a name, with or without
# > examples. Forced to choose, it is about as good as a coin, for its choice hardly
# > depends on the message. It never learned to answer.
#
# ## Train it to answer
#
# The same loop, the same LoRA, another dataset. No head is needed: the names are
# words that the model knows. `finetune` has a method for it, which makes the prompts
# as above:

# %% tags=["slow"]
how = {"config": {"epochs": EPOCHS}, "seed": SEED, "device": DEVICE, "log": print}
run = spamft.finetune(data, opened, "instructions", **how)
tuned = run.model.gpt

# %% [markdown]
# (The accuracy in these lines counts tokens: also the end token, which is easily
# learned. That of messages is in the table.)

# %% tags=["slow"]
table["instruction-tuned"] = scores(tuned, zero)
frame = pd.DataFrame(table).T
frame.map("{:.1%}".format)

# %%
lines = [f"{name} {row['generated']:.0%}" for name, row in frame.iterrows()]
figure, axes = paper(
    f"Bars of accuracy by method and reading; written: {', '.join(lines)}."
)
readings = ["generated", "likelihood", "per_token"]
(frame[readings] * 100).plot.bar(ax=axes, rot=0, color=[ORANGE, BLUE, GREY], width=0.8)
axes.set_xlabel("model and prompt")
axes.set_ylabel(f"right answers (% of {len(test)} test messages)")
axes.legend(frameon=False, title="read as")
figure

# %% [markdown]
# It answers now, and nearly always with one of the names. The last two readings must
# agree here: both names have equally many tokens, so dividing changes nothing. They
# can differ for names of different length. The first agrees with them once the model
# nearly always writes a name. How sure is it about our message? The likelihoods, made
# to add up to 1 over the two names, after division by the run's temperature (notebook
# 14):

# %%
logs = answer_likelihoods(tuned, tokenizer, [prompt], names)[0]
chances = (logs / run.rule.temperature).softmax(-1).tolist()
by_hand = dict(zip(names, chances, strict=True))
asked = run.classify(message).probabilities
assert all(abs(by_hand[name] - asked[name]) < 1e-4 for name in names)
by_hand

# %% [markdown]
# ## What a class head cannot do
#
# A head has one output per class, for one question. A model that answers in words can
# be asked *anything*, if it was taught. The package has 242 open instructions about
# messages, of five kinds:

# %%
pairs = load_pairs()
pairs.groupby("kind").first()

# %% [markdown]
# Train one model on all five kinds, all but the last two of each kind:

# %% tags=["slow"]
held_out = pairs.groupby("kind").tail(2)
learned = pairs.drop(held_out.index)


def as_open(part):
    rows = zip(part["input"], part["instruction"], strict=True)
    prompts = [encode_prompt(tokenizer, text, task, room=room) for text, task in rows]
    return prompts, InstructionDataset(prompts, part["output"].tolist(), tokenizer)


follower = copy.deepcopy(gpt)
add_lora(follower, LoRAConfig(rank=16, alpha=32, also=()), seed=SEED)
loader = make_bucketed_loader(as_open(learned)[1], 512, shuffle=True, seed=SEED)
prompts, unseen = as_open(held_out)
watched = make_bucketed_loader(unseen, 512)
config = replace(run.setup.config, epochs=EPOCHS_OPEN, warmup_steps=20)
history = fit(follower, loader, watched, config, log=print)

# %% tags=["slow"]
answers = respond(follower, tokenizer, prompts, 24)
for row, answer in zip(held_out.itertuples(), answers, strict=True):
    print(f"{row.kind}: {row.instruction} {row.input[:60]}")
    print(f"    wanted: {row.output[:70]}\n    answer: {answer}")

# %% [markdown]
# > **You should see** one model that does different things by what it is asked: a
# > label, a sentence that begins with one, a number. The form is right far more often
# > than the content. The bundled GPT, with 7.6 million parameters and 232 examples,
# > cannot really explain, copy a number or count words; that is the lecture's "Larger
# > datasets, greater computational power needed", seen.
#
# ## What just happened
#
# - An instruction example is a prompt and an answer in one row, the prompt's labels
#   masked.
# - The same loop trained it; answers were read as text and as likelihoods.
# - One model in words can follow several instructions; how well is a matter of size
#   and data.
#
# ## Exercises
#
# Predict first, then compute. Replace the `...`; the cell below says nothing if you
# are right, and gives a hint if not. Solutions: `src/solutions/11_instructions.py`.
#
# **1.** *Predict:* how many tokens of the row `ids` above are asked, the end token
# included?

# %% tags=["exercise-1"]
tokens_asked = ...

# %% tags=["check-1"]
if tokens_asked is not ...:
    assert tokens_asked == sum(y != IGNORED for y in labels), (
        "Hint: the answer's tokens and the end token."
    )

# %% [markdown]
# **2.** *Predict:* `parse_answer(text, names)` gives the place of the name that a
# text begins with, or `None`. What does it give for " Spam, I am afraid" and for "
# spammy", if the names are ham (0) and spam (1)? Write both as a list.

# %% tags=["exercise-2"]
two_results = ...

# %% tags=["check-2"]
if two_results is not ...:
    texts = (" Spam, I am afraid", " spammy")
    assert list(two_results) == [parse_answer(t, ("ham", "spam")) for t in texts], (
        "Hint: 0, 1 or None each; the text begins with a name, and the name ends there."
    )

# %% [markdown]
# **3.** *Predict:* which of two names is more likely to win by "likelihood" with a
# model that knows nothing, one of one token or one of five? For V tokens, all equally
# likely, write the log-likelihood of a name of `n` tokens, and the same per token, as
# a function `logs_of(n, V)` that returns both.

# %% tags=["exercise-3"]
logs_of = ...

# %% tags=["check-3"]
if logs_of is not ...:
    total, per_token = logs_of(5, 100)
    assert abs(total - 5 * torch.tensor(0.01).log().item()) < 1e-3, (
        "Hint: each token has the probability 1/V; logarithms add up."
    )
    assert abs(per_token - torch.tensor(0.01).log().item()) < 1e-3, (
        "Hint: the sum divided by n."
    )

# %% [markdown]
# **Next:** [12 · Which one, when?](12_which_one_when.ipynb), all methods side by side.
