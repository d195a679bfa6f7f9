# %% [markdown]
# Solutions to 7c · What is wrong. `wrong-N` is an answer that many give first: the
# check of exercise N names what it confuses.
#
# **1.** `backward` adds to what is there: 1 + 2 + 3.

# %% tags=["exercise-1"]
import torch

weight = torch.tensor(0.0, requires_grad=True)
for factor in (1, 2, 3):
    (factor * weight).backward()
third_gradient = weight.grad.item()

# %% tags=["wrong-1"]
third_gradient = 3

# %% [markdown]
# **2.** Three of four, in run 8. In run 3 it is all, but there the test part *is* the
# training part.

# %% tags=["exercise-2"]
seen = set(runs[8].setup.train.texts)
test = runs[8].setup.test.texts
share_leaked = sum(text in seen for text in test) / len(test)

# %% tags=["wrong-2"]
seen = set(runs[3].setup.train.texts)
test = runs[3].setup.test.texts
share_leaked = sum(text in seen for text in test) / len(test)

# %% [markdown]
# **3.** No: run 5 alone. The other faults keep the classes in their sizes.

# %% tags=["exercise-3"]
one_class_only = [
    number
    for number, run in runs.items()
    for part in [(run.setup.train, run.setup.validation, run.setup.test)]
    if any(len(set(each.hidden.labels)) < 2 for each in part)
]

# %% tags=["wrong-3"]
one_class_only = []
