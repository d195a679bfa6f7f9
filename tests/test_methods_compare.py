import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from spamft.gpt import GPT, GPTConfig
from spamft.methods import compare as module
from spamft.methods.compare import ROWS, Row, compare
from spamft.pretrained import save_gpt2
from spamft.sources import open_model
from spamft.train import TrainConfig

FEW = (
    Row("majority class", "baseline"),
    Row("zero-shot prompt", "prompt"),
    Row("head only", "head", "head", lr=1e-2),
    Row("all, weighted", "head", "last_block", unbalanced=True, lr=1e-2),
    Row("LoRA, r = 4", "head", rank=4, lr=1e-2),
    Row("QLoRA, r = 4", "head", rank=4, in_4_bits=True, lr=1e-2),
    Row("instructions", "instruct", rank=4, lr=1e-2),
    Row("random weights", "head", "all", random=True, lr=1e-3),
)


@pytest.fixture
def place(tmp_path, monkeypatch, tokenizer):
    """Messages that anything can tell apart, a very small GPT, one epoch."""
    ham = [f"ham\tsee you at {chr(97 + i)}{chr(98 + i % 5)}" for i in range(20)]
    spam = [f"spam\tWIN {chr(65 + i)} NOW {chr(70 + i % 3)}" for i in range(20)]
    (tmp_path / "messages.tsv").write_text("\n".join(ham + spam))
    from spamft.tokenizer import save_bpe

    gpt = GPT(GPTConfig(257, 128, 16, 2, 2))
    save_gpt2(gpt, tmp_path / "gpt")
    save_bpe(tokenizer._mergeable_ranks, tmp_path / "gpt" / "vocabulary.tiktoken")
    monkeypatch.setattr(module, "TRAIN", TrainConfig(epochs=1, clip_norm=1.0))
    return tmp_path


def run(place, rows=FEW, **options):
    data, model = place / "messages.tsv", place / "gpt"
    return compare(data, model, place / "out", rows=rows, seeds=2, **options)


def test_every_way_gets_its_line_and_its_files(place):
    frame = run(place)
    assert frame["way"].tolist() == [row.name for row in FEW]
    assert frame["seeds"].tolist() == [1, 1, 2, 2, 2, 2, 2, 2]
    written = pd.read_csv(place / "out" / "compare.csv")
    pd.testing.assert_frame_equal(written, frame, check_dtype=False)
    assert "| QLoRA, r = 4 | " in (place / "out" / "compare.md").read_text()
    assert (place / "out" / "compare.png").stat().st_size > 5000
    trained = dict(zip(frame["way"], frame["trained"], strict=True))
    assert trained["head only"] == 16 * 2 + 2
    assert trained["LoRA, r = 4"] == trained["QLoRA, r = 4"]
    gpt = open_model(place / "gpt").gpt
    assert trained["random weights"] == sum(p.numel() for p in gpt.parameters()) + 34
    low, high = frame["interval_low"], frame["interval_high"]
    assert ((low <= frame["accuracy"]) & (frame["accuracy"] <= high)).all()


def test_a_cell_is_what_the_job_of_its_own_would_give(place):
    """The trunk that seeds share changes nothing: each seed alone says the same."""
    run(place, rows=FEW[2:3])
    cells = sorted((place / "out" / "cells").glob("head-only-*.json"))
    together = [json.loads(path.read_text())["right"] for path in cells]
    for path in cells[1:]:
        path.unlink()  # as if it had been stopped after the first
    run(place, rows=FEW[2:3])
    again = [json.loads(path.read_text())["right"] for path in cells]
    assert together == again


def test_stopped_it_goes_on_and_runs_nothing_twice(place, monkeypatch):
    done = []

    def stop(line):
        done.append(line)
        if line.startswith("head only, seed 1"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(place, say=stop)
    lines = []
    run(place, say=lines.append)
    ran = [line.split(": ")[0] for line in [*done, *lines] if "seed" in line]
    assert len(ran) == len(set(ran)) == 2 + 2 * 6


def test_what_ctrl_c_cut_short_is_no_result(place, monkeypatch):
    monkeypatch.setattr(module, "fit", lambda *a, **k: [])  # as fit returns then
    with pytest.raises(KeyboardInterrupt):
        run(place, rows=FEW[2:3])
    assert not list((place / "out").glob("cells/*"))


def test_another_comparison_in_the_same_folder_is_refused(place):
    run(place, rows=FEW[:1])
    with pytest.raises(ValueError, match="holds another comparison"):
        run(place, rows=FEW[:1], split="lecture")
    with pytest.raises(ValueError, match="seeds=0"):
        compare(place / "messages.tsv", place / "gpt", place / "new", seeds=0)


def test_the_seed_decides_the_run_and_the_frozen_part_is_the_same_for_all(place):
    frame = run(place, rows=[replace(FEW[2], name="a"), replace(FEW[2], name="b")])
    assert np.isclose(*frame["accuracy"]) and np.isclose(*frame["mcc"])


def test_the_ways_of_the_lecture_and_their_neighbours_are_all_there():
    names = [row.name for row in ROWS]
    assert len(set(names)) == len(names) == 16
    for wanted in ("zero-shot", "head only", "last block", "full", "LoRA, r = 4"):
        assert any(name.startswith(wanted) for name in names)
