# %% [markdown]
# # 14 · Ask what the score is worth
#
# - **You will** measure how much of a score is luck of the draw and the split, whether
#   "90 % sure" is right 9 times out of 10, of the model and of you, choose a threshold
#   for a filter that may lose one message in a hundred, and compute what remains of the
#   precision where spam is rare.
# - **You need** notebooks 6 and 7.
# - **It takes** 30 minutes to read, 20 for questions and exercises. The page runs in
#   seconds with the bundled GPT, longer with GPT-2.
# - **A file of your own** works, too: `DATA = "mine.csv"`, with two classes and at
#   least 100 messages of each; TEXT and LABEL name its columns, if they are not Text
#   and Label. The class that comes second by name stands where spam does here.
# - **The outputs stored here** were made on the SMS collection with the small GPT.
#
# The lecture ends with three CSV files, the book's chapter 6 with an accuracy. This
# notebook, which is ours, asks what such a number means.

# %%
import math

import numpy as np
import pandas as pd
import torch

import spamft
from spamft import diagrams
from spamft.check import ask, check, guess
from spamft.check.calibration import calibration
from spamft.data import balance, encode_labels, random_split
from spamft.evaluate import reliability, report
from spamft.insight import calibrate
from spamft.insight.baselines import words
from spamft.plots import BLUE, ORANGE, paper, plot_costs, plot_reliability
from spamft.reading.layout import Layout
from spamft.sources import open_messages, open_splits
from spamft.sources.duplicates import put_aside
from spamft.sources.lessons import lesson_names
from spamft.use.predict import dataset_for, predict_in_order

# %% tags=["parameters", "collection"]
DATA = "auto"
TEXT, LABEL = None, None  # the columns of a file of your own
MODEL = "gpt"
SEED = 123
DEVICE = "auto"  # or "cuda", "mps", "cpu"

# %% [markdown]
# ## Luck of the split
#
# For this question the quickest model will do: word counts. Draw the ham, shuffle and
# cut thirty times, each time with another [seed](../docs/glossary.md#seed); train and
# test each time:

# %% tags=["slow"]
options = {"layout": Layout(text=TEXT, label=LABEL), "cache_dir": "../data"}
messages, source = open_messages(DATA, lecture=True, **options)
names = lesson_names(messages)
scores = []
for seed in range(30):
    drawn = encode_labels(balance(messages, seed=seed), names)
    cut = random_split(drawn, seed=seed)
    quick = words().fit(cut.train["Text"], cut.train["Label"])
    scores.append(quick.score(cut.test["Text"], cut.test["Label"]) * 100)
scores = pd.Series(scores)
print(f"mean {scores.mean():.1f} %, standard deviation {scores.std():.1f}")

# %%
figure, axes = paper(
    f"Histogram of 30 accuracies of one model, from {scores.min():.1f} to "
    f"{scores.max():.1f} %.",
    height=3,
)
axes.hist(scores, bins=12, color=BLUE)
axes.axvline(scores[0], color=ORANGE, label="the first seed alone")
axes.set_xlabel("test accuracy (%)")
axes.set_ylabel("split seeds (number)")
axes.legend(frameon=False)
figure

# %% [markdown]
# > **You should see** a spread of several points, from nothing but another shuffle.
# > Many differences in the table of experiments that comes with the book are smaller.
#
# How much spread should chance give? Throw n coins that show heads with probability p.
# The share of heads has a standard deviation of √(p (1 − p) / n): 1.3 points for
# p = 0.95 and n = 300. A test part is like that, if it is drawn from endlessly many
# messages. Ours share messages, for they come from the same N, so they differ less:
# by the factor √(1 − n / N).

# %%
n, p = len(cut.test), scores.mean() / 100
chance = 100 * math.sqrt(p * (1 - p) / n)
same_pool = chance * math.sqrt(1 - n / len(drawn))
print(f"{n} messages of endlessly many: {chance:.1f} points")
print(f"{n} of the same {len(drawn)}: {same_pool:.1f} points")
print(f"measured with 30 splits: {scores.std():.1f} points")

