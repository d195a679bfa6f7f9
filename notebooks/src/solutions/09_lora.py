# %% [markdown]
# Solutions to 9 · LoRA. `wrong-N` is an answer that many give first: the check of
# exercise N names what it confuses.
#
# **1.** The thin matrices have a quarter of the numbers, the head as many as before.

# %% tags=["exercise-1"]
head = sum(p.numel() for p in model.head.parameters())
with_rank_4 = (trained - head) // 4 + head

# %% tags=["wrong-1"]
with_rank_4 = trained // 4

# %% [markdown]
# **2.** No: the gradient of A contains B, and that of B contains A. If both are zero,
# neither ever changes.

# %% tags=["exercise-2"]
dead = LoRALinear(linear, LoRAConfig(rank=4))
dead.A.data.zero_()
dead(x).sum().backward()
gradient_of_B = dead.B.grad.abs().max().item()

# %% tags=["wrong-2"]
dead = LoRALinear(linear, LoRAConfig(rank=4))
dead(x).sum().backward()
gradient_of_B = dead.B.grad.abs().max().item()

# %% [markdown]
# **3.** The update has the rank that LoRA was allowed, the sum that of W: only the
# change is thin.

# %% tags=["exercise-3"]
layer = model.gpt.blocks[0].mlp.up
two_ranks = tuple(
    torch.linalg.matrix_rank(each).item() for each in (layer.B @ layer.A, layer.weight)
)

# %% tags=["wrong-3"]
layer = model.gpt.blocks[0].mlp.up
rank = torch.linalg.matrix_rank(layer.B @ layer.A).item()
two_ranks = (rank, rank)
