# %% [markdown]
# Solutions to 8 · Use it. `wrong-N` is an answer that many give first: the check of
# exercise N names what it confuses.
#
# **1.** Try candidates, also the beginnings of spam, and keep the shortest that is
# predicted spam.

# %% tags=["exercise-1"]
candidates = [
    "WIN",
    "FREE PRIZE",
    "Claim your prize now",
    "You WON! Reply CLAIM",
    "URGENT",
]
candidates += [
    "Click prize-claim.example now",
    "Congratulations, claim your free prize",
]
train = data.splits.train
candidates += [
    " ".join(text.split()[:5]) for text in train[train["Label"] == 1]["Text"]
]
verdicts = run.classify(candidates)
spams = [c for c, v in zip(candidates, verdicts, strict=True) if v.label == spam]
short = min(spams, key=len)

# %% tags=["wrong-1"]
short = "Hi mum, I am on my way home and bring some bread"

# %% [markdown]
# **2.** No: the last real token sees neither neighbours nor padding.

# %% tags=["exercise-2"]
alone = [run.classify(text) for text in wrong["Text"][:20]]

# %% tags=["wrong-2"]
alone = run.classify(wrong["Text"][20:40])

# %% [markdown]
# **3.** It rises, if the model's confidence means anything; recall falls in return.


# %% tags=["exercise-3"]
def precision(threshold):
    held_back = logits.softmax(-1)[:, 1] > threshold
    return labels[held_back].float().mean().item()


# %% tags=["wrong-3"]
def precision(threshold):
    held_back = logits.softmax(-1)[:, 1] > threshold
    return held_back[labels == 1].float().mean().item()
