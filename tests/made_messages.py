"""Messages made for the tests of insight/: two classes that only words separate."""

import random

import pandas as pd

# all of one length, so that only the words tell the classes apart
HAM = "lunch train house later sorry bring phone beach table paint music radio".split()  # noqa: SIM905
SPAM = "prize claim award offer bonus loans guest money stock agent rates promo".split()  # noqa: SIM905


def clean(size: int = 400, seed: int = 0) -> pd.DataFrame:
    """Ham and spam in turn; no message repeats another, no label is wrong."""
    draw = random.Random(seed)
    rows = []
    for i in range(size):
        label, words = (("ham", HAM), ("spam", SPAM))[i % 2]
        filler = [f"{draw.choice('bcdfg')}{draw.choice('aeiou')}{n}" for n in range(4)]
        body = [draw.choice(words) for _ in range(6)] + [f"n{i}x", *filler]
        draw.shuffle(body)
        rows.append((label, " ".join(body)))
    return pd.DataFrame(rows, columns=["Label", "Text"])


PIECES = (
    *("a-", "a", "1", "1,", "&", "&#", "http://", "www.", " ", ".", "@", "é", "£"),
    *("\u200b", "A", "'", "'=", "at ", "a.", "-a.", "\n", "\t", "|", "_", "word "),
    # every letter of the name may begin an address, and all look for its end
    *("a-" * 31 + "b.abc" + " " * 9000 + "x", "a-" * 31 + "." + "b" * 9000 + "1"),
)


def repeated(piece: str, characters: int = 200_000) -> str:
    """`piece` again and again, as long as asked: what makes a poor search slow."""
    return (piece * (characters // len(piece) + 1))[:characters]
