import json

import pytest
import tiktoken
import torch
from safetensors.torch import load_file, save_file

from spamft.batches import collate
from spamft.classifier import (
    GPTClassifier,
    classify,
    classify_stream,
    export_hf,
    load,
    save,
    set_trainable,
)
from spamft.gpt import GPT, GPTConfig
from spamft.tokenizer import load_tokenizer, save_bpe

POOLINGS = ["last_real", "last", "first", "mean"]
TEXTS = ["see you", "", "WIN " * 20, "see you", "a", "<|endoftext|>", "£ é 👍"]


def padded(texts, width=None):
    return collate([(list(text.encode()), 0) for text in texts], 256, width)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_each_pooling_reads_the_token_it_names(tiny_gpt, pooling):
    model = GPTClassifier(tiny_gpt, pooling=pooling)
    batch = padded(["hello", "hi", "welcome"])
    hidden = tiny_gpt.hidden(batch.ids)  # the whole block, all tokens
    expected = []
    for row, length in zip(hidden, batch.lengths, strict=True):
        read = {
            "last_real": row[length - 1],
            "last": row[-1],
            "first": row[0],
            "mean": row[:length].mean(0),
        }
        expected.append(model.head(read[pooling]))
    torch.testing.assert_close(model(*batch[:2]), torch.stack(expected))


@pytest.mark.parametrize("pooling", ["last_real", "first", "mean"])
def test_padding_and_batch_mates_never_change_a_logit(tiny_gpt, pooling):
    model, texts = GPTClassifier(tiny_gpt, pooling=pooling), ["hello", "hi", "x" * 30]
    together = model(*padded(texts, width=60)[:2])
    alone = torch.cat([model(*padded([text])[:2]) for text in texts])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)


def test_the_lectures_last_column_depends_on_the_padding(tiny_gpt):
    """What `pooling="last"` costs: the same message, another answer."""
    model = GPTClassifier(tiny_gpt, pooling="last")
    short, long = model(*padded(["hi"], 4)[:2]), model(*padded(["hi"], 40)[:2])
    assert not torch.allclose(short, long, atol=1e-3)


def test_without_lengths_there_is_no_padding(tiny_gpt):
    model, batch = GPTClassifier(tiny_gpt), padded(["hello", "world"])
    assert model(batch.ids).equal(model(batch.ids, batch.lengths))


def test_judging_from_a_later_block_equals_the_whole_path(tiny_gpt):
    model, batch = GPTClassifier(tiny_gpt), padded(["hello", "hi"])
    x = tiny_gpt.blocks[0](tiny_gpt.embed(batch.ids))
    assert model.judge(x, batch.lengths, start=1).equal(model(*batch[:2]))


@pytest.mark.parametrize(
    "scope, parts",
    [
        ("head", {"head"}),
        ("last_block", {"head", "final_norm", "blocks.1"}),
        (2, {"head", "final_norm", "blocks.1", "blocks.0"}),
        ("all", {"head", "final_norm", "blocks.1", "blocks.0", "tok_emb", "pos_emb"}),
    ],
)
def test_only_the_scope_gets_gradients(tiny_gpt, scope, parts):
    model = GPTClassifier(tiny_gpt)
    said = set_trainable(model, scope)
    model(*padded(["hello", "hi"])[:2]).square().sum().backward()
    moved = {
        n.removeprefix("gpt.")
        for n, p in model.named_parameters()
        if p.grad is not None
    }
    assert {
        name.rsplit(".", 1)[0] if "blocks" not in name else name[:8] for name in moved
    } == parts
    assert said.trained == sum(p.numel() for p in model.parameters() if p.requires_grad)
    assert f"{said.trained:,} of {said.total:,} parameters train" in str(said)


@pytest.mark.parametrize("scope", ["body", 3, -1, "last_3"])
def test_an_unknown_scope_is_refused(tiny_gpt, scope):
    with pytest.raises(ValueError, match="cannot train"):
        set_trainable(GPTClassifier(tiny_gpt), scope)


@pytest.mark.parametrize(
    "wrong, complaint",
    [
        ({"pooling": "max"}, "pooling='max' must be one of"),
        ({"num_classes": 1}, "num_classes=1"),
        ({"label_names": ["a"]}, "needs that many different names"),
        ({"max_length": 65}, "max_length=65 must lie in 1..64"),
    ],
)
def test_impossible_classifiers_are_refused(tiny_gpt, wrong, complaint):
    with pytest.raises(ValueError, match=complaint):
        GPTClassifier(tiny_gpt, **wrong)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_classify_answers_in_order_what_each_text_gets_alone(
    tiny_gpt, tokenizer, pooling
):
    model = GPTClassifier(tiny_gpt, pooling=pooling)
    verdicts = classify(model, tokenizer, TEXTS, token_budget=70)
    for text, verdict in zip(TEXTS, verdicts, strict=True):
        alone = classify(model, tokenizer, text)
        assert verdict.probabilities == pytest.approx(alone.probabilities, abs=1e-6)
        assert sum(verdict.probabilities.values()) == pytest.approx(1)
        assert verdict.label == max(alone.probabilities, key=alone.probabilities.get)


