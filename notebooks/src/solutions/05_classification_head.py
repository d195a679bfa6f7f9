# %% [markdown]
# Solutions to 5 · A classification head. `wrong-N` is an answer that many give first:
# the check of exercise N names what it confuses.
#
# **1.** Only differences of logits matter.

# %% tags=["exercise-1"]
probability = math.exp(12) / (math.exp(11) + math.exp(12))

# %% tags=["wrong-1"]
probability = 12 / 23

# %% [markdown]
# **2.** Twelve times C weights, and twelve biases.

# %% tags=["exercise-2"]
head_of_twelve = 12 * C + 12

# %% tags=["wrong-2"]
head_of_twelve = 12 * C

# %% [markdown]
# **3.** With "first": that token has seen nothing else.

# %% tags=["exercise-3"]
differences = []
for pooling in ("first", "last_real"):
    reader = GPTClassifier(gpt, pooling=pooling, seed=SEED).to(device).eval()
    with torch.no_grad():
        differences.append((reader(one) - reader(two)).abs().max().item())

# %% tags=["wrong-3"]
differences = 0.0, 0.0
