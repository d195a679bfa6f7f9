# %% [markdown]
# Solutions to 3 · Batches. `wrong-N` is an answer that many give first: the check of
# exercise N names what it confuses.
#
# **1.** The full batches, and one more for the rest: round up.

# %% tags=["exercise-1"]
batches_of_32 = math.ceil(len(dataset) / 32)

# %% tags=["wrong-1"]
batches_of_32 = len(dataset) // 32

# %% [markdown]
# **2.** Capitals are rare in the text that tokenizers are built on, so they become more
# and smaller pieces.

# %% tags=["exercise-2"]
shouted = "CALL NOW TO CLAIM YOUR PRIZE"
loud_tokens = len(tokenizer.encode_ordinary(shouted))
more = loud_tokens / len(tokenizer.encode_ordinary(shouted.lower()))

# %% tags=["wrong-2"]
more = 1

# %% [markdown]
# **3.** All of it: padding is there only for messages of different lengths.


# %% tags=["exercise-3"]
def fill(batch):
    return (batch.lengths.sum() / batch.ids.numel()).item()


# %% tags=["wrong-3"]
def fill(batch):
    return 1.0
