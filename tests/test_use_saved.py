import json
import random
import sys

import pytest
import tiktoken
import torch
from instructions import COARSE, needs_int8
from safetensors.torch import load_file, save_file

from spamft.batches import collate
from spamft.classifier import POOLINGS, GPTClassifier, set_trainable
from spamft.methods.lora import LoRAConfig, add_lora
from spamft.models.normalizer import Normalizer, NormalizingEncoding, normalizer_of
from spamft.models.precision import Precision, lower_precision, precision_of
from spamft.models.prompted import PromptClassifier
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.files import sha256
from spamft.plumbing.jsonfile import read_sealed, write_sealed
from spamft.tokenizer import load_tokenizer, save_bpe
from spamft.use.saved import load, save


def padded(texts, width=None):
    return collate([(list(text.encode()), 0) for text in texts], 256, width)


def both(saved):
    return saved.model, saved.tokenizer


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_loaded_model_gives_the_same_logits_bit_for_bit(
    any_gpt, tokenizer, tmp_path, pooling
):
    model = GPTClassifier(any_gpt, ["a", "b", "ü"], pooling, max_length=40)
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


def reseal(folder, **changes):
    """The card of a hostile writer, who knows how to seal it."""
    card = read_sealed(folder / "classifier.json") | changes
    card["sha256"] = {n: sha256(folder / n) for n in card["sha256"]}
    write_sealed(folder / "classifier.json", card)


def test_a_head_with_a_bias_on_a_llama_keeps_it(tiny_llama, tokenizer, tmp_path):
    """The card of such an older classifier does not say that it has one."""
    model, batch = GPTClassifier(tiny_llama, bias=True), padded(["hello", "hi"])
    save(model, tmp_path, tokenizer)
    assert load(tmp_path).model(*batch[:2]).equal(model(*batch[:2]))
    card = read_sealed(tmp_path / "classifier.json")
    assert card.pop("bias")
    write_sealed(tmp_path / "classifier.json", card)
    assert load(tmp_path).model(*batch[:2]).equal(model(*batch[:2]))


@pytest.fixture
def folder(tiny_gpt, tokenizer, tmp_path):
    save(GPTClassifier(tiny_gpt), tmp_path / "m", tokenizer)
    return tmp_path / "m"


def test_a_loaded_model_that_answers_differently_is_refused(folder):
    weights = load_file(folder / "model.safetensors")
    weights["head.bias"] += 1
    save_file(weights, folder / "model.safetensors")
    with pytest.raises(SpamftError, match="another SHA-256 than classifier.json says"):
        load(folder)
    reseal(folder)
    with pytest.raises(SpamftError, match="the saved one gave"):
        load(folder)


@pytest.mark.parametrize(
    "name", ["model.safetensors", "classifier.json", "vocabulary.tiktoken"]
)
def test_one_flipped_bit_is_found(folder, name):
    whole = (folder / name).read_bytes()
    draw = random.Random(name)
    for _ in range(150):
        changed = bytearray(whole)
        changed[draw.randrange(len(whole))] ^= 1 << draw.randrange(8)
        (folder / name).write_bytes(changed)
        with pytest.raises(SpamftError, match=name):
            load(folder)
    (folder / name).write_bytes(whole)
    load(folder)


def test_a_missing_file_is_named(folder, tmp_path):
    with pytest.raises(SpamftError, match="classifier.json is missing"):
        load(tmp_path)
    (folder / "vocabulary.tiktoken").unlink()
    with pytest.raises(SpamftError, match="vocabulary.tiktoken is missing"):
        load(folder)


GPT_SIZES = {"vocab_size": 257, "context_length": 64, "emb_dim": 16, "n_layers": 2}


