"""The chat template in a model's files: is it ChatML, the one form that spamft knows?

    <|im_start|>user          a turn begins with a control token and who speaks
    Ham or spam?<|im_end|>    and ends with another one

A model that was tuned on dialogues expects their form. Its maker writes it down as a
program in Jinja. That is not run here, but compared with the usual spellings of ChatML.
"""

import re
from pathlib import Path
from typing import NamedTuple

from spamft.plumbing.display import brief
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.jsonfile import read_json

__all__ = ["TURN_BEGIN", "TURN_END", "ChatML", "chat_template", "read_chatml"]

TURN_BEGIN, TURN_END = "<|im_start|>", "<|im_end|>"  # the control tokens
LONGEST = 2000  # letters: a longer template does more than ChatML
MOST = 2**20  # bytes: what is larger is no template

# Some name a value that may be missing; some begin with a system turn of the maker's
_SPELLINGS = re.compile(
    r"(\{%if not add_generation_prompt is defined%\}"
    r"\{%set add_generation_prompt = false%\}\{%endif%\})?"
    r"\{%for message in messages%\}"
    r"(\{%if loop\.first and messages\[0\]\['role'\] != 'system'%\}"
    r"\{\{'<\|im_start\|>system\\n(?P<system>(?:[^'\\{}|]|\\n)*)<\|im_end\|>\\n'\}\}"
    r"\{%endif%\})?"
    r"\{\{'<\|im_start\|>'\+message\['role'\]\+'\\n'\+message\['content'\]"
    r"\+'<\|im_end\|>('\+')?\\n'\}\}\{%endfor%\}"
    r"\{%if add_generation_prompt%\}\{\{'<\|im_start\|>assistant\\n'\}\}\{%endif%\}"
)


class ChatML(NamedTuple):
    """The form of a dialogue."""

    system: str | None  # what the maker lets the system say first, if anything


def read_chatml(template: str) -> ChatML | None:
    """What the template prints, if that is ChatML."""
    if len(template) > LONGEST:
        return None
    found = _SPELLINGS.fullmatch(_one_spelling(template))
    if found is None:
        return None
    system = found["system"]
    return ChatML(system if system is None else system.replace(r"\n", "\n"))


def _one_spelling(template: str) -> str:
    """The template without the spaces that do not print, as transformers sets Jinja."""
    text = re.sub(r"\s*\{([{%])-", r"{\1", template.removesuffix("\n"))
    text = re.sub(r"-([%}])\}\s*", r"\1}", text)
    text = re.sub(r"(?m)(?<=%\})\n|^[ \t]+(?=\{%)", "", text)
    text = re.sub(r"(\{[{%])\s+|\s+([%}]\})", r"\1\2", text)
    text = re.sub(r"(?<=['\]])\s*\+\s*(?=['m])", "+", text)
    return text.replace("\n", r"\n")


def chat_template(folder: Path) -> str | None:
    """The template of a folder in Hugging Face's layout, if it has one."""
    path = folder / "chat_template.jinja"
    if path.is_file():
        return _text(path)
    path = folder / "tokenizer_config.json"
    if not path.is_file():
        return None
    found = read_json(path).get("chat_template")
    return _default(found) if isinstance(found, list) else found


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
