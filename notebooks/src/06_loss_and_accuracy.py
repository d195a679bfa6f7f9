# %% [markdown]
# # 6 · Measure how wrong it is: loss and accuracy
#
# - **You will** compute cross-entropy and accuracy by hand, read a report and a
#   confusion matrix, and learn what an untrained classifier scores, so that you know
#   what training has to beat.
# - **You need** logits and softmax (notebook 5).
# - **It takes** 15 minutes to read and some seconds to run, or a minute or two with
#   GPT-2 on two cores.
# - **A file of your own** works, too: `DATA = "mine.csv"`, with two or more classes and
#   at least 100 messages of each; TEXT and LABEL name its columns, if they are not Text
#   and Label.
# - **The outputs stored here** were made on the SMS collection with the small GPT.
#
# In the book that the lecture series follows this is the step before training:
# *calculating the classification loss and accuracy*.

# %%
import math

import torch
from torch.nn import functional as F

from spamft.batches import encode_splits, make_bucketed_loader, make_loader
from spamft.check import ask, check, guess
from spamft.classifier import GPTClassifier
from spamft.evaluate import evaluate, predict, report
from spamft.plots import BLUE, ORANGE, paper, plot_confusion
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
# What the notebooks before made, in a few lines: the three parts as datasets, all cut
# to the longest training message, and a classifier whose head nobody has trained.

# %%
device = pick_device(DEVICE)
layout = Layout(text=TEXT, label=LABEL)
data = open_splits(DATA, lecture=True, layout=layout, cache_dir="../data", seed=SEED)
names = lesson_names(data.df, most=None)
opened = open_model(MODEL)
context = opened.gpt.config.context_length
encoded = encode_splits(data.splits, opened.tokenizer, context)
longest = encoded.train.max_length
model = GPTClassifier(opened.gpt, names, max_length=longest, seed=SEED).to(device)
print(data, opened.source, sep="\n")

# %% [markdown]
# ## One message
#
# The model gives two logits, softmax makes probabilities. How wrong is the model
# about a message? It depends on the probability that it gave to the *true* class: 1
# is perfect, 0 is as wrong as can be. The loss is minus its logarithm:

# %%
for chance in (0.99, 0.9, 0.5, 0.1, 0.01):
    print(f"the true class had {chance:4.0%}: loss {-math.log(chance):.3f}")

# %% [markdown]
# Being right and sure costs next to nothing, and being wrong and sure costs without
# limit. That is what makes it a good teacher: it punishes false certainty.

# %%
chances = torch.linspace(0.005, 1, 200)
figure, axes = paper(
    "Falling curve: loss over the true class's probability, from 5 near 0 to 0 at 1.",
    height=3,
)
axes.plot(chances * 100, -chances.log(), color=BLUE)
axes.plot([50], [math.log(2)], "o", color=ORANGE, label="a coin: ln 2 = 0.693")
axes.set_xlabel("probability given to the true class (%)")
axes.set_ylabel("loss (nats)")
axes.legend(frameon=False)
figure

# %% [markdown]
# ## Many messages
#
# Ask the model about all validation messages. `predict` gives every message's logits
# and true class, in batches, without gradients:

# %%
loader = make_bucketed_loader(encoded.validation)
logits, labels = predict(model, loader)
logits.shape, labels.shape

# %% [markdown]
# The loss of many is the mean of their losses. By hand: softmax, pick the true
# class's probability, minus logarithm, mean. PyTorch's `cross_entropy` does it in
# one, and more exactly, because it never computes the probability itself:

# %%
probabilities = logits.softmax(-1)
of_the_true = probabilities[range(len(labels)), labels]
by_hand = -of_the_true.log().mean()
torch.testing.assert_close(by_hand, F.cross_entropy(logits, labels))
print(f"loss {by_hand:.3f}")

# %% [markdown]
# Accuracy is simpler: how often is the larger logit that of the true class?

# %%
predicted = logits.argmax(-1)
accuracy = (predicted == labels).float().mean().item()
print(f"accuracy {accuracy:.1%}")

# %% [markdown]
# `evaluate` runs over a loader and gives both, and more, as a `Report`:

# %%
before = evaluate(model, loader)
assert abs(before.accuracy - accuracy) < 1e-6
assert abs(before.loss - by_hand.item()) < 1e-4
print(before.describe(names))

