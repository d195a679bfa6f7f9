import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch

from spamft.experiments.compare import ENTRIES, AllRows, compare
from spamft.experiments.finetune import finetune
from spamft.gpt import GPT, GPTConfig
from spamft.insight.baselines import BASELINES
from spamft.methods.heads import ClassHead, RandomWeights, WithLoRA
from spamft.methods.instruct import Prompted, encode_prompts
from spamft.methods.method import METHODS, Method, Recipe
from spamft.models.precision import missing_for
from spamft.plumbing.display import unmark_formula
from spamft.plumbing.jsonfile import read_sealed, write_sealed
from spamft.pretrained import save_gpt2
from spamft.sources import open_model, open_splits
from spamft.tokenizer import save_bpe

RATE = Recipe(1e-2, 1e-2)
HEAD = Method("head", ClassHead("head"), RATE)
FEW = {
    "majority class": BASELINES["majority class"],
    "zero-shot": METHODS["zero-shot"],
    "head": HEAD,
    "all rows": AllRows(HEAD),
    "LoRA": Method("LoRA", WithLoRA(4), RATE),
    "QLoRA": Method("QLoRA", WithLoRA(4, in_4_bits=True), RATE),
    "instructions": Method(
        "instructions", WithLoRA(4, on=Prompted()), RATE, encode=encode_prompts
    ),
    "random": Method("random", RandomWeights(ClassHead("all")), RATE),
}
ONE = {"head": HEAD}
CPU = torch.device("cpu")


@pytest.fixture
def place(tmp_path, tokenizer):
    """Messages that anything can separate, and a very small GPT, in a folder."""
    ham = [f"ham\tsee you at {chr(97 + i)}{chr(98 + i % 5)}" for i in range(24)]
    spam = [f"spam\tWIN {chr(65 + i)} NOW {chr(70 + i % 3)}" for i in range(20)]
    (tmp_path / "messages.tsv").write_text("\n".join(ham + spam))
    save_gpt2(GPT(GPTConfig(257, 128, 16, 2, 2)), tmp_path / "gpt")
    save_bpe(tokenizer._mergeable_ranks, tmp_path / "gpt" / "vocabulary.tiktoken")
    return tmp_path


def run(place, entries=FEW, split_seed=123, **options):
    data = open_splits(place / "messages.tsv", seed=split_seed)
    options = {"seeds": 2, "epochs": 1} | options
    model = open_model(place / "gpt")
    return compare(data, model, place / "out", entries=entries, **options)


def test_every_entry_gets_its_row_and_its_files(place):
    comparison = run(place)
    table = comparison.table
    assert table["method"].tolist() == list(FEW)
    assert table["seeds"].tolist() == [1, 1, 2, 2, 2, 2, 2, 2]
    written = pd.read_csv(place / "out" / "compare.csv")
    pd.testing.assert_frame_equal(written, table, check_dtype=False)
    page = (place / "out" / "compare.md").read_text()
    assert "| QLoRA | " in page and "| instructions | " in page
    assert (place / "out" / "compare.png").stat().st_size > 5000
    trained = dict(zip(table["method"], table["trained"], strict=True))
    assert trained["head"] == 16 * 2 + 2 and trained["zero-shot"] == 0
    assert trained["LoRA"] == trained["QLoRA"]
    assert trained["random"] == open_model(place / "gpt").parameters + 34
    tested = table["p_value"].notna()
    assert tested.tolist() == [False, *[True] * 7]
    assert set(table["baseline"]) == {"majority class"}
    low, high = table["interval_low"], table["interval_high"]
    assert ((low <= table["accuracy"]) & (table["accuracy"] <= high)).all()
    assert comparison.right("LoRA").shape == (2, len(comparison.right("LoRA")[0]))


def test_a_cell_is_what_finetune_gives(place):
    right = run(place, ONE).right("head")
    data, model = open_splits(place / "messages.tsv"), open_model(place / "gpt")
    for seed, row in enumerate(right, start=1):
        alone = finetune(data, model, HEAD, config={"epochs": 1}, seed=seed)
        predicted = alone.logits["test"].argmax(-1).numpy()
        assert row.tolist() == (predicted == data.splits.test["Label"]).tolist()


