# %% [markdown]
# # 11 · Finetune on instructions: the task in words
#
# - **You will** write a message as a prompt with an answer, mask the prompt, train a
#   GPT to answer in words, read its answers in three ways, and then teach it five kinds
#   of instructions, most of which a class head cannot learn.
# - **You need** the loop of notebook 7. Of LoRA (notebook 9) this is enough: the
#   model's matrices are frozen, and beside each of them two thin ones train.
# - **It takes** 20 minutes to read, 20 for questions and exercises. The page runs in
#   a minute with the bundled GPT, longer with GPT-2.
# - **A file of your own** works, too: `DATA = "mine.csv"`, with two or more classes and
#   at least 100 messages of each; TEXT and LABEL name its columns, if they are not Text
#   and Label.
# - **The outputs stored here** were made on the bundled sample with the small GPT.
#
# *[Instruction finetuning](../docs/glossary.md#instruction-finetuning)* is the first of
# the lecture's two kinds: training on specific instructions, for a broader set of
# tasks. Hugging Face calls it supervised finetuning, SFT. In the book: chapter 7; its
# `format_input` is our `encode_prompt`, its `InstructionDataset` and
# `custom_collate_fn` together are our `InstructionDataset`
# ([other names](../docs/lecture.md)).

# %%
import pandas as pd
import torch
from torch.nn import functional as F

import spamft
from spamft import diagrams
from spamft.batches import make_bucketed_loader
from spamft.check import ask, check, guess
from spamft.evaluate import IGNORED
from spamft.methods.instruct import InstructionDataset
from spamft.models.prompted import encode_prompt, instruction_for
from spamft.plumbing.device import pick_device
from spamft.reading.layout import Layout
from spamft.sources import open_model, open_splits
from spamft.sources.lessons import lesson_names

# %% tags=["parameters"]
DATA = "auto"
TEXT, LABEL = None, None  # the columns of a file of your own
MODEL = "gpt"
SEED = 123
DEVICE = "auto"  # or "cuda", "mps", "cpu"
EPOCHS = 1  # of the classification task; the recipe has 5
EPOCHS_OPEN = 5  # of the open instructions, which are few

# %% [markdown]
# The messages and a pretrained GPT. It keeps its head, because its answers are tokens.

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
# The form of a [prompt](../docs/glossary.md#prompt) says what is what: the instruction,
# the message, and where the answer begins. The book marks them with `### Instruction:`
# and the like, Hugging Face with a model's chat template. Whichever it is, it must be
# the same in training and in use.

# %%
message = "Claim your voucher now at win-shop.example"
prompt = encode_prompt(tokenizer, message, question)
print(tokenizer.decode(prompt))

# %% [markdown]
# ## Learn the answer, not the question
#
# The model reads prompt and answer as one row. The label of each place is the *next*
# token. Only the answer is to be learned, so the labels inside the prompt are
# [masked](../docs/glossary.md#mask): set to -100, which PyTorch's cross-entropy leaves
# out. At the last token of the prompt the label is the first token of the answer. That
# one counts, so one label fewer is masked than the prompt has tokens. By hand, as the
# library does it:

# %%
answer = tokenizer.encode_ordinary(f" {names[1]}") + [tokenizer.eot_token]
row = prompt + answer
ids, next_tokens = row[:-1], row[1:]
masked = len(prompt) - 1
labels = [IGNORED] * masked + next_tokens[masked:]
dataset = InstructionDataset([prompt], [names[1]], tokenizer)
assert dataset[0] == (ids, labels)

# %%
diagrams.instruction_row((ids, labels), tokenizer)

# %% [markdown]
# Each line is a token of the row. Left: the token just read. Middle: the token to
# predict. Right: its label; -100 means "not counted in the loss". The last label is the
# end token, because a model must also learn to stop. (The book masks only the padding,
# and leaves masking the instruction to an exercise.)
#
# The loss is the mean over the labels that count:

# %%
with torch.no_grad():
    # one text in the batch: (1, T, V); of it the only one: (T, V)
    logits = gpt(torch.tensor([ids], device=device))[0].cpu()
logs = logits.log_softmax(-1)
counted = [(t, label) for t, label in enumerate(labels) if label != IGNORED]
by_hand = -sum(logs[t, label] for t, label in counted) / len(counted)
torch.testing.assert_close(by_hand, F.cross_entropy(logits, torch.tensor(labels)))
print(f"loss {by_hand:.2f} per token that counts")

# %% [markdown]
# ## Without any training
#
# What does the pretrained model answer without any example, *zero-shot*? And
# *few-shot*, with four examples in its prompt? There are three ways to read an answer.
# The first is to take the text that it writes, and see which name it begins with:

# %%
from spamft.methods.instruct import answer_likelihoods, parse_answer, read_answers

replies = (f" {names[0].title()}.", f" {names[1]}, I think", " I do not know")
[parse_answer(reply, names) for reply in replies]

# %% [markdown]
# The second is to compare how likely the model finds each name. The third is the same
# per token of the name, so that a longer name is not penalised. We ask about the first
# 60 test messages. The four examples are the shortest of each class, in turn:

