# %% [markdown]
# Solutions to 16 · Stress it. `wrong-N` is an answer that many give first: the check of
# exercise N names what it confuses.
#
# **1.** It does not: a 3 is a digit, and in `at 3` it must stay one. Case, typos and
# spaces are not undone either.

# %% tags=["exercise-1"]
undone = {
    "look-alike letters",
    "full-width letters",
    "zero-width spaces",
    "soft hyphens",
}

# %% tags=["wrong-1"]
from spamft.insight.edits import CHARACTERS

undone = set(CHARACTERS)

# %% [markdown]
# **2.** What stands at the end is what the head reads (notebook 15).


# %% tags=["exercise-2"]
def shout(text):
    return text + "!!!"


shouted = escapes(shout)


# %% tags=["wrong-2"]
def shout(text):
    return text.upper()


shouted = escapes(shout)

# %% [markdown]
# **3.** A share of 150 messages is known to some points; 1,000 times its ends is the
# answer. Of classes other than ham and spam there are no notices.

# %% tags=["exercise-3"]
found = locked_alarms(run.model, run.tokenizer, run.rule)
interval = found and (found.false_alarms.low, found.false_alarms.high)

# %% tags=["wrong-3"]
interval = (0.0, 1.0)
