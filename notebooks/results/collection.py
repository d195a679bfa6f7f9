"""Count on the SMS collection what notebooks show beside your data.

    python notebooks/results/collection.py sms+spam+collection.zip

writes rows.csv, split.csv, batches.csv and audit.csv into this folder, each read by one
notebook. They hold numbers and no message. The tokens are GPT-2's, whose vocabulary is
downloaded if it is not cached.
"""

import re
import sys
from pathlib import Path

import pandas as pd

from spamft.batches import SpamDataset, make_bucketed_loader, make_loader
from spamft.data import Splits, balance, encode_labels, random_split
from spamft.insight.audit import audit
from spamft.insight.patterns import PATTERNS
from spamft.sources import open_messages, open_splits
from spamft.sources.duplicates import count_leaks, duplicate_groups, duplicate_key
from spamft.tokenizer import load_tokenizer

HERE = Path(__file__).parent


def count_rows(lecture: pd.DataFrame, every: pd.DataFrame) -> dict[str, int]:
    """What is read, and how much of it is of each class."""
    return {
        "rows, as in the lecture": len(lecture),
        "rows, marks are text": len(every),
        "texts with line ends": lecture["Text"].str.contains("\n").sum(),
        "texts not as in the file": (~lecture["Text"].isin(every["Text"])).sum(),
        "in the first class": (lecture["Label"] == "ham").sum(),
        "in the second class": (lecture["Label"] == "spam").sum(),
    }


def count_parts(lecture: pd.DataFrame, splits: Splits) -> dict[str, int]:
    """How large the parts are, and what leaks from train into test."""
    used = encode_labels(balance(lecture))
    test, leaks = splits.test, count_leaks(splits)["test"]
    keys = {duplicate_key(text) for text in splits.train["Text"]}
    folded = test["Text"].map(duplicate_key).isin(keys)
    return {
        "messages, balanced": len(used),
        **{name: len(part) for name, part in splits._asdict().items()},
        "of test, in train, exact": leaks["exact"],
        "of test, in train, folded": leaks["folded"],
        "of these, in the second class": test["Label"][folded].sum(),
        "test, leak-free split": len(
            random_split(used, groups=duplicate_groups(used)).test
        ),
    }


def count_tokens(splits: Splits) -> dict[str, int]:
    """How many tokens an epoch computes, by padding, and how many batches of 8."""
    tokenizer = load_tokenizer()
    dataset = SpamDataset(splits.train, tokenizer)
    wide = SpamDataset(splits.train, tokenizer, fixed_width=True)
    loaders = {
        "tokens, padded to the longest": make_loader(wide, 8),
        "tokens, to the batch's longest": make_loader(dataset, 8),
        "tokens, bucketed": make_bucketed_loader(dataset),
    }
    return {
        "longest training message": dataset.max_length,
        **{
            name: sum(batch.ids.numel() for batch in loader)
            for name, loader in loaders.items()
        },
        "tokens that are real": sum(len(dataset[i][0]) for i in range(len(dataset))),
        "training batches": len(splits.train) // 8,
        "validation batches": -(len(splits.validation) // -8),
        "test batches": -(len(splits.test) // -8),
    }


def count_findings(every: pd.DataFrame, splits: Splits) -> dict[str, int]:
    """What the audit finds."""
    found, entity = audit(every, splits), re.compile(PATTERNS["HTML entity"])
    leaks = found.leaks["test"]
    return {
        "messages": found.rows,
        "exact duplicates": found.exact_duplicates,
        "folded duplicates": found.folded_duplicates,
        "near duplicates": found.near_duplicates,
        "of test, in train, exact": leaks["exact"],
        "of test, in train, folded": leaks["folded"],
        "messages with an HTML entity": sum(
            entity.search(text) is not None for text in every["Text"]
        ),
        "messages with broken letters": len(found.mojibake),
        "balanced accuracy of the length alone, %": round(100 * found.length_rule),
    }


if __name__ == "__main__":
    archive = sys.argv[1]
    lecture, every = (open_messages(archive, lecture=way).df for way in (True, False))
    splits = open_splits(archive, lecture=True).splits
    tables = {
        "rows": count_rows(lecture, every),
        "split": count_parts(lecture, splits),
        "batches": count_tokens(splits),
        "audit": count_findings(every, splits),
    }
    for name, counts in tables.items():
        column = pd.Series(counts, name="SMS collection").rename_axis("counted")
        column.to_csv(HERE / f"{name}.csv")