@pytest.mark.parametrize(
    "changes",
    [
        {"pooling": "max"},
        {"pooling": []},
        {"architecture": "mamba"},
        {"architecture": {}},
        {"label_names": None},
        {"label_names": ["a", "a"]},
        {"label_names": ["a", "b", "c"]},
        {"max_length": 10**9},
        {"max_length": "x"},
        {"tokenizer": 5},
        {"tokenizer": "gpt2"},
        {"canary": {}},
        {"canary": {"text": 3, "ids": [], "logits": []}},
        {"canary": {"text": "x", "ids": [1], "logits": [[1, 2], [3, 4]]}},
        {"rule": None},
        {"rule": {"temperature": 0}},
        {"rule": {"threshold": {"label": "eggs", "value": 0.5, "evidence": None}}},
        {"sha256": []},
        {"sha256": {}},
        {"gpt": {}},
        *(
            {"gpt": GPT_SIZES | {"n_heads": 2, name: value}}
            for name in (*GPT_SIZES, "n_heads", "dropout", "causal", "other")
            for value in (10**9, -1, 1.5, "2", None, [], 3)
        ),
    ],
    ids=str,
)
def test_whatever_a_sealed_card_holds_is_an_error_of_ours(folder, changes):
    card = read_sealed(folder / "classifier.json")
    write_sealed(folder / "classifier.json", card | changes)
    with pytest.raises(SpamftError) as error:
        load(folder)
    assert str(folder) in str(error.value) and len(str(error.value)) < 500


def test_weights_that_are_not_the_models_are_refused(folder):
    path = folder / "model.safetensors"
    weights = load_file(path)
    for name, tensor in (
        ("head.weight", weights["head.weight"].half()),
        ("head.weight", weights["head.weight"][:1]),
        ("head.weight", torch.full_like(weights["head.weight"], torch.nan)),
        ("other", torch.ones(1)),
    ):
        save_file(weights | {name: tensor.contiguous()}, path)
        reseal(folder)
        with pytest.raises(SpamftError, match=f"model.safetensors: .*{name}"):
            load(folder)


def test_another_vocabulary_is_refused(folder, tokenizer):
    path = folder / "vocabulary.tiktoken"
    ranks = dict(tokenizer._mergeable_ranks)
    swapped = ranks | {b"W": ranks[b"i"], b"i": ranks[b"W"]}
    more = ranks | {bytes([65, b]): 256 + b for b in range(20)}
    for others, complaint in ((swapped, "the loaded model"), (more, "277 tokens")):
        save_bpe(others, path)
        reseal(folder)
        with pytest.raises(SpamftError, match=complaint):
            load(folder)
    fewer = {token: rank for token, rank in ranks.items() if rank < 255}
    save_bpe(fewer, path)
    reseal(folder)
    with pytest.raises(SpamftError, match="no token for the byte 255"):
        load(folder)


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


@pytest.mark.parametrize(
    "names", [["a", ["b"]], ["a"], ["a", "a"], ["a", "b", "c"], [1, 2], "ab", {"a": 1}]
)
def test_whatever_names_a_sealed_card_of_a_prompt_holds(
    tiny_gpt, tokenizer, tmp_path, names
):
    answers = [tokenizer.encode_ordinary(f" {name}") for name in "ab"]
    model = PromptClassifier(tiny_gpt, ("a", "b"), answers, instruction="Q?")
    save(model, tmp_path, tokenizer)
    card = read_sealed(tmp_path / "classifier.json")
    write_sealed(tmp_path / "classifier.json", card | {"label_names": names})
    with pytest.raises(SpamftError, match="label_names|the loaded model gives"):
        load(tmp_path)


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


@pytest.fixture
def normalizing(tiny_gpt, tokenizer, tmp_path):
    """The folder of a classifier that reads a Cyrillic letter as a Latin one."""
    reader = NormalizingEncoding(tokenizer, Normalizer({"а": "a", "В": "B"}))
    save(GPTClassifier(tiny_gpt), tmp_path / "n", reader)
    return tmp_path / "n"


def test_a_normalizer_is_saved_and_used_without_the_library(normalizing, monkeypatch):
    monkeypatch.setitem(sys.modules, "confusable_homoglyphs", None)
    saved = load(normalizing)
    assert saved.classify("ВаＤ\u200b") == saved.classify("BaD")
    assert normalizer_of(saved.tokenizer).table == {"а": "a", "В": "B"}
    files = read_sealed(normalizing / "classifier.json")["sha256"]
    assert files["normalizer.json"] == sha256(normalizing / "normalizer.json")
    save(saved.model, normalizing.with_name("again"), saved.tokenizer)
    again = load(normalizing.with_name("again"))
    assert again.classify("Ваd") == saved.classify("Bad")


def test_a_normalizer_that_is_missing_or_changed_is_named(normalizing):
    path = normalizing / "normalizer.json"
    whole = path.read_text()
    path.write_text(whole.replace("0430", "0431"))
    with pytest.raises(SpamftError, match="normalizer.json has another SHA-256"):
        load(normalizing)
    path.unlink()
    with pytest.raises(SpamftError, match="normalizer.json is missing"):
        load(normalizing)


