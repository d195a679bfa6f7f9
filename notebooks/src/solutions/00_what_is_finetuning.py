# %% [markdown]
# Solutions to 0 · What is finetuning. `wrong-N` is an answer that many give first:
# the check of exercise N names what it confuses.
#
# **1.** 768 weights and one bias per class.

# %% tags=["exercise-1"]
head_of_five = 5 * 768 + 5

# %% tags=["wrong-1"]
head_of_five = 5 * 768

# %% [markdown]
# **2.** `rank * (768 + 768)` equals `768 * 768` at half the width. LoRA lives far
# below.

# %% tags=["exercise-2"]
rank_without_gain = 768 // 2

# %% tags=["wrong-2"]
rank_without_gain = 768

# %% [markdown]
# **3.** Smaller: one of 48 blocks instead of one of 12, though the embeddings, which
# are a third of the small model, are a smaller share of the large one.

# %% tags=["exercise-3"]
with torch.device("meta"):
    largest = GPTClassifier(GPT(GPTConfig(emb_dim=1600, n_layers=48, n_heads=25)))
result = set_trainable(largest, "last_block")
share_of_last_block = result.trained / result.total

# %% tags=["wrong-3"]
share_of_last_block = 1 / 12
