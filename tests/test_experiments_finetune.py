import inspect
from dataclasses import fields
from pathlib import Path

import pandas as pd
import pytest
import torch
from instructions import COARSE
from made_messages import clean

from spamft.cli.finetune import FinetuneOptions
from spamft.cli.options import AlarmOptions
from spamft.experiments.checkpoints import Checkpoints
from spamft.experiments.finetune import finetune
from spamft.gpt import GPTConfig
from spamft.methods.method import METHODS
from spamft.plumbing.errors import SpamftError
from spamft.reading.layout import Layout
from spamft.sources import open_model, open_splits
from spamft.use.saved import load


@pytest.fixture(autouse=True)
def small(monkeypatch):
    """A very small GPT: the run itself is what is tested."""
    monkeypatch.setattr("spamft.sources.models.SCRATCH", GPTConfig(4096, 160, 16, 2, 2))


@pytest.fixture
def file(tmp_path) -> Path:
    ham = [f"ham\tsee you at {chr(97 + i)}{chr(98 + i % 5)}" for i in range(20)]
    spam = [f"spam\tWIN {chr(65 + i)} NOW {chr(70 + i % 3)}" for i in range(15)]
    path = tmp_path / "messages.tsv"
    path.write_text("\n".join(ham + spam))
    return path


def quick(file, method=None, *, epochs=2, lr=1e-3, **options):
    config = {"epochs": epochs, "lr": lr}
    return finetune(str(file), "scratch", method, config=config, **options)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_gives_a_run_that_classifies(file, method):
    run = quick(file, method)
    assert run.reports["test"].examples == len(run.data.splits.test) == 6
    assert run.logits["test"].shape == (6, 2)
    verdict = run.classify("see you at x")
    assert sum(verdict.probabilities.values()) == pytest.approx(1)
    assert run.setup.method is METHODS[method]


def test_nothing_is_printed_or_written_unless_asked(file, tmp_path, capsys):
    before = set(tmp_path.rglob("*"))
    quick(file)
    said = capsys.readouterr()
    assert said.out == said.err == "" and set(tmp_path.rglob("*")) == before


def test_the_log_tells_data_model_device_and_every_record(file):
    lines = []
    run = quick(file, log=lines.append)
    text = "\n".join(lines)
    assert "train / validation / test 21 / 3 / 6" in text
    assert "random weights; full:" in text and "device: cpu" in text
    assert all(str(record) in lines for record in run.history)


def test_neither_data_nor_model_that_were_given_change(file):
    data, model = open_splits(file), open_model("scratch")
    weights = [p.clone() for p in model.gpt.parameters()]
    texts = [part.copy() for part in data.splits]
    for method in METHODS:
        finetune(data, model, method, config={"epochs": 1, "lr": 0.01})
    now = list(model.gpt.parameters())
    assert all(map(torch.equal, weights, now))
    assert all(a.equals(b) for a, b in zip(texts, data.splits, strict=True))


def test_the_same_seed_gives_the_same_run(file):
    first, again, other = (quick(file, seed=seed).logits["test"] for seed in (3, 3, 4))
    assert first.equal(again) and not first.equal(other)


def test_logits_are_in_the_order_of_the_messages(file):
    run = quick(file, "last_block")
    for text, row in zip(run.data.splits.test["Text"], run.logits["test"], strict=True):
        alone = run.classify(text).probabilities.values()
        assert row.softmax(-1).tolist() == pytest.approx(list(alone), abs=1e-5)


def test_random_weights_train_in_full_and_pretrained_ones_in_the_last_block(file):
    assert quick(file).setup.method is METHODS["full"]
    data = open_splits(file)
    tiny = finetune(data, "tiny", config={"epochs": 1})
    assert tiny.setup.method is METHODS["last_block"] and tiny.trunk.blocks == 4


def test_a_recipe_can_be_changed_in_part_or_replaced_whole(file, tiny_gpt):
    config = quick(file).setup.config
    assert (config.epochs, config.lr, config.warmup_steps) == (2, 1e-3, 50)
    whole = METHODS["full"].recipe(tiny_gpt)
    assert finetune(str(file), "scratch", config=whole).setup.config == whole