def test_classify_cuts_what_is_longer_than_the_model_reads(tiny_gpt, tokenizer):
    model = GPTClassifier(tiny_gpt, max_length=5)
    assert classify(model, tokenizer, "hello") == classify(
        model, tokenizer, "hello you"
    )


def test_classify_uses_the_labels_names(tiny_gpt, tokenizer):
    model = GPTClassifier(tiny_gpt, 3, label_names=["billing", "bug", "praise"])
    assert set(classify(model, tokenizer, "x").probabilities) == set(model.label_names)


def test_a_stream_is_read_no_further_than_its_chunk(tiny_gpt, tokenizer):
    read = []
    texts = (read.append(i) or f"message {i}" for i in range(100))
    stream = classify_stream(GPTClassifier(tiny_gpt), tokenizer, texts, chunk_size=4)
    next(stream)
    assert len(read) == 4
    assert len(list(stream)) == 99


def test_what_is_no_text_is_named(tiny_gpt, tokenizer):
    with pytest.raises(TypeError, match="message 1 is None: expected a text"):
        classify(GPTClassifier(tiny_gpt), tokenizer, ["a", None])


def test_a_chunk_of_nothing_is_refused(tiny_gpt, tokenizer):
    with pytest.raises(ValueError, match="chunk_size=0 must be at least 1"):
        classify(GPTClassifier(tiny_gpt), tokenizer, ["a"], chunk_size=0)


def test_classify_nothing_gives_nothing(tiny_gpt, tokenizer):
    assert classify(GPTClassifier(tiny_gpt), tokenizer, []) == []


@pytest.mark.parametrize("pooling", POOLINGS)
def test_saved_and_loaded_says_the_same_bit_for_bit(
    tiny_gpt, tokenizer, tmp_path, pooling
):
    model = GPTClassifier(
        tiny_gpt, 3, pooling, label_names=["a", "b", "ü"], max_length=40
    )
    save(model, tmp_path, tokenizer)
    loaded, batch = load(tmp_path), padded(["hello", "hi"])
    assert loaded(*batch[:2]).equal(model(*batch[:2]))
    assert loaded.label_names == ("a", "b", "ü")
    assert (loaded.pooling, loaded.max_length) == (pooling, 40)
    files = {"classifier.json", "model.safetensors", "vocabulary.tiktoken"}
    assert {path.name for path in tmp_path.iterdir()} == files
    text = "its own tokenizer, too: ü"
    again = load_tokenizer(loaded.tokenizer)
    assert again.encode_ordinary(text) == tokenizer.encode_ordinary(text)


@pytest.mark.parametrize("name", ["tiny", "gpt2"])
def test_a_vocabulary_in_a_folder_of_a_known_name_is_kept(tiny_gpt, tmp_path, name):
    (tmp_path / name).mkdir()
    ranks = {bytes([b]): b for b in range(256)}
    save_bpe(ranks, tmp_path / name / "vocabulary.tiktoken")
    save(GPTClassifier(tiny_gpt), tmp_path / "m", load_tokenizer(tmp_path / name))
    assert load_tokenizer(load(tmp_path / "m").tokenizer).n_vocab == 257


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


def test_a_loaded_model_that_says_something_else_is_refused(
    tiny_gpt, tokenizer, tmp_path
):
    save(GPTClassifier(tiny_gpt), tmp_path, tokenizer)
    weights = load_file(tmp_path / "model.safetensors")
    weights["head.bias"] += 1
    save_file(weights, tmp_path / "model.safetensors")
    with pytest.raises(ValueError, match="the saved one said"):
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


def test_transformers_classifier_gives_the_same_logits(tiny_gpt, tmp_path):
    """Also with our head's bias, which theirs lacks, and in ragged batches."""
    transformers = pytest.importorskip("transformers")
    model = GPTClassifier(tiny_gpt, label_names=["no", "yes"])
    for parameter in model.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    export_hf(model, tmp_path)
    theirs = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path)
    assert type(theirs).__name__ == "GPT2ForSequenceClassification"
    batch = padded(["hello there", "hi", "x"])
    mask = torch.arange(batch.ids.shape[1]) < batch.lengths[:, None]
    logits = theirs.eval()(batch.ids, attention_mask=mask.long()).logits
    torch.testing.assert_close(model(*batch[:2]), logits, atol=1e-5, rtol=1e-5)
    assert theirs.config.id2label == {0: "no", 1: "yes"}


def test_export_needs_the_pooling_that_transformers_has(tiny_gpt, tmp_path):
    with pytest.raises(ValueError, match="reads the last real token, not 'mean'"):
        export_hf(GPTClassifier(tiny_gpt, pooling="mean"), tmp_path)


def test_a_fresh_head_depends_on_the_seed_alone(tiny_gpt):
    heads = [GPTClassifier(tiny_gpt, seed=s).head.weight for s in (1, 1, 2)]
    assert heads[0].equal(heads[1]) and not heads[0].equal(heads[2])


def test_a_meta_model_has_the_published_size_and_a_head():
    with torch.device("meta"):
        model = GPTClassifier(GPT(GPTConfig()))
    said = set_trainable(model, "last_block")
    assert said.total == 124_439_808 + 2 * 768 + 2
    assert said.trained == 7_087_872 + 2 * 768 + 2 * 768 + 2  # block, norm, head
