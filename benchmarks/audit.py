"""Seconds and memory of an audit, from the collection's size to 100,000 messages.

    python benchmarks/audit.py --data sms+spam+collection.zip

Larger sizes are drawn from the messages with replacement, three words of each exchanged
for others and two added, so that nearly all differ.
"""

import argparse
import random
import resource
import time

import pandas as pd

from spamft.insight.audit import audit
from spamft.sources import open_messages


def enlarge(df: pd.DataFrame, size: int) -> pd.DataFrame:
    draw = random.Random(1)
    texts, labels = df["Text"].tolist(), df["Label"].tolist()
    words = [word for text in texts for word in text.split()]
    rows = []
    for _ in range(size):
        place = draw.randrange(len(texts))
        body = texts[place].split() or ["x"]
        for _ in range(3):
            body[draw.randrange(len(body))] = draw.choice(words)
        body += [draw.choice(words), draw.choice(words)]
        rows.append((labels[place], " ".join(body)))
    return pd.DataFrame(rows, columns=["Label", "Text"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", required=True)
    args = parser.parse_args()
    df = open_messages(args.data).df
    print("| messages | MB of text | seconds | peak memory above the start, MB |")
    print("|---|---|---|---|")
    for size in (len(df), 25_000, 100_000):
        messages = df if size == len(df) else enlarge(df, size)
        text = messages["Text"].str.len().sum() / 1e6
        start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        began = time.perf_counter()
        audit(messages)
        seconds = time.perf_counter() - began
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024 - start
        print(f"| {size:,} | {text:.1f} | {seconds:.1f} | {peak:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
