# %% [markdown]
# Solutions to 15 · Why did it say spam. `wrong-N` is an answer that many give first:
# the check of exercise N names what it confuses.
#
# **1.** They need not: what two tokens say together is counted twice or not at all.

# %% tags=["exercise-1"]
sum_left_out = sum(left_out.contributions)

# %% tags=["wrong-1"]
sum_left_out = left_out.score - left_out.baseline

# %% [markdown]
# **2.** For example with the first spam that it caught.

# %% tags=["exercise-2"]
mine = spam[0]
asked_again = explain.leave_one_out(model, tokenizer, mine)
shares = asked_again.contributions
strongest = asked_again.tokens[shares.index(max(shares))]

# %% tags=["wrong-2"]
mine, strongest = message, "nothing"

# %% [markdown]
# **3.** With the sample and the bundled GPT, yes: more verdicts change than with the
# full stop, though every word is still there.


# %% tags=["exercise-3"]
def reverse(text):
    return " ".join(text.split()[::-1])


changed = explain.count_flips(model, tokenizer, spam, reverse).changed


# %% tags=["wrong-3"]
def reverse(text):
    return text[::-1]


changed = explain.count_flips(model, tokenizer, spam, reverse).changed