# %% [markdown]
# Thirty numbers show their standard deviation only roughly. Within that, chance
# explains what we measured. For messages that the model has yet to meet, the first
# number counts: twice that one, to either side, is about the interval that a report
# prints.
#
# ## Is 90 % sure right 9 times out of 10?
#
# Now the GPT, finetuned as in notebook 7, on parts without
# [leaks](../docs/glossary.md#leak). The ham that balancing left out comes along, as a
# test of its own:

# %%
data = open_splits(DATA, seed=SEED, **options)
aside = put_aside(data.df, data.splits)
aside = aside[aside["Label"] == names[0]].sample(frac=1, random_state=SEED).head(800)
print(f"{len(aside)} {names[0]} left out")
if len(aside) < 100:  # the other class is as frequent: those of the test part must do
    aside = data.splits.test.query("Label == 0")
aside = aside.assign(Label=0)

# %% tags=["slow"]
run = spamft.finetune(data, MODEL, seed=SEED, device=DEVICE)


def answers(part):
    """(N, 2) logits and (N,) labels"""
    dataset = dataset_for(run.model, part, run.tokenizer)
    return predict_in_order(run.model, dataset), torch.tensor(part["Label"].tolist())


# from here on each part is a pair, its logits and its labels
validation, test, ham = map(answers, (*data.splits[1:], aside))
before = report(*test)
low, high = before.interval
print(f"accuracy {before.accuracy:.1%}, 95 % interval {low:.1%} to {high:.1%}")

# %% [markdown]
# The probability that a model gives to its own prediction is its
# [confidence](../docs/glossary.md#confidence). Put the test messages into bins by
# confidence, and count how often the model is right in each. If both agree, the model
# is *calibrated* ([calibration](../docs/glossary.md#calibration)); if it is right less
# often than sure, it is *overconfident*.

# %%
columns = ["confidence", "accuracy", "messages"]
pd.DataFrame(reliability(*test, bins=5), columns=columns).round(2)

# %% [markdown]
# Look at the last column first: most messages are in the surest bin, and a bin of ten
# says little. The *expected calibration error* is the mean gap between confidence and
# accuracy over all messages, so full bins count more. By hand, with ten bins as in the
# report:

# %%
# *test: both of the pair; .T: columns instead of rows
sure, right, count = reliability(*test).T
by_hand = (np.abs(sure - right) * count).sum() / count.sum()
assert abs(by_hand - before.calibration_error) < 1e-9
print(f"on average {by_hand:.1%} between sure and right")

# %% [markdown]
# One number corrects a part of it: divide all [logits](../docs/glossary.md#logit) by a
# *temperature*, chosen on the validation part for the lowest loss. Logits of (0, 4)
# mean 98 % spam; divided by 2 they are (0, 2), and mean 88 %. No verdict changes.
# (The `temperature` of text generation is the same.) `finetune` has done so, too, for
# the probabilities that `run.classify` shows:

# %%
temperature = calibrate.fit_temperature(*validation)
softened = test[0] / temperature
after = report(softened, test[1])
assert after.accuracy == before.accuracy
print(f"temperature {temperature:.2f}, the run's {run.rule.temperature:.2f}")
for name, each in (("as trained", before), ("with temperature", after)):
    print(f"{name:18s}error {each.calibration_error:.1%}, loss {each.loss:.3f}")

# %%
tables = {
    "as trained": reliability(*test, bins=5),
    "with temperature": reliability(softened, test[1], bins=5),
}
plot_reliability(tables)

# %% [markdown]
# Such a picture is a *reliability diagram*; a larger dot stands for more messages.
# Below the dotted line the model is overconfident. That is no accident: when the loss
# of the training messages is near 0, the easiest way to lower it further is to make the
# logits larger. The temperature brings sure and right nearer, not together. Use it
# where a person reads the probabilities, or a program multiplies them by a cost.
#
# ## And you?
#
# Wherever you guessed in this course, you also said how sure you were. So you have a
# reliability diagram, too. Here it is, beside the model's:

# %%
calibration().beside({"the model": reliability(*test, bins=5)})

