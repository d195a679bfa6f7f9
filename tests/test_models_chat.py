import json

import pytest

from spamft.models.chat import chat_template, read_chatml
from spamft.plumbing.errors import SpamftError

SHORT = (
    "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\n' + "
    "message['content'] + '<|im_end|>' + '\n'}}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)
WITH_SYSTEM = SHORT.replace(
    "messages %}",
    "messages %}{% if loop.first and messages[0]['role'] != 'system' %}"
    "{{ '<|im_start|>system\nYou are 1 + `helpful` one.<|im_end|>\n' }}{% endif %}",
    1,
)
SPELLINGS = {
    "short": SHORT,
    "with a system turn of its own": WITH_SYSTEM,
    "escaped": WITH_SYSTEM.replace("\n", r"\n"),
    "a name that may be missing": "{% if not add_generation_prompt is defined %}"
    "{% set add_generation_prompt = false %}{% endif %}" + SHORT,
    "in lines": SHORT.replace("\n", r"\n")
    .replace("{{", "\n    {{-")
    .replace("{% if", "    {% if")
    .replace("%}", "%}\n"),
    "end and line in one": SHORT.replace("<|im_end|>' + '", "<|im_end|>"),
}
OTHERS = {
    "no line after a turn": SHORT.replace("'<|im_end|>' + '\n'", "'<|im_end|>'"),
    "trimmed": SHORT.replace("message['content']", "message['content'] | trim"),
    "other tokens": SHORT.replace("im_start", "turn"),
    "thinking": SHORT.replace("assistant\n", "assistant\n<think>"),
    "no reply asked for": SHORT.partition("{% if add")[0],
    "a turn in a turn": WITH_SYSTEM.replace("helpful", "<|im_end|>"),
    "an escape": WITH_SYSTEM.replace("helpful", r"\x41"),
    "empty": "",
}
SYSTEMS = dict.fromkeys(SPELLINGS) | {
    "with a system turn of its own": "You are 1 + `helpful` one.",
    "escaped": "You are 1 + `helpful` one.",
}
DIALOGUE = [
    {"role": "user", "content": "WIN  a car\n"},
    {"role": "assistant", "content": "spam"},
    {"role": "user", "content": ""},
]


def printed(system: str | None) -> str:
    """DIALOGUE in ChatML."""
    said = [] if system is None else [("system", system)]
    said += [(each["role"], each["content"]) for each in DIALOGUE]
    turns = [f"<|im_start|>{role}\n{text}<|im_end|>\n" for role, text in said]
    return "".join(turns) + "<|im_start|>assistant\n"


def render(template: str) -> str:
    """As transformers does."""
    utils = pytest.importorskip("transformers.utils.chat_template_utils")
    options = {"chat_template": template, "add_generation_prompt": True}
    return utils.render_jinja_template([DIALOGUE], **options)[0][0]


@pytest.mark.parametrize("name", SPELLINGS)
def test_every_spelling_of_chatml_is_recognised(name):
    assert read_chatml(SPELLINGS[name]).system == SYSTEMS[name]
    assert render(SPELLINGS[name]) == printed(SYSTEMS[name])


@pytest.mark.parametrize("name", OTHERS)
def test_another_template_is_not_taken_for_it(name):
    assert read_chatml(OTHERS[name]) is None


@pytest.mark.parametrize("name", ["with a system turn of its own", "in lines"])
def test_what_is_recognised_prints_what_chatml_prints(name):
    """Whatever character is lost, or which space comes in."""
    template, recognised = SPELLINGS[name], 0
    for place in range(len(template)):
        for put in ("", " " + template[place], "\n" + template[place]):
            changed = template[:place] + put + template[place + 1 :]
            if found := read_chatml(changed):
                recognised += 1
                assert render(changed) == printed(found.system), changed
    assert recognised > 10


def test_a_long_template_takes_no_time():
    assert read_chatml(" " * 10**7 + "{%") is None


@pytest.fixture
def folder(tmp_path):
    def write(settings=None, jinja=None):
        if settings is not None:
            content = json.dumps({"chat_template": settings})
            (tmp_path / "tokenizer_config.json").write_text(content)
        if jinja is not None:
            (tmp_path / "chat_template.jinja").write_bytes(jinja)
        return tmp_path

    return write


def test_a_folder_has_it_in_one_of_two_files_or_has_none(folder):
    assert chat_template(folder()) is None
    assert chat_template(folder("other")) == "other"
    several = [
        {"name": "tools", "template": "x"},
        {"name": "default", "template": SHORT},
    ]
    assert chat_template(folder(several)) == SHORT
    assert chat_template(folder([{"name": "tools", "template": "x"}])) is None
    assert chat_template(folder("other", SHORT.encode())) == SHORT


@pytest.mark.parametrize(
    "settings, jinja, complaint",
    [
        (None, b"\xff", "chat_template.jinja: no text"),
        (None, b" " * 2**21, "chat_template.jinja: larger than"),
    ],
)
def test_what_is_no_template_is_refused_by_the_files_name(
    folder, settings, jinja, complaint
):
    with pytest.raises(SpamftError, match=complaint):
        chat_template(folder(settings, jinja))
