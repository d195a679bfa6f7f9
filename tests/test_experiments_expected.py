"""What a finetuning would take is counted up from a small one."""

import itertools
import os

import pytest
import torch

from spamft.experiments import expected
from spamft.experiments.expected import ALL, CONTEXT, JOBS, Job, expect
from spamft.sources import open_model, open_splits

CPU = torch.device("cpu")


def test_the_messages_are_as_long_as_the_jobs_are():
    for job in JOBS:
        lengths = expected._messages(job.tokens / ALL).lengths
        mean = sum(lengths) / len(lengths)
        assert mean == pytest.approx(job.tokens / ALL, rel=0.03)
        assert max(lengths) <= CONTEXT and job.distinct <= job.tokens


@pytest.mark.skipif("SPAMFT_UCI_ZIP" not in os.environ, reason="needs SPAMFT_UCI_ZIP")
def test_the_tokens_are_those_of_the_lectures_messages():
    splits = open_splits(os.environ["SPAMFT_UCI_ZIP"], lecture=True).splits
    encode = open_model("tiny").tokenizer.encode_ordinary
    ids = [tuple(encode(text)) for part in splits for text in part["Text"]]
    [tiny] = [job for job in JOBS if job.name == "tiny"]
    assert len(ids) == ALL and sum(map(len, ids)) == tiny.tokens
    assert sum(map(len, set(ids))) == tiny.distinct


def test_a_blocks_time_counts_as_often_as_the_model_has_frozen_blocks(monkeypatch):
    """With a clock that ticks once whenever it is read, all takes one second."""
    ticks = itertools.count()
    monkeypatch.setattr("time.perf_counter", lambda: float(next(ticks)))
    monkeypatch.setattr(expected, "LENGTHS", (0.5, 1.5) * 4)
    seconds = {
        layers: expect(Job("tiny", layers, 6 * ALL, 5 * ALL), CPU, rounds=1).seconds
        for layers in (2, 3, 12)
    }
    block = 5 * ALL / (8 * 6)  # of all messages: 8 of 6 tokens take a second
    assert seconds[3] - seconds[2] == pytest.approx(block)
    assert seconds[12] - seconds[2] == pytest.approx(10 * block)


def test_each_model_has_its_own_width():
    widths = {job.name: job.two_blocks().config.emb_dim for job in JOBS}
    assert widths == {"gpt2": 768, "smollm2": 576, "tiny": 320}