# %% [markdown]
# If there are words and no picture, too few of your guesses have an answer: come back
# later. `print(calibration())` in a cell of your own says whether you are
# overconfident, and which temperature would calibrate you. Its *Brier score* is the
# mean of (sure − right)², where right is 1 or 0.
#
# ## A filter must not lose mail
#
# Predicting spam above 50 % treats both errors alike. For mail they are not: a missed
# spam is a nuisance, a lost message may be a job. So fix the share of ham that may be
# lost, and take the lowest [threshold](../docs/glossary.md#threshold) that keeps to it.
# Half of the ham that was left out chooses the threshold, the other half checks it:

# %%
spam_of = [calibrate.spam_scores(logits / temperature) for logits, _ in (test, ham)]
half = len(aside) // 2
chosen = spam_of[1][:half]
wanted = max(0.01, 2 / half)  # one in a hundred, or what so few can show
threshold = calibrate.choose_threshold(chosen, torch.zeros(half), wanted)
print(f"threshold {threshold:.3f}")

# %%
checked = torch.cat([spam_of[0][test[1] == 1], spam_of[1][half:]])
rest = len(aside) - half  # the ham stands behind the spam
truth = torch.cat([torch.ones(len(checked) - rest), torch.zeros(rest)]).long()
for name, at in (("at 50 %", 0.5), ("chosen", threshold)):
    rates = calibrate.rates_at(checked, truth, at)
    caught, lost = rates.recall, rates.false_positives
    print(
        f"{name:8s} catches {caught:.1%} of the {names[1]}, "
        f"loses {lost:.2%} of the {names[0]}"
    )

# %% [markdown]
# > **You should see** that less ham is lost and less spam caught. The first line is
# > what the accuracy on equal classes hid: most real mail is ham, and of that the model
# > loses more than one in a hundred. Is the second line a filter that you want? That
# > depends on the model: with the small sample it catches only about a fifth.
# > `finetune(..., false_alarms=0.01)` chooses such a threshold, too, and saves it with
# > the model.
#
# ## Where spam is rare
#
# [Recall](../docs/glossary.md#recall) and the share of lost ham are properties of the
# filter. [Precision](../docs/glossary.md#precision), the share of caught messages that
# are spam, also depends on how much spam there is. By hand, for 1,000 messages:

# %%
rates = calibrate.rates_at(checked, truth, threshold)
table = {}
for share in (0.5, 0.13, 0.01):
    caught = 1000 * share * rates.recall
    lost = 1000 * (1 - share) * rates.false_positives
    precision_there = calibrate.at_share(rates, share)
    assert abs(precision_there * (caught + lost) - caught) < 1e-9
    row = {"caught": caught, "lost": lost, "precision": precision_there}
    table[f"{share:.0%} {names[1]}"] = row
pd.DataFrame(table).T.round(2)

# %% [markdown]
# 13 % is the share of spam in the SMS collection; for many people it is nearer to 1 %.
# The last line again as a picture, with 100,000 messages. Precision asks about the
# column of what was caught, recall about the row of what is spam:

# %%
few, many = 1_000, 99_000
caught, lost = round(few * rates.recall), round(many * rates.false_positives)
diagrams.precision_recall([[many - lost, lost], [few - caught, caught]], names)

# %% [markdown]
# With the same filter, precision falls sharply as spam gets rarer (unless the check
# lost no ham at all).
#
# ## Tell the model how rare spam is
#
# It was trained where spam to ham was 1 : 1. Such a ratio is called *odds*. Where 13 %
# are spam the odds are 13 : 87. So multiply the model's odds by 13/87 (*Bayes' rule*).
# Spam's logit minus ham's is the logarithm of the odds, so add ln(13/87), about -1.9:

# %%
half_spam, natural = torch.tensor([0.5, 0.5]), torch.tensor([0.87, 0.13])
shifted = calibrate.shift_prior(softened, half_spam, natural)
by_hand = softened[:, 1] - softened[:, 0] + math.log(0.13 / 0.87)
assert torch.allclose(shifted[:, 1] - shifted[:, 0], by_hand, atol=1e-5)

# %% [markdown]
# Is that right or wrong? It depends on where the model works. The accuracy follows from
# recall and lost ham, at any share of spam:

