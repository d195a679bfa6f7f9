"""The chat template in a model's files -> its name, if it is one that spamft knows.

A model that was tuned on dialogues expects their form. Its maker writes it down as a
program in Jinja, which is not run here: it is compared with the usual spellings of the
one form that spamft knows, ChatML.
"""

import re
from pathlib import Path

from spamft.plumbing.display import brief, naming
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.jsonfile import read_json

__all__ = ["CHATML", "TURN_BEGIN", "TURN_END", "chat_template", "recognise"]

CHATML = "ChatML"
TURN_BEGIN, TURN_END = "<|im_start|>", "<|im_end|>"  # its two control tokens
MOST = 2**20  # bytes: what is larger is no template

# Some name a value that may be missing; some have words for a dialogue without a system
# turn, which ours always has
_SPELLINGS = re.compile(
    r"(\{%if not add_generation_prompt is defined%\}"
    r"\{%set add_generation_prompt = false%\}\{%endif%\})?"
    r"\{%for message in messages%\}"
    r"(\{%if loop\.first and messages\[0\]\['role'\] != 'system'%\}"
    r"\{\{'<\|im_start\|>system\\n[^']*<\|im_end\|>\\n'\}\}\{%endif%\})?"
    r"\{\{'<\|im_start\|>'\+message\['role'\]\+'\\n'\+message\['content'\]"
    r"\+'<\|im_end\|>('\+')?\\n'\}\}\{%endfor%\}"
    r"\{%if add_generation_prompt%\}\{\{'<\|im_start\|>assistant\\n'\}\}\{%endif%\}"
)


def recognise(template: object) -> str | None:
    """CHATML, or the template itself if it is another one; None if there is none.

    Raises SpamftError for what is no text.
    """
    if not isinstance(template, str | None):
        raise SpamftError(f"its chat template is no text: {brief(repr(template), 60)}")
    if template and _SPELLINGS.fullmatch(_one_spelling(template)):
        return CHATML
    return template


def _one_spelling(template: str) -> str:
    """The template without the spaces that do not print, as transformers sets Jinja."""
    text = re.sub(r"\s*\{([{%])-", r"{\1", template.removesuffix("\n"))
    text = re.sub(r"-([%}])\}\s*", r"\1}", text)
    text = re.sub(r"(?m)(?<=%\})\n|^[ \t]+(?=\{%)", "", text)
    text = re.sub(r"(\{[{%])\s+|\s+([%}]\})", r"\1\2", text)
    return re.sub(r"\s*\+\s*", "+", text).replace("\n", r"\n")


def chat_template(folder: Path) -> str | None:
    """What `recognise` gives for the template of a folder in Hugging Face's layout."""
    path = folder / "chat_template.jinja"
    if path.is_file():
        return recognise(_text(path))
    path = folder / "tokenizer_config.json"
    if not path.is_file():
        return None
    with naming(path):
        found = read_json(path).get("chat_template")
        return recognise(_default(found) if isinstance(found, list) else found)


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > MOST:
            raise SpamftError(f"{path}: larger than {MOST:,} bytes: not read")
        return path.read_bytes().decode("utf-8")
    except (UnicodeDecodeError, OSError) as error:
        raise SpamftError(f"{path}: no text: {brief(error)}") from error


def _default(named: list) -> object:
    """Of several templates, the one for dialogues without tools or documents."""
    for each in named:
        if isinstance(each, dict) and each.get("name") == "default":
            return each.get("template")
    return None
