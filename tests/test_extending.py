"""CONTRIBUTING's table, kept: each addition is one file outside and one line inside."""

import sys

import pytest
import torch

import spamft
from spamft.classifier import POOLINGS, Pooling
from spamft.cli import main as cli
from spamft.experiments.finetune import finetune
from spamft.insight.explain import by_block, integrated_gradients, leave_one_out
from spamft.methods.method import METHODS
from spamft.models.architectures import ARCHITECTURES
from spamft.sources import open_messages, open_model
from spamft.sources.messages import COLLECTIONS

QUICK = {"epochs": 1, "lr": 1e-2}


@pytest.fixture
def write(tmp_path, monkeypatch):
    """Write a module into a folder of its own, and import it from there."""
    monkeypatch.syspath_prepend(tmp_path)

    def module(name: str, text: str):
        (tmp_path / f"{name}.py").write_text(text)
        monkeypatch.delitem(sys.modules, name, raising=False)
        return __import__(name)

    return module


COLLECTION = """
import pandas as pd
from spamft.sources.collection import Messages

def open_letters(cache_dir, *, lecture, patience, progress):
    rows = [(label, f"{label} {letter * 3}") for label in ("red", "blue", "green")
            for letter in "abcdefghijklmnop"]
    return Messages(pd.DataFrame(rows, columns=["Label", "Text"]), "letters")
"""


@pytest.fixture
def letters(write, monkeypatch):
    toy = write("toy_collection", COLLECTION)
    monkeypatch.setitem(COLLECTIONS, "letters", toy.open_letters)


def test_a_collection(letters, small_scratch):
    assert open_messages("letters").source == "letters"
    run = finetune("letters", "scratch", config=QUICK)
    assert run.data.names == ("blue", "green", "red")


METHOD = """
from spamft.methods.heads import ClassHead
from spamft.methods.method import Method, Recipe

def only_biases(gpt, task, seed):
    model = ClassHead("all")(gpt, task, seed)
    for name, parameter in model.named_parameters():
        parameter.requires_grad_(name.endswith("bias") or "head" in name)
    return model

BITFIT = Method("biases", only_biases, Recipe(1e-2, 1e-3))
"""


def test_a_method(write, monkeypatch, letters, small_scratch, tmp_path):
    monkeypatch.setitem(METHODS, "bitfit", write("toy_method", METHOD).BITFIT)
    run = finetune("letters", "scratch", "bitfit", config=QUICK)
    parts = run.metrics()["model"]
    assert 0 < parts["trained_parameters"] < parts["parameters"] / 10
    saved = spamft.load(run.save(tmp_path / "run"))
    assert saved.classify("red").label == run.classify("red").label
    arguments = ["compare", "--data", "letters", "--model", "tiny", "--seeds", "1"]
    assert (
        cli.main([*arguments, "--output", str(tmp_path / "c"), "--only", "head"]) == 0
    )


def test_a_pooling(monkeypatch, letters, small_scratch, tmp_path):
    def highest(hidden, lengths):
        real = torch.arange(hidden.shape[1]) < lengths[:, None]
        return hidden.masked_fill(~real[..., None], -torch.inf).amax(1)

    monkeypatch.setitem(POOLINGS, "max", Pooling(highest))
    run = finetune("letters", "scratch", "last_block", pooling="max", config=QUICK)
    assert run.model.pooling == "max" and run.trunk.blocks == 1
    saved = spamft.load(run.save(tmp_path / "run"))
    there = saved.classify("red").probabilities
    assert there == pytest.approx(run.classify("red").probabilities, abs=1e-5)


