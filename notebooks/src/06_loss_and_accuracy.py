# %% [markdown]
# # 6 · Measure how wrong it is: loss and accuracy
#
# - **You will** compute cross-entropy and accuracy by hand, read a report and a
#   confusion matrix, and learn what an untrained classifier scores, so that you know
#   what training has to beat.
# - **You need** logits and softmax (notebook 5).
# - **It takes** 25 minutes to read, 15 for the questions and exercises. It runs in
#   some seconds, or a minute or two with GPT-2 on two cores.
# - **A file of your own** works, too: `DATA = "mine.csv"`, with two or more classes and
#   at least 100 messages of each; TEXT and LABEL name its columns, if they are not Text
#   and Label.
# - **The outputs stored here** were made on the SMS collection with the small GPT.
#
# In the book: section 6.6, the step before training; its `calc_accuracy_loader` and
# `calc_loss_loader` are our `evaluate` ([all names](../docs/lecture.md)).

# %%
import math

import torch
from torch.nn import functional as F

from spamft import diagrams
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
# Right and sure: the loss is near 0. Wrong and sure: it has no upper limit. That is
# what makes it a good teacher: it punishes false certainty. (Accuracy is what we want.
# Why it cannot be trained on, notebook 7b shows.)

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
# one, and more exactly, because it never computes the probability itself. It is called
# [cross-entropy](../docs/glossary.md#cross-entropy):

# %%
probabilities = logits.softmax(-1)
# from row 0 the column labels[0], from row 1 the column labels[1], and so on
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
print(f"accuracy {before.accuracy:.1%}, loss {before.loss:.3f}")

# %% [markdown]
# > **You should see** something around a half, because the head knows nothing and the
# > classes are about equally large; how far it may be off is counted below. The book
# > reports, for GPT-2 before training, 46.25 %, 45.00 % and 48.75 % on training,
# > validation and test (10 batches of 8 of each), and losses of 2.453, 2.583 and 2.322
# > (5 batches).
#
# ## Why is the book's first loss above 2, and ours near ln 2?
#
# A coin pays ln 2 = 0.693. Ours pays a little more or less: this random head was lucky
# or not. The book's model is right about half of the time, too, but sure of every
# answer: its logits are large, and each wrong one is expensive. Here are those that it
# prints for one text in section 6.5:

# %%
large = torch.tensor([[-3.5983, 3.9902]])
for true in (0, 1):
    print(
        f"class {true} is true: loss {F.cross_entropy(large, torch.tensor([true])):.4f}"
    )

# %% [markdown]
# If half of such answers are wrong, the mean is half of the first number. At the other
# end, a head of zeros says 50 : 50 to everything, and pays exactly ln 2:

# %%
with torch.no_grad():
    model.head.weight.zero_()  # a name that ends in _ changes the numbers in place
    model.head.bias.zero_()
coin, K = evaluate(model, loader), len(names)
assert abs(coin.loss - math.log(K)) < 1e-5
print(f"loss {coin.loss:.6f}, ln {K} = {math.log(K):.6f}")

# %% [markdown]
# How much luck is in a score before training? One random head is one draw. The body is
# the same for all, so run it once, keep the vectors that a head would read (`pool`
# gives them), and try a thousand random heads on them:

# %%
vectors, truth, right = [], [], []
torch.manual_seed(SEED)
with torch.no_grad():
    for batch in loader:
        embedded = model.gpt.embed(batch.ids.to(device))
        vectors.append(model.pool(embedded, batch.lengths.to(device)).cpu())
        truth.append(batch.labels)
    vectors, truth = torch.cat(vectors), torch.cat(truth)  # (N, C), (N,)
    for _ in range(1000):
        random_head = torch.nn.Linear(vectors.shape[1], K)
        right.append((random_head(vectors).argmax(-1) == truth).float().mean())
right = torch.stack(right)
print(f"from {right.min():.0%} to {right.max():.0%}, on average {right.mean():.0%}")

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
# The average is a coin's. Single heads are luckier or less so, some by a lot: an
# untrained score is the head's luck. (A head that is far below a half separates the
# classes well, with their names exchanged.)
#
# ## Sums, not means of means
#
# Many training programs average over batches, as the book does for its loss. If the
# last batch is smaller, its messages count more than the others. Nine messages, all
# right but the last, in batches of eight:

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
print("equal")

# %% [markdown]
# ## Which mistakes? The confusion matrix
#
# Accuracy hides *which* class suffers. Count for each true class what the model
# predicted: the [confusion matrix](../docs/glossary.md#confusion-matrix). By hand, with
# another random head and the test part, then drawn:

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
# Two numbers are read off for a class, here spam.
# **[Precision](../docs/glossary.md#precision)**: of the messages predicted spam, how
# many are? **[Recall](../docs/glossary.md#recall)**: of the spam, how much was
# predicted spam? Two questions about one number, here of a model that has learned:

# %%
diagrams.precision_recall()

# %% [markdown]
# And of this untrained one, by hand:

# %%
as_spam, true, both = sum(row[1] for row in matrix), sum(matrix[1]), matrix[1][1]
spam = result.classes[1]
assert abs(spam.recall - both / max(true, 1)) < 1e-9
assert abs(spam.precision - both / max(as_spam, 1)) < 1e-9
print(f"precision: {both} of {as_spam} predicted so are: {spam.precision:.1%}")
print(f"recall: {both} of {true} were found: {spam.recall:.1%}")

# %% [markdown]
# A filter that loses your mail has low precision, and one that lets spam through low
# recall. The whole report has both for each class, and their harmonic mean,
# [F1](../docs/glossary.md#f1). After "predicted" stands a row of the matrix.
# [MCC](../docs/glossary.md#mcc), Matthews' correlation coefficient, is 0 for guessing
# and 1 for all right:

# %%
print(result.describe(names))

# %% [markdown]
# ## How sure is a score?
#
# The test part is a sample, so its accuracy is one draw as well. The report has a 95 %
# interval, by Wilson's formula: if the test were repeated with other messages of the
# same kind, such intervals would hold the true accuracy 95 times in 100. The more
# messages, the narrower. For 285 right answers out of 300, 95 %:

# %%
answers = torch.tensor([[1.0, 0.0]] * 285 + [[0.0, 1.0]] * 15)  # 285 say class 0
low, high = report(answers, torch.zeros(300).long()).interval
print(f"95 % measured on 300 messages: {low:.1%} to {high:.1%}")

# %% [markdown]
# Two models that are a point apart on 300 messages have not been told apart. Remember
# it when a table gives four digits: they tell single messages apart, not models. The
# remedy is more test messages, not more digits:
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
# Three questions. Below each put a letter for the first `...`, and for the second the
# chance that you are right, from 0.33 (a blind guess) to 1. Then each choice is
# explained.

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
# Compute it, without rounding:

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
# `unsure` with the higher loss, `confident` with the lower.

# %% tags=["exercise-2"]
unsure, confident = ..., ...

# %% tags=["check-2"]
check("6.2", (unsure, confident))

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
