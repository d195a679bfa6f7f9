# %% [markdown]
# Solutions to 10 · QLoRA. `wrong-N` is an answer that many give first: the check of
# exercise N names what it confuses.
#
# **1.** No: it becomes 1 or -1, and both are levels.

# %% tags=["exercise-1"]
level_of_the_largest = 1.0

# %% tags=["wrong-1"]
level_of_the_largest = block.abs().max().item()

# %% [markdown]
# **2.** 7 times 0.516 bytes.

# %% tags=["exercise-2"]
gigabytes = 3.6

# %% tags=["wrong-2"]
gigabytes = 3.5

# %% [markdown]
# **3.** No: divided by 5 they are all nearest to the level 0. That is why blocks are
# small.

# %% tags=["exercise-3"]
outlier = torch.randn(64, generator=torch.Generator().manual_seed(1)) * 0.02
outlier[0] = 5.0
lost = (dequantize(quantize(outlier), (64,)) == 0).float().mean().item()

# %% tags=["wrong-3"]
lost = 0.0