ARCHITECTURE = '''
import json
from dataclasses import asdict, dataclass
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from spamft.models.backbone import Architecture

@dataclass(frozen=True)
class Size:
    vocab_size: int = 257
    context_length: int = 200
    emb_dim: int = 16
    n_layers: int = 3

class Mixer(nn.Module):
    """Each token reads the mean of those before it: causal, without attention."""
    def __init__(self, size):
        super().__init__()
        self.inside = nn.Linear(2 * size.emb_dim, size.emb_dim)
    def forward(self, x):
        count = torch.arange(1, x.shape[1] + 1, device=x.device)[:, None]
        before = x.cumsum(1) / count
        return x + torch.tanh(self.inside(torch.cat([x, before], -1)))

class Means(nn.Module):
    def __init__(self, config, *, seed=0):
        super().__init__()
        self.config = config
        self.table = nn.Embedding(config.vocab_size, config.emb_dim)
        self.blocks = nn.ModuleList(Mixer(config) for _ in range(config.n_layers))
        self.final_norm = nn.LayerNorm(config.emb_dim)
    def embed(self, ids):
        return self.table(ids)
    def logits(self, hidden):
        return hidden @ self.table.weight.T

def load(folder):
    sizes = json.loads((folder / "config.json").read_text())["sizes"]
    model = Means(Size(**sizes))
    model.load_state_dict(load_file(folder / "model.safetensors"))
    return model

def save(model, folder):
    folder.mkdir()
    config = {"model_type": "means", "sizes": asdict(model.config)}
    (folder / "config.json").write_text(json.dumps(config))
    save_file(model.state_dict(), folder / "model.safetensors")

MEANS = Architecture(Size, Means, load, method="head", rates={"last blocks": 0.125})
'''


@pytest.fixture
def means(write, monkeypatch, tmp_path, tokenizer):
    """A folder with a model of an architecture that spamft has never seen."""
    from spamft.tokenizer import save_bpe

    toy = write("toy_architecture", ARCHITECTURE)
    monkeypatch.setitem(ARCHITECTURES, "means", toy.MEANS)
    toy.save(toy.Means(toy.Size()), tmp_path / "means")
    save_bpe(tokenizer._mergeable_ranks, tmp_path / "means" / "vocabulary.tiktoken")
    return open_model(tmp_path / "means")


@pytest.mark.parametrize("method", [m for m in METHODS if m != "few-shot"])
def test_an_architecture_does_everything_that_gpt2_does(
    means, letters, tmp_path, method
):
    """Trunk, head, LoRA, NF4, instructions, saving, explaining: five names suffice."""
    run = finetune("letters", means, method, config=QUICK)
    frozen = {"head": 3, "features": 2, "last_block": 2, "last_two_blocks": 1}
    assert getattr(run.trunk, "blocks", 0) == frozen.get(method, 0)
    if method not in ("instructions", "zero-shot"):
        for explain in (leave_one_out, by_block, integrated_gradients):
            if run.model.pooling == "last_real":
                explain(run.model, run.tokenizer, "red abc")
    if "lora" in method and method != "zero-shot":
        assert sum(".A" in name for name, _ in run.model.named_parameters()) == 3
    saved = spamft.load(run.save(tmp_path / "run"))
    there = saved.classify("red abc").probabilities
    assert there == pytest.approx(run.classify("red abc").probabilities, abs=1e-5)


def test_an_architecture_brings_its_method_and_rates(means, letters, monkeypatch):
    assert finetune("letters", means).setup.method is METHODS["head"]
    monkeypatch.setattr("spamft.methods.method.LARGE", 0)
    of_gpt2 = {"head": 5e-4, "last_block": 0.125, "full": 5e-5}
    assert {key: METHODS[key].recipe(means.gpt).lr for key in of_gpt2} == of_gpt2


COMMAND = '''
"""Greet."""
HELP = "say hello"
def add(parser):
    parser.add_argument("name")
def run(args):
    print(f"hello {args.name}")
'''


def test_a_command(write, monkeypatch, capsys):
    write("toy_command", COMMAND)
    monkeypatch.setattr(cli, "COMMANDS", (*cli.COMMANDS, "toy_command"))
    assert cli.main(["toy_command", "you"]) == 0
    assert capsys.readouterr().out == "hello you\n"