@pytest.mark.parametrize(
    "entries",
    [
        {},
        {"table": 1},
        {"table": {"a": "b"}},
        {"table": {"а": []}},
        {"table": {}, 1: 2},
    ],
)
def test_whatever_a_sealed_normalizer_holds_is_an_error_of_ours(normalizing, entries):
    (normalizing / "normalizer.json").write_text(json.dumps(entries))
    reseal(normalizing)
    with pytest.raises(SpamftError, match="normalizer|look-alike"):
        load(normalizing)


def test_a_normalizer_of_an_earlier_model_goes_away(normalizing, tiny_gpt, tokenizer):
    save(GPTClassifier(tiny_gpt), normalizing, tokenizer)
    assert not (normalizing / "normalizer.json").exists()
    assert normalizer_of(load(normalizing).tokenizer) is None


# --- precision ----------------------------------------------------------------------


@pytest.fixture(params=COARSE)
def coarse(request, any_gpt, tokenizer, tmp_path, every_instruction):
    """(A model with its last block and head in float32, the folder with it.)"""
    model = GPTClassifier(any_gpt)
    set_trainable(model, "last_block")
    lower_precision(model.gpt, request.param)
    save(model, tmp_path, tokenizer)
    return model, tmp_path


def test_a_loaded_model_multiplies_as_it_was_trained(coarse):
    (model, folder), batch = coarse, padded(["hello", "hi"])
    loaded = load(folder).model
    assert precision_of(loaded.gpt) == precision_of(model.gpt)
    assert precision_of(loaded.gpt).blocks == 1
    assert loaded(*batch[:2]).equal(model(*batch[:2]))


def test_told_another_precision_it_multiplies_so_everywhere(coarse):
    _, folder = coarse
    loaded = load(folder, precision="bf16").model
    assert precision_of(loaded.gpt) == Precision("bf16", 2)
    assert precision_of(load(folder, precision="float32").model.gpt) == Precision()


def test_what_is_saved_is_float32(coarse, tokenizer, tmp_path):
    """The folder but for its card is that of the same model in float32."""
    model, folder = coarse
    plain = load(folder, precision="float32").model
    save(plain, tmp_path / "plain", tokenizer)
    weights = [
        (f / "model.safetensors").read_bytes() for f in (folder, tmp_path / "plain")
    ]
    assert weights[0] == weights[1]
    cards = [read_sealed(f / "classifier.json") for f in (folder, tmp_path / "plain")]
    assert cards[0]["canary"] == cards[1]["canary"]
    assert cards[0]["precision"] != cards[1]["precision"]


def test_where_the_device_lacks_it_float32_is_used_and_noted(coarse, monkeypatch):
    model, folder = coarse
    monkeypatch.setattr("torch.cpu.get_capabilities", dict)
    saved, name = load(folder), precision_of(model.gpt).name
    assert precision_of(saved.model.gpt) == Precision()
    [note] = saved.notes
    assert note.startswith(f"trained with {name}, but this cpu has no instructions")
    with pytest.raises(SpamftError, match="this cpu has no instructions"):
        load(folder, precision=name)


@needs_int8
def test_lora_beside_coarse_matrices_is_merged_in_float32(
    any_gpt, tokenizer, tmp_path, every_instruction
):
    model = GPTClassifier(any_gpt)
    add_lora(model, LoRAConfig(rank=2))
    lower_precision(model.gpt, "int8")
    save(model, tmp_path, tokenizer)
    assert precision_of(model.gpt) == Precision("int8", 2)  # as it was
    assert precision_of(load(tmp_path).model.gpt) == Precision("int8", 2)


@pytest.mark.parametrize(
    "entry",
    [
        {"name": "int3", "blocks": 1},
        {"name": "auto", "blocks": 1},
        {"name": "int8", "blocks": 9},
        {"name": "int8", "blocks": 0},
        {"blocks": "x"},
        5,
    ],
)
def test_a_card_with_a_precision_that_cannot_be_is_refused(coarse, entry):
    reseal(coarse[1], precision=entry)
    with pytest.raises(SpamftError) as caught:
        load(coarse[1])
    assert str(caught.value).startswith(str(coarse[1]))
