"""Edits that leave the meaning of a message, as people make who want past a filter.

    EDITS["full-width letters"](text, random.Random(1))    another way to write it
    KINDS["links"]                                         the same, sorted
    good_words(df, "spam")                                 one more, made of messages
    control(text, edited, random.Random(1))                a harmless change as long

An edit is a function of a text and a source of chance. Where there is nothing to edit,
no link to move, it returns the text as it is. Web addresses keep their letters, because
a link that leads elsewhere would be another message.
"""

import random
import re
import string
from collections import Counter
from collections.abc import Callable, Mapping
from os.path import commonprefix
from types import MappingProxyType

import numpy as np
import pandas as pd
from sklearn.feature_extraction.text import CountVectorizer

from spamft.insight.patterns import ADDRESS

__all__ = ["CHARACTERS", "EDITS", "KINDS", "Edit", "control", "good_words"]

Edit = Callable[[str, random.Random], str]

WHOLE = rf"(?:{ADDRESS})(?:/\S{{0,200}}[\w/])?"  # an address and its path
LINK = re.compile(WHOLE)
LINK_OR_WORD = re.compile(rf"(?P<link>{WHOLE})|[^\W\d_]+")
LINK_OR_NUMBER = re.compile(rf"(?P<link>{WHOLE})|\d+")
SENTENCE = re.compile(r"(?<=[.!?])\s+")
SHORT_WORD, LONG_WORD = 3, 4  # letters from which a word is split, or misspelled
SMS = 160  # characters of one text message
GOOD_WORDS = 5  # that are added

# Latin letters and others that most fonts draw alike: Cyrillic, but for a Greek omicron
LOOK_ALIKES = str.maketrans("aceijopsxyABCEHIKMOPTX", "асеіјοрѕхуАВСЕНІКМОРТХ")
FULL_WIDTH = {c: c + 0xFEE0 for c in range(0x21, 0x7F)}
LEET = str.maketrans("aeiostAEIOST", "431057431057")
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight")
DIGITS += ("nine",)
GREETINGS = ("Hi, ", "Hello, ", "Good morning, ", "Hey, ", "Dear friend, ")
THANKS = (" thanks", " Thank you", " many thanks", " cheers", " Thanks again")
HARMLESS = ("today", "now", "again", "here", "later", "then", "soon", "also", "still")


def _change(pattern: re.Pattern, text: str, change: Callable[[str], str]) -> str:
    """`text` with each match changed that is no link."""
    return pattern.sub(lambda m: m[0] if m["link"] else change(m[0]), text)


def _in_words(change: Callable[[str, random.Random], str]) -> Edit:
    """The edit that changes each word of a text, but its links."""
    return lambda text, draw: _change(
        LINK_OR_WORD, text, lambda word: change(word, draw)
    )


def _insert(mark: str, shortest: int) -> Edit:
    """The edit that puts `mark` into each word of at least `shortest` letters."""

    def split(word: str, draw: random.Random) -> str:
        if len(word) < shortest:
            return word
        place = draw.randrange(1, len(word))
        return word[:place] + mark + word[place:]

    return _in_words(split)


def _misspell(word: str, draw: random.Random) -> str:
    """Two neighbours change places, but not the first or last letter."""
    if len(word) < LONG_WORD:
        return word
    i = draw.randrange(1, len(word) - 2)
    return word[:i] + word[i + 1] + word[i] + word[i + 2 :]


def _full_stop(text: str, draw: random.Random) -> str:
    return text.rstrip(".!? \n") + "."


def _no_punctuation(text: str, draw: random.Random) -> str:
    return text.rstrip(string.punctuation + string.whitespace)


def _greet(text: str, draw: random.Random) -> str:
    return draw.choice(GREETINGS) + text


def _thank(text: str, draw: random.Random) -> str:
    return text + draw.choice(THANKS)


def _spell_numbers(text: str, draw: random.Random) -> str:
    def spelled(number: str) -> str:
        return " ".join(DIGITS[int(digit)] for digit in number)

    return _change(LINK_OR_NUMBER, text, spelled)


def _move_link(place: Callable[[int], int]) -> Edit:
    """The edit that puts a text's last link before one of its words, or behind all."""

    def move(text: str, draw: random.Random) -> str:
        if not (links := list(LINK.finditer(text))):
            return text
        link = links[-1]
        words = (text[: link.start()] + text[link.end() :]).split()
        words.insert(place(len(words)), link[0])
        return " ".join(words)

    return move


