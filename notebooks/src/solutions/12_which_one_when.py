# %% [markdown]
# Solutions to 12 · Which one, when. `wrong-N` is an answer that many give first: the
# check of exercise N names what it confuses.
#
# **1.** No: 5 messages, all on one side, happen by chance once in 16 times.

# %% tags=["exercise-1"]
p_value = paired_test(np.arange(300) < 290, np.arange(300) < 285)

# %% tags=["wrong-1"]
p_value = 5 / 300

# %% [markdown]
# **2.** Filter, then take the quickest.

# %% tags=["exercise-2"]
best_quick = frame.loc[frame["accuracy"].idxmax()]
enough = frame[frame["accuracy"] >= best_quick["interval_low"]]
choice = enough.loc[enough["seconds"].idxmin(), "method"]

# %% tags=["wrong-2"]
choice = frame.loc[frame["seconds"].idxmin(), "method"]

# %% [markdown]
# **3.** About half: the width falls with the square root of the number.

# %% tags=["exercise-3"]
low, high = interval(correct)
low_4, high_4 = interval(np.tile(correct, 4))
ratio = (high - low) / (high_4 - low_4)

# %% tags=["wrong-3"]
ratio = 4.0
