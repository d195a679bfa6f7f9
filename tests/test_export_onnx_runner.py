import random

import pytest
import torch
from finished_runs import finished

from spamft.export import onnx_runner
from spamft.export.onnx_runner import Runner, batch
from spamft.export.to_onnx import PLAIN, export_onnx
from spamft.gpt import GPT, GPTConfig


def test_messages_of_a_batch_are_filled_up_on_the_right():
    given = batch([[5, 6, 7], [8]])
    assert given["ids"].tolist() == [[5, 6, 7], [8, 0, 0]]
    assert given["lengths"].tolist() == [3, 1]


def test_rows_come_in_the_order_of_the_texts_whatever_the_batches(
    tokenizer, tmp_path, monkeypatch
):
    pytest.importorskip("onnxruntime")
    run = finished(tmp_path, GPT(GPTConfig(257, 64, 16, 2, 2)), tokenizer)
    export_onnx(run, tmp_path / "it")
    runner, texts = Runner(tmp_path / "it", PLAIN), [*run.texts, ""]
    assert runner.encode(texts) == run.model.encode(texts, tokenizer)
    rows = runner.probabilities(texts)
    places = random.Random(1).sample(range(len(texts)), len(texts))
    monkeypatch.setattr(onnx_runner, "BUDGET", 40)
    again = runner.probabilities([texts[place] for place in places])
    torch.testing.assert_close(again, rows[places], atol=1e-6, rtol=0)