def test_interrupted_it_resumes_and_runs_nothing_twice(place):
    done, lines = [], []

    def stop(line):
        done.append(line)
        if "head, seed 1" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(place, log=stop)
    run(place, log=lines.append)
    ran = [line.split(" ")[0:3:2] for line in [*done, *lines] if "seed" in line]
    assert ran == [[f"[{k}", "14]"] for k in range(1, 15)]


def test_a_cell_of_another_method_or_other_settings_is_not_reused_in_silence(place):
    run(place, ONE)
    for change in (
        {"entries": {"head": replace(HEAD, recipe=Recipe(2e-2, 1e-2))}},
        {"entries": ONE, "epochs": 2},
        {"entries": ONE, "precision": "bf16"},
    ):
        lacking = missing_for(change.get("precision", "float32"), CPU)
        if lacking:
            continue  # finetune refuses it on this machine
        lines = []
        run(place, **change, log=lines.append)
        assert sum("stored for other settings, so run again" in x for x in lines) == 2
        again = []
        run(place, **change, log=again.append)
        assert not [line for line in again if "seed" in line]


@pytest.mark.skipif(bool(missing_for("bf16", CPU)), reason="no bfloat16 here")
def test_what_freezes_nothing_is_compared_in_float32_and_says_so(place):
    entries, lines = {"random": FEW["random"]}, []
    comparison = run(place, entries, precision="bf16", log=lines.append)
    assert sum("so all is float32" in line for line in lines) == 2
    other = run(place, entries)  # precision is in a cell's description, so anew
    assert comparison.right("random").tolist() == other.right("random").tolist()


def test_a_baseline_of_before_it_was_measured_on_validation_is_run_again(place):
    entries = {"majority class": BASELINES["majority class"]}
    run(place, entries)
    path = place / "out" / "cells" / "majority-class-0.json"
    cell = read_sealed(path)
    del cell["validation"], cell["description"]["validation"]
    write_sealed(path, cell)
    assert set(run(place, entries).table["baseline"]) == {"majority class"}


def test_another_comparison_in_the_same_folder_is_refused(place):
    run(place, ONE)
    with pytest.raises(ValueError, match="a comparison of other messages"):
        run(place, ONE, split_seed=4)
    path = place / "messages.tsv"
    path.write_text(path.read_text().replace("see you", "see them"))
    with pytest.raises(ValueError, match="a comparison of other messages"):
        run(place, ONE)
    with pytest.raises(ValueError, match="seeds=0"):
        run(place, ONE, seeds=0)


def test_all_rows_train_with_weights_and_are_tested_on_the_same_messages(place):
    table = run(place, {"head": HEAD, "all rows": AllRows(HEAD)}).cells
    assert len(table["head"][0]["right"]) == len(table["all rows"][0]["right"])
    stored = json.loads((place / "out" / "cells" / "all-rows-1.json").read_text())
    assert stored["description"]["entry"]["type"] == "AllRows"


def test_every_method_and_every_baseline_is_compared():
    names = set(ENTRIES)
    assert {method.name for method in METHODS.values()} <= names
    assert set(BASELINES) <= names
    assert np.unique(list(ENTRIES)).size == len(ENTRIES)


def test_no_name_of_a_method_can_act_in_a_file_or_in_a_line(place):
    evil, lines = "=1+1|\n<img src=x>", []
    table = run(place, {evil: BASELINES["majority class"]}, log=lines.append).table
    assert table["method"].tolist() == [evil]
    written = pd.read_csv(place / "out" / "compare.csv")
    assert unmark_formula(written["method"][0]) == evil != written["method"][0]
    page = (place / "out" / "compare.md").read_text()
    assert r"| =1+1\|␊&lt;img src=x&gt; |" in page.replace(r"\=", "=")
    assert all(map(str.isprintable, "".join(lines).replace("\n", " ")))
    assert not any(line.startswith("<img") for line in "\n".join(lines).split("\n"))
