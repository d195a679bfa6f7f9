# %% [markdown]
# Solutions to 14 · What the score is worth. `wrong-N` is an answer that many give
# first: the check of exercise N names what it confuses.
#
# **1.** Ham: of 10,000 messages 95 spam are caught, and 99 of 9,900 ham are lost.

# %% tags=["exercise-1"]
precision = 95 / (95 + 99)

# %% tags=["wrong-1"]
precision = 0.95

# %% [markdown]
# **2.** p (1 - p) / 0.005² messages.

# %% tags=["exercise-2"]
messages_needed = math.ceil(0.95 * 0.05 / 0.005**2)

# %% tags=["wrong-2"]
messages_needed = 300

# %% [markdown]
# **3.** It makes them equal: the model seems to know nothing.

# %% tags=["exercise-3"]
chances = [1 / (1 + math.exp(-3 / T)) for T in (1, 1000)]

# %% tags=["wrong-3"]
chances = [1 / (1 + math.exp(-3)), 0.0]