def _defang(text: str, draw: random.Random) -> str:
    """Links that a reader can still type: dots in words, no http."""

    def readable(link: re.Match) -> str:
        return re.sub(r"^https?://", "", link[0]).replace(".", " dot ")

    return LINK.sub(readable, text)


def _cut(text: str, draw: random.Random) -> str:
    return text[:SMS]


def _shuffle_sentences(text: str, draw: random.Random) -> str:
    sentences = SENTENCE.split(text)
    return " ".join(draw.sample(sentences, len(sentences)))


CHARACTERS: Mapping[str, Edit] = MappingProxyType(
    {
        "look-alike letters": _in_words(lambda word, _: word.translate(LOOK_ALIKES)),
        "full-width letters": _in_words(lambda word, _: word.translate(FULL_WIDTH)),
        "zero-width spaces": _insert("\u200b", SHORT_WORD),
        "soft hyphens": _insert("\u00ad", SHORT_WORD),
        "spaces in words": _insert(" ", LONG_WORD),
        "leetspeak": _in_words(lambda word, _: word.translate(LEET)),
        "a typo a word": _in_words(_misspell),
        "lower case": _in_words(lambda word, _: word.lower()),
        "capitals": _in_words(lambda word, _: word.upper()),
    }
)
KINDS: Mapping[str, Mapping[str, Edit]] = MappingProxyType(
    {
        "characters": CHARACTERS,
        "beginning and end": {
            "a full stop at the end": _full_stop,
            "no punctuation at the end": _no_punctuation,
            "a greeting in front": _greet,
            "thanks at the end": _thank,
        },
        "links": {
            "link in front": _move_link(lambda count: 0),
            "link in the middle": _move_link(lambda count: count // 2),
            "link at the end": _move_link(lambda count: count),
            "link in words": _defang,
        },
        "words": {"numbers in words": _spell_numbers},
        "whole message": {
            "cut at 160 characters": _cut,
            "sentences shuffled": _shuffle_sentences,
        },
    }
)
EDITS: Mapping[str, Edit] = MappingProxyType(
    {name: edit for edits in KINDS.values() for name, edit in edits.items()}
)


def good_words(df: pd.DataFrame, label: str) -> Edit:
    """The edit that appends words which occur most where the label is not `label`.

    They are looked for in the columns Label and Text, the training part's: which words
    those are, a sender who has read ordinary messages can guess. After Lowd and Meek,
    2005, "Good word attacks on statistical spam filters". Where no word is more
    frequent there, it changes nothing.
    """
    words = _frequent_elsewhere(df, label)
    count = min(GOOD_WORDS, len(words))
    return lambda text, draw: " ".join([text, *draw.sample(words, count)])


def _frequent_elsewhere(df: pd.DataFrame, label: str) -> list[str]:
    """The words whose share of the other messages exceeds that of `label`'s most."""
    own = (df["Label"] == label).to_numpy()
    counter = CountVectorizer(binary=True, min_df=2, token_pattern=r"[^\W\d_]{2,}")
    if own.all() or not own.any():
        return []
    try:
        present = counter.fit_transform(df["Text"])
    except ValueError:  # no word occurs twice
        return []
    own_share, other = (np.asarray(present[rows].mean(0))[0] for rows in (own, ~own))
    order = np.argsort(own_share - other, kind="stable")[: 4 * GOOD_WORDS]
    names = counter.get_feature_names_out()
    return [str(names[i]) for i in order if own_share[i] < other[i]]


def control(text: str, edited: str, draw: random.Random) -> str:
    """`text` with harmless words, as long as what an edit changed, and where it did.

    In front if the edit left the end alone, behind if it left the beginning alone, else
    before one of the words. What this does to a model, any change might do.
    """
    size, words = _changed(text, edited), []
    while size > 0:
        words.append(draw.choice(HARMLESS))
        size -= len(words[-1]) + 1
    own = text.split(" ")
    kept = (
        len(commonprefix([text, edited])),
        len(commonprefix([text[::-1], edited[::-1]])),
    )
    place = draw.randrange(len(own) + 1)
    if max(kept) >= min(len(text), len(edited)) - 1:  # it may have taken a full stop
        place = len(own) if kept[0] > kept[1] else 0
    return " ".join([*own[:place], *words, *own[place:]])


def _changed(text: str, edited: str) -> int:
    """How many characters an edit put in the place of others, added or took away."""
    if len(text) == len(edited):
        return max(sum(a != b for a, b in zip(text, edited, strict=True)), 1)
    counts = Counter(text), Counter(edited)
    return max((counts[1] - counts[0]).total(), (counts[0] - counts[1]).total(), 1)
