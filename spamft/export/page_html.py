"""What a page knows of a classifier, and the page of it all: template, scripts, style.

describe(saved, folder, form, told)    the card: all that is no weight
to_html(card, tensors)                 the page
"""

import base64
import hashlib
import html
import json
import re
import sys
import unicodedata
from dataclasses import asdict
from pathlib import Path
from typing import Any

from safetensors.torch import save as to_bytes
from torch import Tensor

from spamft.methods.nf4 import nf4_levels, scale_levels
from spamft.models.normalizer import normalizer_of
from spamft.plumbing.display import visible
from spamft.plumbing.jsonfile import read_json
from spamft.use.saved import Saved

__all__ = ["ASSETS", "describe", "to_html"]

ASSETS = Path(__file__).parents[1] / "assets" / "page"
EXAMPLES = {
    True: "Congratulations! You have won a free prize. Call 0800 000 0000 to claim it",
    False: "Could you call me when you are home? I will bring the bread",
}


def describe(saved: Saved, folder: Path, form: str, told: str) -> dict[str, Any]:
    """All that the page needs to know beside the weights."""
    model, rule = saved.model, saved.rule
    names = [visible(name) for name in model.label_names]
    ranks = sorted(saved.tokenizer._mergeable_ranks.items(), key=lambda pair: pair[1])
    count = sum(p.numel() for p in model.parameters())
    classes = ", ".join(names[:8]) + (" and others" if len(names) > 8 else "")
    return {
        "title": f"{' or '.join(names)}?" if len(names) < 5 else "Which class is it?",
        "about": f"A GPT of {count:,} parameters, {_method(folder)} to tell {classes}. "
        "It runs here, in your browser: nothing that you write leaves this page.",
        "details": f"Weights in {form}: {told}.",
        "example": EXAMPLES[set(names) == {"ham", "spam"}],
        "gpt": asdict(model.gpt.config),
        "label_names": list(model.label_names),
        "pooling": model.pooling,
        "max_length": model.max_length,
        "normalizer": _normalizer(saved),
        "tokens": [base64.b64encode(token).decode() for token, _ in ranks],
        "nf4": {
            "levels": nf4_levels().tolist(),
            "scale_levels": scale_levels().tolist(),
        },
        "text_columns": list(saved.text_columns),
        "rule": rule.to_dict(),
        "rule_words": "; ".join(str(rule).splitlines()),
        "alarm": _alarm(saved),
    }


def _normalizer(saved: Saved) -> dict[str, Any] | None:
    """How texts are written before they become tokens, if not as they are.

    JavaScript does not know which characters combine with the one before: `marks` are
    these, for a class of its regular expressions.
    """
    normalizer = normalizer_of(saved.tokenizer)
    if normalizer is None:
        return None
    marks = filter(unicodedata.combining, map(chr, range(sys.maxunicode + 1)))
    return normalizer.to_dict() | {
        "marks": "".join(f"\\u{{{ord(m):x}}}" for m in marks)
    }


def _method(folder: Path) -> str:
    """How it was finetuned, if that is told."""
    path = folder / "metrics.json"
    found = read_json(path).get("method", {}) if path.is_file() else {}
    name = found.get("name") if isinstance(found, dict) else None
    return f"finetuned ({visible(name)})" if isinstance(name, str) else "finetuned"


def _alarm(saved: Saved) -> int:
    """The class whose false alarms cost: the rule's, or spam, or the second."""
    names, threshold = list(saved.model.label_names), saved.rule.threshold
    named = threshold.label if threshold else "spam"
    return names.index(named) if named in names else 1


def to_html(card: dict[str, Any], tensors: dict[str, Tensor]) -> str:
    """The template with all that it names; scripts and style run by their hashes."""
    style, gpt, app = (_asset(name) for name in ("page.css", "gpt.js", "app.js"))
    policy = {
        "default-src": "'none'",
        "script-src": f"{_hash(gpt)} {_hash(app)}",
        "style-src": _hash(style),
        "base-uri": "'none'",
        "form-action": "'none'",
        "require-trusted-types-for": "'script'",  # no text becomes markup
        "trusted-types": "'none'",
    }
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    parts = {
        "policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "title": html.escape(card["title"]),
        # in a script nothing is escaped, so it must hold no tag
        "card": json.dumps(card).replace("<", "\\u003c"),
        "weights": base64.b64encode(to_bytes(contiguous)).decode(),
        "style": style,
        "gpt": gpt,
        "app": app,
    }
    return re.sub(r"{{(\w+)}}", lambda name: parts[name[1]], _asset("page.html"))


def _asset(name: str) -> str:
    return (ASSETS / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return f"'sha256-{base64.b64encode(digest).decode()}'"
