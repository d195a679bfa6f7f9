# %% [markdown]
# Solutions to 4 · GPT and its weights. `wrong-N` is an answer that many give first:
# the check of exercise N names what it confuses.
#
# **1.** Almost a third, which is why the output layer reuses it.

# %% tags=["exercise-1"]
share_of_embedding = 50257 * 768 / count(GPTConfig())

# %% tags=["wrong-1"]
share_of_embedding = 768 / 50257

# %% [markdown]
# **2.** To three: the first, the second and itself. Shares add up to 1.

# %% tags=["exercise-2"]
attends_to, adds_up_to = 3, 1.0

# %% tags=["wrong-2"]
attends_to, adds_up_to = 2, 1.0

# %% [markdown]
# **3.** No: the model has learned an order, not a bag of words.

# %% tags=["exercise-3"]
jumbled = " ".join(sorted(text.split()))

# %% tags=["wrong-3"]
jumbled = text
