"""What is asked of a page's text alone; test_export_page.py runs it."""

import base64
import hashlib
import json
import re

import torch
from safetensors.torch import load as from_bytes

from spamft.export.page_html import ASSETS, to_html

HOSTILE = "</script><script>alert(1)</script>{{app}}<!--"


def test_no_script_makes_markup_of_a_text_or_asks_the_network():
    acting = "innerHTML outerHTML insertAdjacentHTML document.write eval( Function( "
    acting += "fetch( XMLHttpRequest WebSocket sendBeacon import( localStorage cookie"
    for name in ("gpt.js", "app.js", "page.html"):
        text = (ASSETS / name).read_text()
        assert not [word for word in acting.split() if word in text], name
        if name.endswith(".js"):
            assert "</script" not in text and "<!--" not in text
    assert "url(" not in (ASSETS / "page.css").read_text()


def test_the_policy_allows_its_own_scripts_and_style_alone():
    text = to_html({"title": HOSTILE}, {"a": torch.ones(2)})
    [policy] = re.findall(r'Content-Security-Policy" content="([^"]+)"', text)
    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'" and rules["form-action"] == "'none'"

    def hashes(tag: str) -> str:
        bodies = re.findall(rf"<{tag}>(.*?)</{tag}>", text, re.DOTALL)
        digests = (hashlib.sha256(body.encode()).digest() for body in bodies)
        return " ".join(f"'sha256-{base64.b64encode(d).decode()}'" for d in digests)

    assert rules["script-src"] == hashes("script") and rules["style-src"] == hashes(
        "style"
    )
    assert not re.findall(
        r"""\b(src|href|style|on\w+)=["']""", text.split("<script")[0]
    )


def test_the_card_and_the_weights_can_be_read_again_whatever_is_in_them():
    card = {"title": HOSTILE, "label_names": [HOSTILE, "{{gpt}}"]}
    weights = {"w": torch.randn(3, 4).T, "labels": torch.arange(3)}
    text = to_html(card, weights)
    held = dict(
        re.findall(r'<script type="[^"]+" id="(\w+)">(.*?)</script>', text, re.DOTALL)
    )
    assert json.loads(held["card"]) == card
    found = from_bytes(base64.b64decode(held["weights"]))
    assert found.keys() == weights.keys()
    assert all(torch.equal(found[name], weights[name]) for name in weights)
