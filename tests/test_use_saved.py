import json

import pytest
import tiktoken
import torch
from safetensors.torch import load_file, save_file

from spamft.batches import collate
from spamft.classifier import POOLINGS, GPTClassifier
from spamft.models.prompted import PromptClassifier
from spamft.tokenizer import load_tokenizer, save_bpe
from spamft.use.saved import load, save


def padded(texts, width=None):
    return collate([(list(text.encode()), 0) for text in texts], 256, width)


def both(saved):
    return saved.model, saved.tokenizer


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_loaded_model_gives_the_same_logits_bit_for_bit(
    tiny_gpt, tokenizer, tmp_path, pooling
):
    model = GPTClassifier(tiny_gpt, ["a", "b", "ü"], pooling, max_length=40)
    save(model, tmp_path, tokenizer)
    (loaded, again), batch = both(load(tmp_path)), padded(["hello", "hi"])
    assert loaded(*batch[:2]).equal(model(*batch[:2]))
    assert loaded.label_names == ("a", "b", "ü")
    assert (loaded.pooling, loaded.max_length) == (pooling, 40)
    files = {"classifier.json", "model.safetensors", "vocabulary.tiktoken"}
    assert {path.name for path in tmp_path.iterdir()} == files
    text = "its own tokenizer, too: ü"
    assert again.encode_ordinary(text) == tokenizer.encode_ordinary(text)


@pytest.mark.parametrize("name", ["tiny", "gpt2"])
def test_a_vocabulary_in_a_folder_of_a_known_name_is_kept(tiny_gpt, tmp_path, name):
    (tmp_path / name).mkdir()
    ranks = {bytes([b]): b for b in range(256)}
    save_bpe(ranks, tmp_path / name / "vocabulary.tiktoken")
    save(GPTClassifier(tiny_gpt), tmp_path / "m", load_tokenizer(tmp_path / name))
    assert load(tmp_path / "m").tokenizer.n_vocab == 257


def test_a_tokenizer_that_cannot_be_saved_is_refused(tiny_gpt, tokenizer, tmp_path):
    other = tiktoken.Encoding(
        "other",
        pat_str=r"\w+|\W+",
        mergeable_ranks=tokenizer._mergeable_ranks,
        special_tokens={"<|endoftext|>": 256},
    )
    with pytest.raises(ValueError, match="tokenizer other cannot be saved"):
        save(GPTClassifier(tiny_gpt), tmp_path / "m", other)
    assert not (tmp_path / "m").exists()


def test_a_loaded_model_that_answers_differently_is_refused(
    tiny_gpt, tokenizer, tmp_path
):
    save(GPTClassifier(tiny_gpt), tmp_path, tokenizer)
    weights = load_file(tmp_path / "model.safetensors")
    weights["head.bias"] += 1
    save_file(weights, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="the saved one gave"):
        load(tmp_path)


def test_what_is_no_saved_classifier_is_refused(tiny_gpt, tokenizer, tmp_path):
    with pytest.raises(ValueError, match="classifier.json is missing"):
        load(tmp_path)
    save(GPTClassifier(tiny_gpt), tmp_path, tokenizer)
    card = json.loads((tmp_path / "classifier.json").read_text())
    for broken in ("{", json.dumps(card | {"pooling": "max"}), "[]", "{}"):
        (tmp_path / "classifier.json").write_text(broken)
        with pytest.raises(ValueError, match="not a saved classifier"):
            load(tmp_path)


def test_a_classifier_by_prompt_comes_back_with_its_question(
    tiny_gpt, tokenizer, tmp_path
):
    names = ("billing", "bug")
    answers = [tokenizer.encode_ordinary(f" {name}") for name in names]
    model = PromptClassifier(
        tiny_gpt, names, answers, instruction="Q?", shots=[("x", "bug")]
    ).eval()
    save(model, tmp_path, tokenizer)
    loaded = load(tmp_path)
    assert loaded.model.encode(["hi"], tokenizer) == model.encode(["hi"], tokenizer)
    ids = torch.tensor(model.encode(["hi"], tokenizer))
    length = torch.tensor([ids.shape[1]])
    assert loaded.model(ids, length).equal(model(ids, length))
    assert set(loaded.classify("hi").probabilities) == set(names)


def test_a_runs_folder_opens_as_the_model_in_it(tiny_gpt, tokenizer, tmp_path):
    save(GPTClassifier(tiny_gpt), tmp_path / "run" / "model", tokenizer)
    assert load(tmp_path / "run").classify("hi") == load(
        tmp_path / "run" / "model"
    ).classify("hi")


def test_saving_over_a_model_replaces_it_and_keeps_what_is_not_its_own(
    tiny_gpt, tokenizer, tmp_path
):
    save(GPTClassifier(tiny_gpt, seed=1), tmp_path / "m", tokenizer)
    (tmp_path / "m" / "notes.txt").write_text("mine")
    save(GPTClassifier(tiny_gpt, ("a", "b", "c")), tmp_path / "m", tokenizer)
    assert load(tmp_path / "m").model.label_names == ("a", "b", "c")
    assert (tmp_path / "m" / "notes.txt").read_text() == "mine"
