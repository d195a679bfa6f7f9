# %% [markdown]
# Solutions to 2b · The audit. `wrong-N` is an answer that many give first: the check
# of exercise N names what it confuses.
#
# **1.** The counts of each side, divided by the label's messages.

# %% tags=["exercise-1"]
counted = sides(r"\?")
totals = messages["Label"].value_counts()
shares = [counted.get(name, 0) / totals[name] for name in names]

# %% tags=["wrong-1"]
shares = [sides(r"\?").get(name, 0) / len(messages) for name in names]

# %% [markdown]
# **2.** About 70 %: the twin is anywhere else, and 70 % of all is train.

# %% tags=["exercise-2"]
twice = pd.concat([messages, spam], ignore_index=True)
three = random_split(encode_labels(twice, names), seed=123)
of_test = three.test[three.test["Label"] == 1]["Text"]
share_leaked = of_test.isin(three.train["Text"]).mean()

# %% tags=["wrong-2"]
share_leaked = 1.0

# %% [markdown]
# **3.** One half to the fiftieth: nothing that chance does.

# %% tags=["exercise-3"]
by_chance = 0.5**50

# %% tags=["wrong-3"]
by_chance = 1 / 50
