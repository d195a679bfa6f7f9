import re

import pandas as pd
import pytest
from solving import try_out

from spamft.check import check
from spamft.data import encode_labels, random_split

TRIALS = {
    "2b.1": ("shares", "shares = [0.9, 0.9]"),
    "2b.2": ("share_leaked", "share_leaked = 0.11"),
    "2b.3": ("by_chance", "by_chance = 0.25"),
}


@pytest.mark.parametrize("name", TRIALS)
def test_the_exercises_tell_right_from_usual_and_from_other(name, tmp_path):
    texts = [f"message {n}{'?' * (n % 3 == 0)}" for n in range(90)]
    labels = ["ham"] * 30 + ["spam"] * 60
    messages = pd.DataFrame({"Label": labels, "Text": texts})

    def sides(pattern):
        has = messages["Text"].str.contains(re.compile(pattern))
        return messages[has]["Label"].value_counts().to_dict()

    spam = messages[messages["Label"] == "spam"]
    at_hand = {
        "pd": pd,
        "messages": messages,
        "names": ("ham", "spam"),
        "sides": sides,
        "spam": spam,
        "twice": pd.concat([messages, spam], ignore_index=True),
        "random_split": random_split,
        "encode_labels": encode_labels,
    }
    try_out(name, TRIALS[name], at_hand, tmp_path)


def test_shares_may_be_given_by_name_and_not_in_percent(tmp_path):
    texts, labels = ["a?", "b", "c?", "d?"], ["ham", "ham", "spam", "spam"]
    messages = pd.DataFrame({"Label": labels, "Text": texts})
    given = {"messages": messages, "names": ("ham", "spam"), "folder": tmp_path}
    shares = {"spam": 1.0, "ham": 0.5}
    for each in (shares, pd.Series(shares), (0.5, 1.0)):
        assert check("2b.1", each, **given).outcome == "right"
    told = check("2b.1", (50, 100), **given)
    assert told.outcome == "misconception" and "percent" in told.text
