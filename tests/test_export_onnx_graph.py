"""onnxruntime runs what PyTorch runs, from one file and without it."""

from dataclasses import replace

import pytest
import torch
from test_export_hf_classifier import BACKBONES

from spamft.batches import TokenDataset
from spamft.classifier import POOLINGS, GPTClassifier, Pooling
from spamft.export.onnx_graph import onnx_model
from spamft.gpt import GPT, GPTConfig
from spamft.models.attention import with_attention
from spamft.models.operators import OPERATORS
from spamft.plumbing.errors import SpamftError
from spamft.use.predict import predict_in_order

onnxruntime = pytest.importorskip("onnxruntime")
PAD = 96


def opened(model, temperature: float = 1.7):
    """What runs a classifier's graph: (ids, lengths) -> probabilities."""
    made = onnx_model(model.eval(), temperature, PAD).SerializeToString()
    session = onnxruntime.InferenceSession(made)

    def run(ids, lengths):
        given = {"ids": ids.numpy(), "lengths": lengths.numpy()}
        return torch.from_numpy(session.run(["probabilities"], given)[0])

    return run


def batch(rows: int, width: int):
    """Random messages, filled up with random tokens: these are never read."""
    lengths = torch.randint(1, width + 1, (rows,))
    lengths[0] = width
    return torch.randint(PAD, (rows, width)), lengths


@pytest.mark.parametrize("name", BACKBONES)
def test_any_batch_of_any_length_has_the_probabilities_of_pytorch(name):
    model = GPTClassifier(BACKBONES[name](), ["no", "yes", "?"])
    torch.nn.init.normal_(model.head.weight)
    run = opened(model)
    for shape in ((1, 1), (4, 17), (2, 64), (1, 30)):
        ids, lengths = batch(*shape)
        wanted = (model(ids, lengths) / 1.7).softmax(-1)
        torch.testing.assert_close(run(ids, lengths), wanted, atol=1e-5, rtol=0)


@pytest.mark.parametrize("attention", ["causal", "full"])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_every_pooling_and_both_attentions(any_gpt, pooling, attention):
    gpt = with_attention(any_gpt, attention)
    model = GPTClassifier(gpt, ("a", "b"), pooling, max_length=20)
    torch.nn.init.normal_(model.head.weight, std=3)
    lengths = [1, 20, 7]
    tokens = [torch.randint(PAD, (n,)).tolist() for n in lengths]
    fixed = model.width is not None  # the graph itself fills up what must be
    examples = TokenDataset(tokens, [0] * 3, PAD, model.width, fixed_width=fixed)
    wanted = (predict_in_order(model, examples) / 1.7).softmax(-1)
    for width in (20, 26 if not fixed else 20):
        ids = torch.full((3, 20), 5)
        for row, each in zip(ids, tokens, strict=True):
            row[: len(each)] = torch.tensor(each)
        found = opened(model)(ids, torch.tensor(lengths))
        torch.testing.assert_close(found, wanted, atol=1e-5, rtol=0), width


def test_every_architecture_has_operators_or_is_refused_by_name(monkeypatch, tiny_gpt):
    monkeypatch.delitem(OPERATORS, "gpt2")
    with pytest.raises(SpamftError, match="a GPT computes has no ONNX operators"):
        onnx_model(GPTClassifier(tiny_gpt), 1.0, PAD)


def test_a_pooling_from_outside_is_refused_by_name(monkeypatch, tiny_gpt):
    monkeypatch.setitem(POOLINGS, "max", Pooling(lambda hidden, n: hidden.amax(1)))
    model = GPTClassifier(tiny_gpt, pooling="max")
    with pytest.raises(SpamftError, match="pooling 'max' has no ONNX operators"):
        onnx_model(model, 1.0, PAD)


def test_what_a_file_cannot_hold_is_refused(monkeypatch, tiny_gpt):
    monkeypatch.setattr("spamft.export.onnx_graph.MOST", 1000)
    with pytest.raises(SpamftError, match="at most 2 GB"):
        onnx_model(GPTClassifier(tiny_gpt), 1.0, PAD)


def test_linear_layers_go_by_their_own_names(any_gpt):
    nodes = onnx_model(GPTClassifier(any_gpt), 1.0, PAD).graph.node
    names = {node.name for node in nodes if node.op_type == "MatMul"}
    for name, layer in any_gpt.blocks.named_modules():
        if isinstance(layer, torch.nn.Linear) and "qkv" not in name:
            assert f"blocks.{name}" in names


def test_positions_that_no_message_has_are_left_out():
    gpt = GPT(GPTConfig(97, 64, 48, 1, 4))
    model = GPTClassifier(gpt, max_length=9)
    sizes = {
        w.name: list(w.dims) for w in onnx_model(model, 1.0, PAD).graph.initializer
    }
    assert sizes["pos_emb.weight"] == [9, 48]
    assert replace(gpt.config).context_length == 64
