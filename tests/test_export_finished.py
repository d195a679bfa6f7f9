import pytest
import torch
from finished_runs import finished, rows

from spamft.evaluate import report
from spamft.experiments.finetune import finetune
from spamft.export.finished import open_finished
from spamft.gpt import GPT, GPTConfig
from spamft.plumbing.errors import SpamftError
from spamft.sources.models import Pretrained


@pytest.mark.parametrize("pooling", ["last_real", "last"])
@pytest.mark.parametrize("classes", [("ham", "spam"), ("4", "0", "2")])
def test_it_measures_what_the_run_measured(tokenizer, tmp_path, classes, pooling):
    """Also where labels are numbers, and the padding is read."""
    gpt = GPT(GPTConfig(257, 128, 16, 2, 2))
    run = finished(tmp_path, gpt, tokenizer, classes, pooling=pooling)
    again, stored = report(run.logits, run.labels), run.metrics["test"]
    assert again.accuracy == stored["accuracy"]
    assert again.loss == pytest.approx(stored["loss"], abs=1e-5)
    assert len(run.test) == stored["examples"] < len(run.texts)
    torch.testing.assert_close(
        run.probabilities.sum(1), torch.ones(len(run.test)).double()
    )


def test_a_model_without_its_run_is_refused(tokenizer, tmp_path):
    run = finished(tmp_path, GPT(GPTConfig(257, 128, 16, 2, 2)), tokenizer)
    with pytest.raises(
        SpamftError, match="model holds no metrics.json: give the folder"
    ):
        open_finished(run.folder / "model")
    with pytest.raises(SpamftError, match="nowhere holds no saved classifier"):
        open_finished(tmp_path / "nowhere")


def test_a_model_that_answers_in_words_is_refused_with_what_to_do(tokenizer, tmp_path):
    (tmp_path / "rows.csv").write_text(rows())
    gpt = GPT(GPTConfig(257, 400, 16, 2, 2))
    base = Pretrained(gpt, tokenizer, "made", "made weights")
    run = finetune(tmp_path / "rows.csv", base, "zero-shot")
    folder = run.save(tmp_path / "run")
    with pytest.raises(
        SpamftError, match="no class head to export: finetune by another"
    ):
        open_finished(folder)
