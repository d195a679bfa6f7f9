"""How people spell labels: what is the same label, what is none, what is several."""

import json
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping

__all__ = ["composed", "folded", "list_like", "missing_labels", "stripped", "variants"]

# What people and programs write where there is no label
MISSING = {
    *("", "n/a", "na", "#n/a", "<na>", "nan", "none", "null", "nil", "missing"),
    *("-", "--", "?", "unlabelled", "unlabeled"),
}
# Marks that nobody sees: of UTF-8, inside where files are joined, and of no width
_UNSEEN = "\ufeff\u200b\u200c\u200d\u2060"
_BLANKS = _UNSEEN + "".join(c for c in map(chr, range(0x3001)) if c.isspace())
_SEPARATORS = re.compile("[,;|]")


def missing_labels(labels: Iterable[str]) -> list[str]:
    """Those labels that look as if there were none."""
    return [name for name in dict.fromkeys(labels) if name.casefold() in MISSING]


def variants(counts: Mapping[str, int]) -> list[dict[str, int]]:
    """Groups of labels that are the same but for case and blanks, with their counts."""
    groups: dict[str, dict[str, int]] = {}
    for name, count in counts.items():
        groups.setdefault(folded(name), {})[name] = count
    return [group for group in groups.values() if len(group) > 1]


def folded(name: str) -> str:
    """The same for names that differ in case, blanks, or what nobody sees."""
    return "".join(composed(name).casefold().split())


def stripped(label: str) -> str:
    """The label with no blanks around it, nor what nobody sees."""
    return label.strip(_BLANKS)


def composed(name: str) -> str:
    """The name as it looks: an é of one character or of two is the same."""
    return unicodedata.normalize(
        "NFKC", name.translate(dict.fromkeys(map(ord, _UNSEEN)))
    )


def list_like(counts: Mapping[str, int]) -> list[str]:
    """The labels that name several: as JSON, or between separators labels that stand
    alone elsewhere, or each in another list."""
    parts = {
        name: [p for p in map(str.strip, _SEPARATORS.split(name)) if p]
        for name in counts
    }
    times = Counter(part for name in parts for part in set(parts[name]))
    return [
        name
        for name, several in parts.items()
        if _is_json_list(name)
        or len(several) > 1
        and (
            any(part in counts for part in several)
            or all(times[part] > 1 for part in several)
        )
    ]


def _is_json_list(name: str) -> bool:
    if not name.startswith("["):
        return False
    try:
        return isinstance(json.loads(name.replace("'", '"')), list)
    except (ValueError, RecursionError):
        return False
