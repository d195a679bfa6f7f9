# %% [markdown]
# # 7c · Find out what is wrong with nine trainings
#
# - **You will** look at nine trainings, each spoilt by one fault, name the fault from
#   the curves, the report and a few messages, and be told what gives it away.
# - **You need** notebooks 5 to 7; notebook 7b for the learning rate.
# - **It takes** 10 minutes to read, 40 for questions and exercises. The page runs in
#   half a minute, longer beside other programs.
#
# Neither the lecture nor the book has this page. Code that trains a model seldom
# crashes when it is wrong. It runs, prints numbers, and the numbers are worse than they
# might be, or better than is true. Finding out why is half of the work, and can be
# practised.

# %%
from spamft import diagrams
from spamft.check import ask, check, guess
from spamft.check.faults import FAULTS, learn, prepare, show  # for this page alone
from spamft.plots import plot_losses
from spamft.sources import open_model, open_splits

# %% tags=["parameters"]
DATA = "sample"  # the messages of which the explanations speak: two classes
MODEL = "tiny"
SEED = 123
FEW = 240  # training messages
HIGHEST = 2.0  # nats, where the axes of the curves end

# %% [markdown]
# ## A sound training
#
# The method is that of notebook 7: the last block of the bundled GPT, the final norm
# and the head train, and the blocks below have run once. A fault can sit at any place
# of this round, in the messages before it, or in the measuring after it.

# %%
diagrams.training_step()

# %%
data, opened = open_splits(DATA, seed=SEED), open_model(MODEL)
names = data.names
healthy = prepare(data, opened, FEW)  # tokens, a head; the frozen blocks run once
sound = learn(healthy)  # the loop of notebook 7, four epochs

# %% [markdown]
# The log has a line per epoch. `show` prints the last one, the test part twice, how
# many of each class were found, and the mistakes of which the model is surest: `spam as
# ham 0.97` is a spam that was predicted ham, with a probability of 97 %.

# %%
print(*sound.history, sep="\n")
print(show(sound, names))

# %% [markdown]
# > **You should see** a training as it should be. The first epoch is below ln 2 = 0.69,
# > the loss of a model that gives each of two classes one half. The training loss falls
# > to almost 0. The validation loss falls and then rises a little
# > ([overfitting](../docs/glossary.md#overfitting)). Validation and test are alike, up
# > to what chance does: 5 to 8 points each way, with one or two hundred messages. Both
# > classes are found.
#
# In the nine runs below one thing each is wrong, and all else is as above. In
# `spamft/check/faults.py` each fault is a function of a few lines; look there after you
# have guessed. A fault is chosen by its number:

# %% tags=["slow"]
runs = {number: learn(spoil(healthy)) for number, spoil in FAULTS.items()}


def curves(*numbers):
    # | joins two dicts
    shown = {"sound": sound} | {f"run {number}": runs[number] for number in numbers}
    figure = plot_losses({name: run.history for name, run in shown.items()})
    figure.axes[0].set_ylim(0, HIGHEST)  # the others share it
    return figure


# %% [markdown]
# ## Runs 1 to 3
#
# The curves first. What is above the axis is cut off.
#
# Then a run's report, the question, and your guess: `"a"`, `"b"` or `"c"` in place of
# the first `...`, and the chance that you are right, from 0.33 (a blind guess) to 1, in
# place of the second. Your answer is kept in `guesses.json`, and then explained.

# %%
curves(1, 2, 3)

# %% [markdown]
# Run 1:

# %%
print(show(runs[1], names))

# %%
ask("7c.q1")

# %% [markdown]
# What is wrong?

# %% tags=["guess-q1"]
guess("7c.q1", ..., sure=...)

# %% [markdown]
# Run 2:

# %%
print(show(runs[2], names))

# %%
ask("7c.q2")

# %% [markdown]
# What is wrong?

# %% tags=["guess-q2"]
guess("7c.q2", ..., sure=...)

# %% [markdown]
# Run 3:

# %%
print(show(runs[3], names))

# %%
ask("7c.q3")

# %% [markdown]
# What is wrong?

# %% tags=["guess-q3"]
guess("7c.q3", ..., sure=...)

# %% [markdown]
# ## Runs 4 to 6
#
# Compare the first epoch with that of the sound run, and each class with the other.

# %%
curves(4, 5, 6)

# %% [markdown]
# Run 4:

# %%
print(show(runs[4], names))
ask("7c.q4")

# %% tags=["guess-q4"]
guess("7c.q4", ..., sure=...)

