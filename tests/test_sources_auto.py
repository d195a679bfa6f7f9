import subprocess
from pathlib import Path

import pytest
from test_models_llama import random_llama

import spamft
from spamft.models.llama_files import save_llama
from spamft.plumbing.errors import SpamftError
from spamft.reading.layout import Layout
from spamft.sources import open_messages, open_model, open_splits


@pytest.fixture
def switch(monkeypatch):
    """Set the two variables, as a teacher would."""

    def to(data: str = "", model: str = ""):
        monkeypatch.setenv("SPAMFT_DATA", data)
        monkeypatch.setenv("SPAMFT_MODEL", model)

    return to


def test_auto_is_what_the_environment_says_and_the_source_says_so(switch):
    switch("intents", "tiny")
    for opened in (open_messages("auto"), open_splits("auto")):
        assert opened.source == "the bundled intents (chosen by SPAMFT_DATA)"
        assert len(opened.df) == len(open_messages("intents").df)
    for name in ("auto", "gpt"):
        model = open_model(name)
        assert model.source == "the bundled tiny GPT (chosen by SPAMFT_MODEL)"
        assert model.name == "tiny"


def test_a_name_that_is_given_is_stronger(switch):
    switch("intents", "scratch")
    assert open_messages("sample").source == "the bundled sample"
    assert open_model("tiny").source == "the bundled tiny GPT"


@pytest.mark.parametrize("value", ["", " ", "auto"])
def test_empty_or_auto_leaves_it_open(offline, switch, value):
    switch(value, value)
    assert "cannot be reached" in open_messages("auto").source
    assert "cannot be reached" in open_model("gpt").source
    switch(model="gpt")
    assert open_model("auto").source.endswith("(GPT-2 cannot be reached)")


def test_a_file_goes_with_options_of_columns(switch, file):
    switch(str(file("team,body\na,x\nb,y\n")))
    layout = Layout(text="body", label="team")
    assert open_messages("auto", layout=layout).df["Label"].tolist() == ["a", "b"]


def test_a_wrong_value_is_one_error_that_names_the_variable(switch):
    switch("simple", "tinny")
    with pytest.raises(SpamftError, match="SPAMFT_DATA=simple: no file 'simple': exp"):
        open_messages("auto")
    with pytest.raises(SpamftError, match="SPAMFT_DATA=simple"):
        open_splits("auto")
    for name in ("auto", "gpt"):
        with pytest.raises(SpamftError, match="SPAMFT_MODEL=tinny: no model 'tinny'"):
            open_model(name)


def test_what_asks_for_a_gpt2_is_given_no_llama(switch, tmp_path, tokenizer):
    save_llama(random_llama(vocab_size=50257), tmp_path)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("spamft.sources.models._tokenizer_of", lambda *a: tokenizer)
        switch(model=str(tmp_path))
        assert open_model("auto").source.endswith("(chosen by SPAMFT_MODEL)")
        with pytest.raises(SpamftError, match=r"SPAMFT_MODEL=.*it is no GPT-2"):
            open_model("gpt")


@pytest.mark.parametrize(
    "said, passed",
    [
        (["DATA=sample", "MODEL=tiny"], ["SPAMFT_DATA=sample", "SPAMFT_MODEL=tiny"]),
        (["DATA=README.md"], [f"SPAMFT_DATA={Path.cwd() / 'README.md'}"]),
        ([], []),
    ],
    ids=str,
)
def test_make_lab_passes_both_on_to_the_notebooks(said, passed):
    root = Path(spamft.__file__).parents[1]
    command = ["make", "--dry-run", "--assume-old=.venv/lab", "lab", *said]
    done = subprocess.run(command, cwd=root, capture_output=True, text=True)
    [line] = [each for each in done.stdout.splitlines() if "jupyter" in each]
    begin = line.split(" .venv")[0].replace('"', "").split()
    assert [each for each in begin if each.startswith("SPAMFT")] == passed
