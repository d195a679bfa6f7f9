# %% [markdown]
# Solutions to 7 · Finetune. `wrong-N` is an answer that many give first: the check of
# exercise N names what it confuses.
#
# **1.** One step per batch.

# %% tags=["exercise-1"]
steps = len(train_loader) * config.epochs

# %% tags=["wrong-1"]
steps = len(encoded.train) * config.epochs

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
# **3.** Lower, as a rule: the head alone can only weigh what the frozen body computed
# to predict the next token.

# %% tags=["exercise-3"]
head_only = copy.deepcopy(untrained)
set_trainable(head_only, "head")
the_head, vectors = cache_trunk(head_only, encoded)
train_again = make_loader(vectors.train, 8, shuffle=True, drop_last=True, seed=SEED)
fit(the_head, train_again, make_bucketed_loader(vectors.validation), recipe)
result = evaluate(the_head, make_bucketed_loader(vectors.test))
print(f"head only: {result.accuracy:.2%}")

# %% tags=["wrong-3"]
head_only = copy.deepcopy(model)