# %% [markdown]
# Run 5:

# %%
print(show(runs[5], names))
ask("7c.q5")

# %% tags=["guess-q5"]
guess("7c.q5", ..., sure=...)

# %% [markdown]
# Run 6:

# %%
print(show(runs[6], names))
ask("7c.q6")

# %% tags=["guess-q6"]
guess("7c.q6", ..., sure=...)

# %% [markdown]
# ## Runs 7 to 9
#
# Two of these look fine at first sight. Compare what should be equal: validation with
# test, and the test part with itself.

# %%
curves(7, 8, 9)

# %% [markdown]
# Run 7:

# %%
print(show(runs[7], names))
ask("7c.q7")

# %% tags=["guess-q7"]
guess("7c.q7", ..., sure=...)

# %% [markdown]
# Run 8:

# %%
print(show(runs[8], names))
ask("7c.q8")

# %% tags=["guess-q8"]
guess("7c.q8", ..., sure=...)

# %% [markdown]
# Run 9:

# %%
print(show(runs[9], names))
ask("7c.q9")

# %% tags=["guess-q9"]
guess("7c.q9", ..., sure=...)

# %% [markdown]
# ## What to look at first
#
# Cheap things first; each is looked at in a minute or two.
#
# - *The first loss* is about ln K for K classes. Else labels or head have the wrong
#   size, or the rate is so large that the first steps destroy what was there.
# - *Ten messages with their labels*, as the model gets them: would you agree? Else
#   labels are swapped or shifted, or text is cut away.
# - *The classes of each part* have alike sizes. Else it was split before it was
#   shuffled.
# - *Ten messages alone*, trained on until the loss is 0: it must get there. Else
#   nothing trains, the rate is too small, gradients are not reset, or the wrong token
#   is read.
# - *Validation* is above chance. Below it, labels mean different things in two parts.
# - *Test like validation*, within their intervals. Else one of them has a leak; count
#   the messages that both have (notebook 2b).
# - *The same evaluation, twice*, is equal to the digit. Else dropout is on, or the
#   messages are drawn anew.
# - *A baseline* (notebook 7) stays below the model. Else the task is easy, or the model
#   is broken.
#
# A good score is examined like a bad one. Of the nine faults, two made the score better
# than it is.
#
# ## What just happened
#
# - A fault leaves its mark: in the first epoch, between the parts, between the classes,
#   or between two evaluations.
# - Below chance is not bad luck; something is exactly the wrong way round.
# - Too good is a symptom, too: find out which messages the model had seen before.
#
# ## Exercises
#
# Guess, then compute. A number that you guess counts as right within a tenth.
# Solutions: `src/solutions/07c_what_is_wrong.py`.
#
# **1.** A weight's gradients of three batches would be 1, 2 and 3. Nobody resets them.
# *Guess:* with which gradient is the third step made?

# %% tags=["guess-1"]
guess("7c.1", ..., sure=...)

# %% [markdown]
# Compute it with PyTorch: a tensor `weight` that requires grad, and the losses
# `1 * weight`, `2 * weight`, `3 * weight`, one `backward()` each.

# %% tags=["exercise-1"]
third_gradient = ...

# %% tags=["check-1"]
check("7c.1", third_gradient)

# %% [markdown]
# **2.** *Guess:* in one of the runs test messages stand in the training part. Which
# share of the test part, from 0 to 1?

# %% tags=["guess-2"]
guess("7c.2", ..., sure=...)

# %% [markdown]
# Count it, by the texts: `runs[n].setup.test.texts` are those of run n, `.train.texts`
# the others.

# %% tags=["exercise-2"]
share_leaked = ...

# %% tags=["check-2"]
check("7c.2", share_leaked, runs=runs)

# %% [markdown]
# **3.** *Guess:* does a rule that only counts the classes of each part find more than
# one of the nine faults, `"yes"` or `"no"`?

# %% tags=["guess-3"]
guess("7c.3", ..., sure=...)

# %% [markdown]
# Write it: a list of the numbers of those runs in which a part has no message of one of
# the classes. The parts of run n are `runs[n].setup.train`, `.validation` and `.test`,
# and a part's class ids are in `part.hidden.labels`.

# %% tags=["exercise-3"]
one_class_only = ...

# %% tags=["check-3"]
check("7c.3", one_class_only, runs=runs)

# %% [markdown]
# **Next:** [8 · Use it](08_use_it.ipynb): your own messages, on a training that is
# sound.
