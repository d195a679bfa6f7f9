# %% [markdown]
# Solutions to 4b · Pretrained weights. `wrong-N` is an answer that many give first:
# the check of exercise N names what it confuses.
#
# **1.** 4: the mean of −ln(p) is 2 ln 2, and e to that power is 4.

# %% tags=["exercise-1"]
chances = (1 / 2, 1 / 4, 1 / 8)
perplexity = math.exp(-sum(map(math.log, chances)) / 3)

# %% tags=["wrong-1"]
perplexity = 3 / sum((1 / 2, 1 / 4, 1 / 8))

# %% [markdown]
# **2.** No: the model has learned an order, not a bag of words.

# %% tags=["exercise-2"]
jumbled = " ".join(sorted(text.split()))

# %% tags=["wrong-2"]
jumbled = text

# %% [markdown]
# **3.** Each block adds to what the ones before it gave; all later ones build on the
# first.


# %% tags=["exercise-3"]
@torch.no_grad()
def loss_without(left_out):
    ids = torch.tensor([tokenizer.encode_ordinary(text)], device=device)
    x = gpt.embed(ids)
    for number, block in enumerate(gpt.blocks):
        if number != left_out:
            x = block(x)
    logits = gpt.logits(gpt.final_norm(x))[0, :-1]
    return F.cross_entropy(logits, ids[0, 1:]).item()


without = [loss_without(number) for number in range(len(gpt.blocks))]

# %% tags=["wrong-3"]
without = [loss(gpt, text)] * len(gpt.blocks)
