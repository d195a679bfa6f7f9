import pytest

from spamft.gpt import GPT
from spamft.models.architectures import (
    ARCHITECTURES,
    architecture_of,
    load_backbone,
    name_of,
    theirs_of,
)
from spamft.plumbing.errors import SpamftError
from spamft.pretrained import save_gpt2


def test_a_folder_is_opened_by_the_architecture_that_its_config_names(
    tiny_gpt, tmp_path
):
    save_gpt2(tiny_gpt, tmp_path)
    model = load_backbone(tmp_path)
    assert isinstance(model, GPT) and model.config == tiny_gpt.config


def test_a_model_knows_the_name_of_its_architecture(tiny_gpt):
    assert name_of(tiny_gpt) == "gpt2"
    config = tiny_gpt.config
    assert architecture_of(config).build(config).config == config
    tiny_gpt.config = object()
    with pytest.raises(SpamftError, match="object is no config of the archi"):
        name_of(tiny_gpt)


def test_an_architecture_that_hugging_face_calls_nobody_knows_what_is_refused(
    monkeypatch, tiny_gpt
):
    assert theirs_of(tiny_gpt).classifier == "GPT2ForSequenceClassification"
    bare = ARCHITECTURES["gpt2"]._replace(theirs=None)
    monkeypatch.setitem(ARCHITECTURES, "gpt2", bare)
    with pytest.raises(SpamftError, match="calls the layers of GPT is not known"):
        theirs_of(tiny_gpt)
