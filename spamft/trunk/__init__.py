"""The blocks that do not train run once, with the same results.

part.py     the part of a model that trains, and of its last block only what is read
messages.py the distinct messages, and what the frozen blocks give for them
plan.py     what running the frozen blocks on them costs
cache.py    all of it: datasets of token ids -> datasets of hidden states
"""

from spamft.trunk.cache import cache_trunk, plan_trunk
from spamft.trunk.messages import HiddenBatch, HiddenDataset
from spamft.trunk.part import TrainablePart, find_cut, last_token
from spamft.trunk.plan import TrunkPlan

__all__ = [
    "HiddenBatch",
    "HiddenDataset",
    "TrainablePart",
    "TrunkPlan",
    "cache_trunk",
    "find_cut",
    "last_token",
    "plan_trunk",
]