# %%
table = {}
for name, logits in {"before": softened, "told of 13 %": shifted}.items():
    at_half = calibrate.rates_at(calibrate.spam_scores(logits), test[1], 0.5)
    kept = 1 - at_half.false_positives
    table[name] = {
        f"accuracy at {share:.0%}": share * at_half.recall + (1 - share) * kept
        for share in (0.5, 0.13)
    }
pd.DataFrame(table).T.round(3)

# %% [markdown]
# > **You should see** that it costs accuracy where half is spam, for there it is told
# > something false, and gains more where 13 % are.
#
# ## The price of a mistake
#
# Which threshold is best depends on the price. Let a lost ham cost as much as 1, 10 or
# 100 missed spam, at 13 % spam. What does the cheapest threshold do?

# %%
curve = calibrate.threshold_curve(checked, truth).iloc[1:]
prices = (1, 10, 100)
by_price = {f"lost {names[0]} = {c}": calibrate.costs(curve, 0.13, c) for c in prices}
cheapest = {name: curve.loc[cost.idxmin()] for name, cost in by_price.items()}
pd.DataFrame(cheapest).T.round(3)

# %% [markdown]
# The whole curves; each line upward is ten times the cost below it, and to the right
# there is as much room from 90 to 99 % as from 50 to 90 %:

# %%
plot_costs(curve["threshold"].tolist(), by_price)

# %% [markdown]
# The more a lost message costs, the higher the best threshold, or it stays: the
# filter must be surer. (For a real filter, choose the threshold on messages that you do
# not then measure on.) Nothing of this took more training: one model, and as many
# filters as there are prices, each a line of code.
#
# ## What just happened
#
# - Another draw and split move the score by points; an interval says how much to
#   expect.
# - The model was overconfident, and one temperature brought confidence nearer to
#   accuracy.
# - A threshold for lost ham, and precision at the real share, say what accuracy
#   cannot.
#
# ## What if?
#
# Three questions. Below each put a letter for the first `...`, and for the second the
# chance that you are right, from 0.33 (a blind guess) to 1. Then each choice is
# explained.
# These count in your diagram, too.

# %%
ask("14.q1")

# %% tags=["guess-q1"]
guess("14.q1", ..., sure=...)

# %% [markdown]
# The second one:

# %%
ask("14.q2")

# %% tags=["guess-q2"]
guess("14.q2", ..., sure=...)

# %% [markdown]
# And the third:

# %%
ask("14.q3")

# %% tags=["guess-q3"]
guess("14.q3", ..., sure=...)

# %% [markdown]
# ## Exercises
#
# Guess, then compute. A number that you guess counts as right within a tenth. The cell
# with `check` says whether you are right and why, and what a usual mistake confuses.
# Solutions: `src/solutions/14_what_the_score_is_worth.py`.
#
# **1.** *Guess:* a filter catches 95 % of spam and loses 1 % of ham. If 1 % of messages
# are spam, is a caught message more likely `"spam"` or `"ham"`?

# %% tags=["guess-1"]
guess("14.1", ..., sure=...)

# %% [markdown]
# Compute the precision:

# %% tags=["exercise-1"]
precision = ...

# %% tags=["check-1"]
check("14.1", precision)

# %% [markdown]
# **2.** *Guess:* how many test messages does it take for a standard deviation of 0.5
# percentage points (0.005), at an accuracy of 95 %?

# %% tags=["guess-2"]
guess("14.2", ..., sure=...)

# %% [markdown]
# Compute it, a whole number, for messages drawn from endlessly many:

# %% tags=["exercise-2"]
messages_needed = ...

# %% tags=["check-2"]
check("14.2", messages_needed)

# %% [markdown]
# **3.** *Guess:* what does the probability of either of two classes tend to at a very
# high temperature?

# %% tags=["guess-3"]
guess("14.3", ..., sure=...)

# %% [markdown]
# Put into `chances` the spam probability of the logits (0, 3) at temperatures 1 and
# 1000, as a list of two numbers:

# %% tags=["exercise-3"]
chances = ...

# %% tags=["check-3"]
check("14.3", chances)

# %% [markdown]
# **Next:** [15 · Why did it say spam?](15_why_spam.ipynb): a score counts mistakes;
# the next page asks for their reasons.
