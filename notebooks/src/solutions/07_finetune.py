# %% [markdown]
# Solutions to 7 · Finetune. `wrong-N` is an answer that many give first: the check of
# exercise N must refuse it.
#
# **1.** One step a batch.

# %% tags=["exercise-1"]
steps = len(train_loader) * config.epochs

# %% tags=["wrong-1"]
steps = len(datasets[0]) * config.epochs

# %% [markdown]
# **2.** Only the last one: the others were frozen.

# %% tags=["exercise-2"]
moved = set()
for i, block in enumerate(model.gpt.blocks):
    pairs = zip(block.parameters(), untrained.gpt.blocks[i].parameters(), strict=True)
    if not all(torch.equal(a, b) for a, b in pairs):
        moved.add(i)

# %% tags=["wrong-2"]
moved = set(range(model.gpt.config.n_layers))

# %% [markdown]
# **3.** Lower: the head alone can only weigh what the frozen body says about the next
# token, not about spam.

# %% tags=["exercise-3"]
head_only = copy.deepcopy(untrained)
set_trainable(head_only, "head")
train_again = make_loader(datasets[0], 8, shuffle=True, drop_last=True, seed=SEED)
with run_trunk(head_only, [train_again, everything[1], everything[2]]) as (top, hidden):
    fit(top, *hidden[:2], recipe.train)
    print(f"head only: {evaluate(top, hidden[2]).accuracy:.2%}")

# %% tags=["wrong-3"]
head_only = copy.deepcopy(model)