# %%
train, K = data.splits.train, len(names)
room = context - 8  # for the prompt; a message that does not fit is cut at its end
short_first = train.iloc[(train["Text"].str.len() // 80).argsort(kind="stable")]
by_class = [short_first[short_first["Label"] == k]["Text"].tolist() for k in range(K)]
shots = [(by_class[i % K][i // K], names[i % K]) for i in range(4)]  # taking turns
test = data.splits.test[:60]


def as_prompts(shots):
    return [
        encode_prompt(tokenizer, text, question, shots=shots, room=room)
        for text in test["Text"]
    ]


# %% tags=["slow"]
def scores(gpt, prompts):
    """Accuracy by reading; also how many answers began with a name, or chose one."""
    result = {}
    for reading in ("generated", "likelihood", "per_token"):
        answers = read_answers(gpt, tokenizer, prompts, names, reading)
        right = [a == b for a, b in zip(answers, test["Label"], strict=True)]
        result[reading] = sum(right) / len(right)
        if reading == "generated":
            result["a name"] = sum(a is not None for a in answers) / len(answers)
        if reading == "likelihood":
            result[f"chose {names[1]}"] = answers.count(1) / len(answers)
    return result


zero, few = as_prompts(()), as_prompts(shots)
table = {"zero-shot": scores(gpt, zero), "few-shot": scores(gpt, few)}
pd.DataFrame(table).T.map("{:.1%}".format)

# %% [markdown]
# > **You should see** that the bundled GPT hardly ever writes a name, with or without
# > examples. If it has to choose, it makes nearly the same choice for every message
# > (column *chose spam*), so it is right as often as that class occurs. It never
# > learned to answer.
#
# ## Train it to answer
#
# The same loop and the same LoRA, with another dataset. No new head is needed: the
# names are words that the model knows. `finetune` has a method that makes prompts as
# above:

# %% tags=["slow"]
how = {"config": {"epochs": EPOCHS}, "seed": SEED, "device": DEVICE, "log": print}
run = spamft.finetune(data, opened, "instructions", **how)
tuned = run.model.gpt

# %% [markdown]
# Three accuracies of one model stand here. That of an epoch counts tokens, among them
# the end token, which is easily learned. The line `test` counts all test messages. The
# next table counts the first 60 of these, which says less. Believe the line `test`.

# %% tags=["slow"]
table["instruction-tuned"] = scores(tuned, zero)
pd.DataFrame(table).T.map("{:.1%}".format)

# %% [markdown]
# It answers now, and nearly always with one of the names. (It had one epoch; on the
# SMS collection and with three epochs it is right for 96.1 %, see notebook 12.) Where
# all names have equally many tokens, the last two
# readings agree, because dividing changes nothing. How sure is it about our message?
# Softmax over the two likelihoods, after division by the run's temperature (a
# [calibration](../docs/glossary.md#calibration), notebook 14):

# %%
logs = answer_likelihoods(tuned, tokenizer, [prompt], names)[0]
chances = (logs / run.rule.temperature).softmax(-1).tolist()
by_hand = dict(zip(names, chances, strict=True))
asked = run.classify(message).probabilities
assert all(abs(by_hand[name] - asked[name]) < 1e-4 for name in names)
{name: round(chance, 3) for name, chance in by_hand.items()}

# %% [markdown]
# ## What a class head cannot do
#
# A head has one output per class, for one question. A model that answers in words can
# be asked *anything*, if it was taught. The package has open instructions about
# messages, of five kinds. How many of each kind, and one of each:

# %%
from spamft.methods.instruct import load_pairs, respond

pairs = load_pairs()
for kind, part in pairs.groupby("kind"):
    first = part.iloc[0]
    print(f"{len(part)} {kind}: {first.instruction}\n    {first.output[:70]}")

# %% [markdown]
# Hold out six of each kind, and train one model on all the others:

# %%
held_out = pairs.groupby("kind").tail(6)
learned = pairs.drop(held_out.index)


def as_open(part):
    rows = zip(part["input"], part["instruction"], strict=True)
    prompts = [encode_prompt(tokenizer, text, task, room=room) for text, task in rows]
    return prompts, InstructionDataset(prompts, part["output"].tolist(), tokenizer)


# %% tags=["slow"]
import copy
from dataclasses import replace

from spamft.methods.lora import LoRAConfig, add_lora
from spamft.train import fit

follower = copy.deepcopy(gpt)
add_lora(follower, LoRAConfig(rank=16, alpha=32, also=()), seed=SEED)
loader = make_bucketed_loader(as_open(learned)[1], 512, shuffle=True, seed=SEED)
prompts, unseen = as_open(held_out)
config = replace(run.setup.config, epochs=EPOCHS_OPEN, warmup_steps=20)
history = fit(follower, loader, make_bucketed_loader(unseen, 512), config, log=print)

# %% [markdown]
# Compare the two losses over the epochs. If the training loss goes on falling while the
# validation loss has stopped, the model is
# [overfitting](../docs/glossary.md#overfitting): it learns these few examples by heart.
# In the stored output that begins after epoch 3. Notebook 7b would stop there; here all
# epochs were run, so that you see it, and the last model answers. Of each kind, the
# first that was held out:

# %% tags=["slow"]
answers = respond(follower, tokenizer, prompts, 24)
answered = held_out.assign(answer=[answer.strip() for answer in answers])
for kind, part in answered.groupby("kind"):
    first = part.iloc[0]
    print(f"{kind}: {first.instruction} {first.input[:50]}")
    print(f"    wanted: {first.output[:70]}\n    answer: {first.answer[:70]}")

# %% [markdown]
# How many of the six have the form that was asked for, and how many are, word for word,
# what was wanted? (An explanation or a politer sentence can be good in other words; a
# person would have to judge those.)

# %%
import re

FORMS = {
    "classify": r"ham|spam",
    "count": r"\d+",
    "explain": r"(ham|spam): .+",
    "extract": r"none|[\d ()+-]+|\S+\.\S+",  # a telephone number, a web address
    "rewrite": r"[A-Z].*[.?!]",  # a sentence
}
formed = [bool(re.fullmatch(FORMS[r.kind], r.answer)) for r in answered.itertuples()]
marked = answered.assign(form=formed, wanted=answered["answer"] == answered["output"])
marked.groupby("kind")[["form", "wanted"]].sum()

# %% [markdown]
# > **You should see** that the bundled GPT has learned the form of some answers, and
# > hardly any of the tasks. Most that it gets right are labels, and of those a coin
# > would get half. Explanations mostly have not even the form.
#
# A form can be right and the answer invented. Which of the extracted numbers and
# addresses do not stand in the message at all?

# %%
for row in marked[marked["kind"] == "extract"].itertuples():
    if row.form and row.answer != "none" and row.answer not in row.input:
        print(f"invented: {row.answer}\n    wanted: {row.output}")

# %% [markdown]
# A language model writes what is likely. Nothing makes it copy, so a checker of forms
# lets inventions pass.
#
# The lecture says that this kind of finetuning needs larger datasets and more computing
# power. This page has varied neither, so it does not show how much they help; it shows
# what some two hundred examples teach the bundled GPT.
#
# ## What just happened
#
# - An instruction example is a prompt and an answer in one row, with the prompt's
#   labels masked.
# - The same loop trained it; answers were read as text and as likelihoods.
# - One model that answers in words can be taught several kinds of instructions. From
#   some two hundred examples the small GPT learned forms rather than tasks.
#
# ## What if?
#
# Three questions. Below each put a letter for the first `...`, and for the second the
# chance that you are right, from 0.33 (a blind guess) to 1. Then each choice is
# explained.

# %%
ask("11.q1")

# %% tags=["guess-q1"]
guess("11.q1", ..., sure=...)

# %% [markdown]
# The second one:

# %%
ask("11.q2")

# %% tags=["guess-q2"]
guess("11.q2", ..., sure=...)

# %% [markdown]
# And the third:

# %%
ask("11.q3")

# %% tags=["guess-q3"]
guess("11.q3", ..., sure=...)

# %% [markdown]
# ## Exercises
#
# Guess, then compute. A number that you guess counts as right within a tenth. The cell
# with `check` says whether you are right and why, and what a usual mistake confuses.
# Solutions: `src/solutions/11_instructions.py`.
#
# **1.** *Guess:* how many tokens of the row `ids` count in the loss, the end token
# included?

# %% tags=["guess-1"]
guess("11.1", ..., sure=...)

# %% [markdown]
# Count them:

# %% tags=["exercise-1"]
tokens_counted = ...

# %% tags=["check-1"]
check("11.1", tokens_counted, labels=labels)

# %% [markdown]
# **2.** *Guess:* the model answers " not spam". Does `parse_answer` count that as the
# name spam, `"yes"` or `"no"`?

# %% tags=["guess-2"]
guess("11.2", ..., sure=...)

# %% [markdown]
# It gives the place of a name, or `None`. What would you count? The names are ham (0)
# and spam (1). Write what it gives for " Spam, I am afraid", " not spam" and " spammy"
# as a list:

# %% tags=["exercise-2"]
three_results = ...

# %% tags=["check-2"]
check("11.2", three_results)

# %% [markdown]
# **3.** *Guess:* a model knows nothing and finds all tokens equally likely. Which name
# has the higher likelihood, a `"short"` one of one token or a `"long"` one of five?

# %% tags=["guess-3"]
guess("11.3", ..., sure=...)

# %% [markdown]
# For V tokens, all equally likely, write a function `logs_of(n, V)`. It returns two
# numbers: the log-likelihood of a name of `n` tokens, and the same per token.

# %% tags=["exercise-3"]
logs_of = ...

# %% tags=["check-3"]
check("11.3", logs_of)

# %% [markdown]
# **Next:** [12 · Which one, when?](12_which_one_when.ipynb) puts all methods side by
# side.
