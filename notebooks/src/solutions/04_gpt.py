# %% [markdown]
# Solutions to 4 · Inside a GPT. `wrong-N` is an answer that many give first: the check
# of exercise N names what it confuses.
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
# **3.** No: attention adds up what it gathers, and a sum has no order. Without the
# position embedding the last token cannot tell which of two earlier ones came first.

# %% tags=["exercise-3"]
swapped = ids[:, [1, 0, *range(2, ids.shape[1])]]
with torch.no_grad():
    one, two = (block(gpt.tok_emb(each)) for each in (ids, swapped))
difference = (one[0, -1] - two[0, -1]).abs().max().item()

# %% tags=["wrong-3"]
swapped = ids[:, [1, 0, *range(2, ids.shape[1])]]
with torch.no_grad():
    one, two = (block(gpt.embed(each)) for each in (ids, swapped))
difference = (one[0, -1] - two[0, -1]).abs().max().item()