# %% [markdown]
# > **You should see** something around a half, because classes are equal and the head
# > knows nothing; how far it may be off is counted below. The first line has accuracy
# > and loss, and an interval that is explained below. MCC is 0 for guessing and 1 for
# > all right. Then a line for each class: precision and recall come below, F1 is their
# > harmonic mean, and after "predicted" stands how many of its messages were predicted
# > ham and how many spam. The book reports, for GPT-2 before training, 46.25 %, 45.00 %
# > and 48.75 % on training, validation and test (10 batches of 8 of each), and losses
# > of 2.453, 2.583 and 2.322.
#
# ## Why is the first loss not ln 2?
#
# A coin pays ln 2 = 0.693. Your number may be a little above or below: this random
# head was lucky or not. The book's model pays more than 2. It is right about half of
# the time, as a coin is, but sure of every answer: its logits are large, and each
# wrong one is expensive. A head of zeros says 50 : 50 to everything, and pays exactly
# ln 2:

# %%
with torch.no_grad():
    model.head.weight.zero_()
    model.head.bias.zero_()
coin, K = evaluate(model, loader), len(names)
assert abs(coin.loss - math.log(K)) < 1e-5
print(f"loss {coin.loss:.6f}, ln {K} = {math.log(K):.6f}")

# %% [markdown]
# Does the start matter? One random head is one draw. The body is the same for all, so
# run it once, and try a thousand heads on what it said:

# %%
with torch.no_grad():
    batches = list(loader)
    embedded = [model.gpt.embed(b.ids.to(device)) for b in batches]
    lengths = [b.lengths.to(device) for b in batches]
    vectors = torch.cat(list(map(model.pool, embedded, lengths))).cpu()  # (N, C)
    truth = torch.cat([b.labels for b in batches])
    generator = torch.Generator().manual_seed(SEED)
    C = vectors.shape[1]
    heads = (torch.rand(1000, C, K, generator=generator) * 2 - 1) * C**-0.5
    right = ((vectors @ heads).argmax(-1) == truth).float().mean(1)  # (1000,)

# %%
figure, axes = paper(
    f"Histogram: a thousand random heads score from {right.min():.0%} to "
    f"{right.max():.0%}, {right.mean():.0%} on average.",
    height=3,
)
axes.hist(right * 100, bins=30, color=BLUE)
axes.axvline(100 / K, color=ORANGE)
axes.set_xlabel("accuracy before training (% of validation messages)")
axes.set_ylabel("heads (number)")
figure

# %% [markdown]
# The average is a coin's, single heads are luckier or less so, some of them by a lot.
# An untrained "46 %" or "64 %" is the head's luck.
#
# ## Sums, not means of means
#
# Many training programs average the batches' accuracies. If the last batch is
# smaller, its messages count more than the others. Nine messages, all right but the
# last, in batches of eight:

# %%
right_or_not = torch.tensor([1.0] * 8 + [0.0])
parts = right_or_not.split(8)
of_batches = sum(part.mean() for part in parts) / len(parts)
print(f"mean over messages {right_or_not.mean():.1%}")
print(f"mean of the batches' means {of_batches:.1%}")

# %% [markdown]
# `evaluate` sums over messages, so the batch size changes nothing but the rounding.
# With a random head again:

# %%
model = GPTClassifier(opened.gpt, names, max_length=longest, seed=SEED).to(device)
one_by_one = evaluate(model, make_loader(encoded.validation, 1))
by_sevens = evaluate(model, make_loader(encoded.validation, 7))
assert one_by_one.accuracy == by_sevens.accuracy
assert abs(one_by_one.loss - by_sevens.loss) < 1e-5

# %% [markdown]
# ## Which mistakes? The confusion matrix
#
# Accuracy hides *which* class suffers. Count for each true class what the model
# predicted. By hand for one random head, then drawn:

# %%
model = GPTClassifier(opened.gpt, names, max_length=longest, seed=SEED + 1).to(device)
result = evaluate(model, make_bucketed_loader(encoded.test))
logits, labels = predict(model, make_bucketed_loader(encoded.test))
predicted = logits.argmax(-1)
matrix = [
    [((labels == true) & (predicted == k)).sum().item() for k in range(K)]
    for true in range(K)
]
assert matrix == [list(row) for row in result.confusion]

