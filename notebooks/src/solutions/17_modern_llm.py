# %% [markdown]
# Solutions to 17 · A modern LLM. `wrong-N` is an answer that many give first: the check
# of exercise N names what it confuses.
#
# **1.** A key and a value, in each of 30 blocks, of 3 heads of 64 channels.

# %% tags=["exercise-1"]
smollm2 = LlamaConfig()
numbers_per_token = 2 * smollm2.n_layers * smollm2.n_kv_heads * smollm2.head_dim

# %% tags=["wrong-1"]
smollm2 = LlamaConfig()
numbers_per_token = 2 * smollm2.n_layers * smollm2.n_heads * smollm2.head_dim

# %% [markdown]
# **2.** No: 438,000 tokens. Within the context it never comes back to where it was.

# %% tags=["exercise-2"]
half = LlamaConfig().head_dim // 2
slowest = LlamaConfig().rope_base ** -((half - 1) / half)  # of a full circle's 2 pi
tokens_per_turn = 2 * math.pi / slowest

# %% tags=["wrong-2"]
tokens_per_turn = LlamaConfig().rope_base

# %% [markdown]
# **3.** Lower, with SmolLM2: without a block no token knows its neighbours, so this is
# a bag of words, though of words that have a meaning.

# %% tags=["exercise-3"]
without_blocks = score(0)

# %% tags=["wrong-3"]
without_blocks = frozen
