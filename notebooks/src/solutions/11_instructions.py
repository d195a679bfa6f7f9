# %% [markdown]
# Solutions to 11 · Instruction finetuning. `wrong-N` is an answer that many give first:
# the check of exercise N names what it confuses.
#
# **1.** The answer and the end token.

# %% tags=["exercise-1"]
tokens_counted = len(tokenizer.encode_ordinary(f" {names[1]}")) + 1

# %% tags=["wrong-1"]
tokens_counted = len(ids)

# %% [markdown]
# **2.** The first begins with a name, the others with another word. What is found
# further on could as well be denied.

# %% tags=["exercise-2"]
three_results = [1, None, None]

# %% tags=["wrong-2"]
three_results = [1, 1, None]

# %% [markdown]
# **3.** The shorter one: each further token subtracts another ln V. Per token they are
# equal.


# %% tags=["exercise-3"]
def logs_of(n, V):
    log = -torch.tensor(float(V)).log().item()
    return n * log, log


# %% tags=["wrong-3"]
def logs_of(n, V):
    log = -torch.tensor(float(V)).log().item()
    return log, log
