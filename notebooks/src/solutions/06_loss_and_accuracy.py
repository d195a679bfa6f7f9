# %% [markdown]
# Solutions to 6 · Loss and accuracy. `wrong-N` is an answer that many give first: the
# check of exercise N names what it confuses.
#
# **1.** Minus ln of a fifth.

# %% tags=["exercise-1"]
coin_of_five = math.log(5)

# %% tags=["wrong-1"]
coin_of_five = math.log(2)

# %% [markdown]
# **2.** Yes: accuracy asks only which one is larger, the loss asks by how much.

# %% tags=["exercise-2"]
unsure, confident = torch.tensor([[0.1, 0.0]]), torch.tensor([[5.0, 0.0]])

# %% tags=["wrong-2"]
unsure, confident = torch.tensor([[0.0, 0.1]]), torch.tensor([[5.0, 0.0]])

# %% [markdown]
# **3.** 87 %, and nothing caught.

# %% tags=["exercise-3"]
never_accuracy, never_recall = 0.87, 0.0

# %% tags=["wrong-3"]
never_accuracy, never_recall = 0.5, 0.5