def test_lecture_means_its_rows_its_split_its_padding_and_its_settings(file):
    file.write_text(file.read_text() + '\nham\t"lost\nham\tand lost too"\nham\tlast')
    run = finetune(str(file), "scratch", "last_block", lecture=True)
    assert len(run.data.df) == 37  # of 38: the parser takes two for one
    assert run.model.pooling == "last"
    assert run.model.width == max(len(ids) for ids in run_ids(run))
    assert run.setup.config.eval_every == 50
    assert run.history[-1].step == 5 * (21 // 8)
    assert run.history[-1].examples == 5 * (21 // 8) * 8


def run_ids(run):
    texts = run.data.splits.train["Text"]
    return run.tokenizer.encode_ordinary_batch(texts.tolist())


def test_pooling_and_length_are_the_callers_choice(file):
    run = quick(file, "last_block", pooling="mean", max_length=5)
    assert (run.model.pooling, run.model.max_length) == ("mean", 5)
    assert quick(file, "last_block", pooling="last").model.width is not None


@pytest.mark.parametrize("method", ["head", "last_block", "full", "lora-4", "random"])
def test_full_attention_is_trained_saved_and_used(file, tmp_path, method):
    lines = []
    run = quick(file, method, attention="full", log=lines.append)
    assert "; full attention; " in "\n".join(lines)
    saved = load(run.save(tmp_path / "run"))
    assert not saved.model.gpt.config.causal
    texts = ["see you", "WIN A CAR NOW, call now", "hi " * 20]
    alone = [run.classify(text).probabilities for text in texts]
    for reader in (run, saved):
        for verdict, wanted in zip(reader.classify(texts), alone, strict=True):
            assert verdict.probabilities == pytest.approx(wanted, abs=1e-5)


def test_the_books_experiment_without_a_mask_keeps_the_padding(file):
    run = quick(file, "last_block", lecture=True, attention="full")
    assert run.model.pooling == "last" and not run.model.gpt.config.causal
    assert run.model.mask(torch.tensor([3]), run.model.width).all()


def test_a_run_resumes_with_the_same_attention_alone(file, tmp_path):
    place = tmp_path / "progress"
    first = Checkpoints(place, first=0.0)
    quick(file, "full", checkpoints=first)
    with pytest.raises(SpamftError, match="another attention"):
        again = Checkpoints(place, resume=True)
        quick(file, "full", attention="full", checkpoints=again)


def test_without_balancing_all_rows_stay_and_the_rare_class_weighs_more(file):
    data = open_splits(file, balanced=False)
    run = finetune(data, "scratch", config={"epochs": 1})
    assert sum(map(len, run.data.splits)) == 35
    ham, spam = run.setup.config.class_weights
    assert spam > 1 > ham


def test_any_number_of_classes(tmp_path):
    path = tmp_path / "tickets.csv"
    rows = [
        f"{name},{name} {chr(97 + i)}" for i in range(12) for name in ("x", "y", "z")
    ]
    path.write_text("team,body\n" + "\n".join(rows))
    data = open_splits(path, layout=Layout(text="body", label="team"))
    for method in ("full", "features", "instructions"):
        run = finetune(data, "scratch", method, config={"epochs": 1})
        assert len(run.reports["test"].classes) == 3
        assert set(run.classify("x a").probabilities) == {"x", "y", "z"}


def uneven(path) -> Path:
    """120 ham and 40 spam, which a model separates for the most part."""
    df = clean(240)
    ham, spam = df[df["Label"] == "ham"], df[df["Label"] == "spam"][:40]
    pd.concat([ham, spam]).to_csv(path, index=False)
    return path


def test_a_rate_of_false_alarms_gives_a_threshold_and_changes_no_training(tmp_path):
    path, lines = uneven(tmp_path / "uneven.csv"), []
    plain = finetune(path, "scratch", config={"epochs": 1})
    run = finetune(
        *(path, "scratch"), config={"epochs": 1}, false_alarms=0.1, log=lines.append
    )
    assert run.logits["test"].equal(plain.logits["test"])
    evidence = run.rule.threshold.evidence
    assert (evidence.chosen_on, evidence.measured_on) == (40, 40)
    assert any("threshold 0." in line for line in lines)
    assert plain.rule.threshold is None
    with pytest.raises(SpamftError, match="40 messages cannot choose a threshold"):
        finetune(path, "scratch", false_alarms=0.01)


def test_leaks_are_kept_out_or_counted(file):
    file.write_text("\n".join(file.read_text().split("\n") * 2))
    assert quick(file).data.leaks["test"] == {"exact": 0, "folded": 0}
    data = open_splits(file, lecture=True)
    assert finetune(data, "scratch", config={"epochs": 1}).data.leaks["test"]["exact"]


@pytest.mark.parametrize(
    "change, complaint",
    [
        ({"data": "nothing.tsv"}, "no file 'nothing.tsv'"),
        ({"model": "gpt5"}, "no model 'gpt5'"),
        ({"method": "tail"}, "unknown method 'tail': choose from head, features"),
        ({"device": "tpu"}, "device 'tpu' must be one of auto"),
        ({"pooling": "max"}, "pooling='max' must be one of last_real"),
        ({"attention": "both"}, "attention='both' must be one of causal, full"),
        ({"method": "zero-shot", "attention": "full"}, "needs causal attention"),
        ({"max_length": 199}, "max_length=199 exceeds the model's context of 160"),
        ({"config": {"batch_size": 0}}, "batch_size=0 must be at least 1"),
        ({"config": {"lr": 1e30}}, "not finite at step"),
    ],
)
def test_what_cannot_be_done_is_one_clear_error(file, change, complaint):
    with pytest.raises(SpamftError, match=complaint):
        finetune(**({"data": str(file), "model": "scratch"} | change))


def test_a_keyboard_interrupt_reaches_the_caller(file):
    def stop(line):
        if line.startswith("epoch"):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        quick(file, log=stop)


def test_the_command_lines_options_are_the_functions_own():
    parameters = inspect.signature(finetune).parameters
    for each in (*fields(FinetuneOptions), *fields(AlarmOptions)):
        assert parameters[each.name].default == each.default, each.name


# --- precision ----------------------------------------------------------------------


@pytest.mark.parametrize("precision", COARSE)
@pytest.mark.parametrize("method", ["last_block", "features", "lora-4"])
def test_with_fewer_bits_for_what_is_frozen_it_learns_the_same(
    file, tmp_path, method, precision, every_instruction
):
    lines = []
    exact = quick(file, method)
    coarse = quick(file, method, precision=precision, log=lines.append)
    for one, other in zip(exact.history, coarse.history, strict=True):
        assert one.train_loss == pytest.approx(other.train_loss, abs=0.02)
    assert f"precision: {precision} in " in "\n".join(lines)
    facts = coarse.metrics()["model"]["precision"]
    assert facts["name"] == precision and facts["blocks"] >= 1
    assert exact.metrics()["model"]["precision"] == {"name": "float32", "blocks": 0}
    saved = load(coarse.save(tmp_path / "coarse"))
    texts = coarse.data.splits.test["Text"].tolist()
    for one, other in zip(coarse.classify(texts), saved.classify(texts), strict=True):
        # LoRA is merged before it is rounded, not after
        atol = 0.01 if method == "lora-4" else 1e-6
        assert one.probability == pytest.approx(other.probability, abs=atol)


@pytest.mark.parametrize("method", ["full", "qlora-16"])
def test_a_precision_for_nothing_is_refused(file, method, every_instruction):
    with pytest.raises(SpamftError, match="is for frozen matrices in float32"):
        quick(file, method, precision="bf16")


def test_on_a_gpu_bf16_is_of_what_trains_too(file, monkeypatch, every_instruction):
    plain = quick(file, "full")
    for place in ("models.precision", "experiments.finetune"):
        monkeypatch.setattr(f"spamft.{place}.trains_in_bf16", lambda *given: True)
    run = quick(file, "full", precision="bf16")
    losses = [each.history[-1].train_loss for each in (plain, run)]
    assert losses[0] != losses[1] == pytest.approx(losses[0], rel=0.05)
    assert {p.dtype for p in run.model.parameters()} == {torch.float32}


def test_a_wrong_precision_is_refused_before_any_work(monkeypatch):
    monkeypatch.setattr("spamft.experiments.finetune.open_splits", None)
    with pytest.raises(SpamftError, match="'int4' must be one of auto, float32"):
        finetune(precision="int4")


def test_a_run_does_not_resume_in_another_precision(file, tmp_path, every_instruction):
    def stop(line):
        if line.startswith("epoch"):
            raise KeyboardInterrupt

    def resumable(resume):
        return Checkpoints(tmp_path / "progress", resume=resume, first=0.0)

    with pytest.raises(KeyboardInterrupt):
        quick(
            file,
            precision="int8",
            checkpoints=resumable(False),
            log=stop,
            method="head",
        )
    with pytest.raises(SpamftError, match="another precision"):
        quick(file, precision="bf16", checkpoints=resumable(True), method="head")
