# %% [markdown]
# Solutions to 1 · Download and look. `wrong-N` is an answer that many give first: the
# check of exercise N names what it confuses.
#
# **1.** What "always ham" gets wrong, "always spam" gets right.

# %% tags=["exercise-1"]
always_spam = counts[names[1]] / counts.sum()

# %% tags=["wrong-1"]
always_spam = 0.5

# %% [markdown]
# **2.** The rarer class keeps all of its messages, the other as many.

# %% tags=["exercise-2"]
rows_when_equal = 2 * counts.min()

# %% tags=["wrong-2"]
rows_when_equal = counts.min()

# %% [markdown]
# **3.** The field that opens before a ends after c, so three lines make one row.

# %% tags=["exercise-3"]
puzzle = 'ham\t"a\nham\tb\nspam\tc"\nham\td\n'
rows_in_puzzle = len(pd.read_csv(io.StringIO(puzzle), sep="\t", header=None))

# %% tags=["wrong-3"]
rows_in_puzzle = 4
