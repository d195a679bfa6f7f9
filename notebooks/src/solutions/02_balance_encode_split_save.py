# %% [markdown]
# Solutions to 2 · Balance, encode, split and save. `wrong-N` is an answer that many
# give first: the check of exercise N names what it confuses.
#
# **1.** 1494 * 0.8 = 1195.2 and 149.4 are rounded down; the test part takes the rest.

# %% tags=["exercise-1"]
three_sizes = [1195, 149, 150]

# %% tags=["wrong-1"]
three_sizes = [1195, 149, 149]

# %% [markdown]
# **2.** Another seed is another draw of a fifth, so about a fifth of them meet again.

# %% tags=["exercise-2"]
share_kept = (
    splits.test["Text"]
    .isin(random_split(encoded, 0.7, 0.1, seed=7).test["Text"])
    .mean()
)

# %% tags=["wrong-2"]
share_kept = 0.7

# %% [markdown]
# **3.** All ham stands before all spam, so the last fifth is spam alone: a model that
# calls everything spam would look perfect.

# %% tags=["exercise-3"]
unshuffled = Splits(
    encoded.iloc[:train_end],
    encoded.iloc[train_end:validation_end],
    encoded.iloc[validation_end:],
)

# %% tags=["wrong-3"]
unshuffled = splits