# %%
plot_confusion(result, names)

# %% [markdown]
# Two numbers are read off for a class. **Precision**: of the messages predicted spam,
# how many are? **Recall**: of the spam, how much was predicted spam? A filter that
# loses your mail has low precision, and one that lets spam through low recall.

# %%
as_spam, true, both = sum(row[1] for row in matrix), sum(matrix[1]), matrix[1][1]
spam = result.classes[1]
assert abs(spam.recall - both / max(true, 1)) < 1e-9
assert abs(spam.precision - both / max(as_spam, 1)) < 1e-9
print(f"precision {spam.precision:.1%}, recall {spam.recall:.1%}")

# %% [markdown]
# ## How sure is a score?
#
# The test part is a sample, so its accuracy is one draw as well. The report has
# Wilson's 95 % interval. The more messages, the narrower; for 285 right answers out
# of 300, 95 %:

# %%
perfect = torch.tensor([[1.0, 0.0], [0.0, 1.0]])
answers = torch.cat([perfect[torch.zeros(285).long()], perfect[torch.ones(15).long()]])
low, high = report(answers, torch.zeros(300).long()).interval
print(f"95 % measured on 300 messages: {low:.1%} to {high:.1%}")

# %% [markdown]
# Two models that are a point apart on 300 messages have not been told apart. Remember
# it when tables give four digits. The remedy is more test messages, not more digits:
# four times as many make the interval half as wide.
#
# ## What just happened
#
# - The loss is minus the logarithm of the true class's probability, and a coin pays
#   ln 2.
# - An untrained classifier scores 50 % on equal classes on average; what one of them
#   scores is its head's luck.
# - A report sums over messages, says which class suffers, and how sure it is.
#
# ## What if?
#
# Three questions that the page does not answer word for word. Read one, then answer in
# the cell below it: replace the first `...` by `"a"`, `"b"` or `"c"` and the second by
# how sure you are, from 0.33 (drawn by lot) to 1. Your answer is written down in
# `guesses.json`, so that you can see later whether you are right as often as you are
# sure, and then explained.

# %%
ask("6.q1")

# %% tags=["guess-q1"]
guess("6.q1", ..., sure=...)

# %% [markdown]
# The second one:

# %%
ask("6.q2")

# %% tags=["guess-q2"]
guess("6.q2", ..., sure=...)

# %% [markdown]
# And the third:

# %%
ask("6.q3")

# %% tags=["guess-q3"]
guess("6.q3", ..., sure=...)

# %% [markdown]
# ## Exercises
#
# Guess, then compute. A number that you guess counts as right within a tenth. The cell
# with `check` says whether you are right and why, and what a usual mistake confuses.
# Solutions: `src/solutions/06_loss_and_accuracy.py`.
#
# **1.** *Guess:* what is the loss of a coin for five classes, in nats?

# %% tags=["guess-1"]
guess("6.1", ..., sure=...)

# %% [markdown]
# Compute it:

# %% tags=["exercise-1"]
coin_of_five = ...

# %% tags=["check-1"]
check("6.1", coin_of_five)

# %% [markdown]
# **2.** *Guess:* can two models have the same accuracy and different losses, `"yes"` or
# `"no"`?

# %% tags=["guess-2"]
guess("6.2", ..., sure=...)

# %% [markdown]
# Make two logits tensors of shape (1, 2) for one message of class 0, both right:
# `unsure` with the higher loss, `sure` with the lower.

# %% tags=["exercise-2"]
unsure, sure = ..., ...

# %% tags=["check-2"]
check("6.2", (unsure, sure))

# %% [markdown]
# **3.** *Guess:* with 13 % spam, as in the whole collection, which accuracy has a
# filter that never says spam, from 0 to 1?

# %% tags=["guess-3"]
guess("6.3", ..., sure=...)

# %% [markdown]
# Give its accuracy and its recall of spam, for 13 spam and 87 ham:

# %% tags=["exercise-3"]
never_accuracy, never_recall = ..., ...

# %% tags=["check-3"]
check("6.3", (never_accuracy, never_recall))

# %% [markdown]
# **Next:** [7 · Finetune](07_finetune.ipynb): now it learns.
