import copy
import math
import signal
from contextlib import nullcontext
from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.data import DataLoader, TensorDataset

from spamft.batches import SpamDataset, make_bucketed_loader, make_loader
from spamft.classifier import GPTClassifier, set_trainable
from spamft.data import encode_labels
from spamft.gpt import GPT
from spamft.models.precision import autocast_training
from spamft.plumbing.checkpoint import load_checkpoint, save_checkpoint
from spamft.plumbing.errors import SpamftError
from spamft.train import TrainConfig, TrainState, fit, train
from spamft.trunk import cache_trunk


@pytest.fixture
def dataset(messages, tokenizer):
    return SpamDataset(encode_labels(messages), tokenizer, max_length=32)


@pytest.fixture
def loader(dataset):
    return make_loader(dataset, batch_size=5)  # 16 messages: 5, 5, 5 and a ragged 1


def weights_of(model: nn.Module) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in model.parameters()])


def lecture_losses(model, train_loader, evaluation_loader, epochs, eval_freq):
    """The lecture's train_classifier_simple, told in plain code: an oracle.

    It evaluates on 5 batches of the train and of the validation loader every
    `eval_freq` steps, in eval mode, as the lecture does.
    """
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-5, weight_decay=0.1)
    losses = []
    for _ in range(epochs):
        model.train()
        for ids, lengths, labels in train_loader:
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(ids, lengths), labels)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
            if len(losses) % eval_freq == 0:
                model.eval()
                with torch.no_grad():
                    for number, batch in enumerate(evaluation_loader):
                        if number == 5:
                            break
                        nn.functional.cross_entropy(model(*batch[:2]), batch.labels)
                model.train()
    return losses


def test_the_lectures_losses_come_out_step_by_step(tiny_gpt, messages, tokenizer):
    """Padded to one width, last column, ragged batch dropped: equal to 1e-6."""

    dataset = SpamDataset(encode_labels(messages), tokenizer, 32, fixed_width=True)

    def batches():
        return make_loader(dataset, 3, shuffle=True, drop_last=True)

    model = GPTClassifier(tiny_gpt, pooling="last")
    set_trainable(model, "last_block")
    oracle = copy.deepcopy(model)
    expected = lecture_losses(oracle, batches(), batches(), epochs=5, eval_freq=2)
    history = fit(model, batches(), batches(), TrainConfig(eval_every=1))
    assert len(expected) == 5 * 5
    losses = [record.train_loss for record in history]
    assert losses == pytest.approx(expected, abs=1e-6)
    torch.testing.assert_close(weights_of(model), weights_of(oracle))


def test_fit_learns_a_separable_set(tiny_gpt, loader):
    model = GPTClassifier(tiny_gpt)
    history = fit(model, loader, loader, TrainConfig(epochs=20, lr=3e-3))
    assert history[-1].validation_accuracy == 1.0
    assert history[-1].validation_loss < 0.1 < history[0].validation_loss
    assert history[-1].epoch == 20 and history[-1].examples == 20 * 16


def test_fit_knows_nothing_of_text():
    x = torch.randn(64, 2)
    loader = DataLoader(TensorDataset(x, (x.sum(1) > 0).long()), 16)
    model = nn.Linear(2, 2)
    assert (
        fit(model, loader, loader, TrainConfig(epochs=30, lr=0.1))[-1].train_accuracy
        > 0.95
    )


def test_frozen_weights_stay(tiny_gpt, loader):
    model = GPTClassifier(tiny_gpt)
    set_trainable(model, "head")
    before = copy.deepcopy(model.gpt.state_dict())
    fit(model, loader, loader, TrainConfig(epochs=1, lr=1.0))
    assert all(t.equal(before[n]) for n, t in model.gpt.state_dict().items())


def test_measuring_does_not_change_training(tiny_gpt, dataset):
    """With dropout, and a validation loader that draws from the global generator."""
    weights = []
    for eval_every in (1, 3, 100):
        model = GPTClassifier(GPT(replace(tiny_gpt.config, dropout=0.2)))
        shuffled = make_loader(dataset, 4, shuffle=True)
        plain = DataLoader(dataset, 3, shuffle=True, collate_fn=shuffled.collate_fn)
        config = TrainConfig(epochs=2, lr=1e-3, eval_every=eval_every)
        torch.manual_seed(7)
        fit(model, shuffled, plain, config)
        weights.append(weights_of(model))
    assert weights[0].equal(weights[1]) and weights[0].equal(weights[2])


@pytest.mark.parametrize("class_weights", [None, (0.5, 2.0)])
def test_accumulated_batches_equal_the_big_one(tiny_gpt, dataset, class_weights):
    models = []
    for size, accumulate in ((16, 1), (5, 4)):  # 5 + 5 + 5 + 1: ragged
        model = GPTClassifier(copy.deepcopy(tiny_gpt))
        loader = make_loader(dataset, size)
        config = TrainConfig(
            epochs=1, lr=1e-3, accumulate=accumulate, class_weights=class_weights
        )
        gradients = []
        history = fit(model, loader, loader, config)
        gradients = torch.cat([p.grad.flatten() for p in model.parameters()])
        models.append((gradients, history[-1].train_loss))
    torch.testing.assert_close(models[0][0], models[1][0], atol=1e-6, rtol=0)
    assert models[0][1] == pytest.approx(models[1][1], abs=1e-6)


def test_a_class_weighs_the_same_whatever_else_is_in_its_batch():
    """Batches of one class each and mixed ones have the same gradient on average, that
    of PyTorch's weighted loss over all examples."""
    x, labels = torch.randn(8, 3), torch.tensor([0, 0, 0, 0, 0, 0, 1, 1])
    class_weights = (2 / 3, 2.0)  # 1 on average over these
    model = nn.Linear(3, 2)
    loss = nn.CrossEntropyLoss(torch.tensor(class_weights))(model(x), labels)
    loss.backward()
    expected = model.weight.grad.clone()
    for order in ([0, 1, 2, 3, 4, 5, 6, 7], [0, 1, 6, 2, 7, 3, 4, 5]):
        loader = DataLoader(TensorDataset(x[order], labels[order]), 2)
        # the rate is so small that the model does not move
        config = TrainConfig(
            epochs=1, lr=1e-12, eval_every=1, class_weights=class_weights
        )
        gradients, losses = [], []
        for record in train(model, loader, loader, config):
            gradients.append(model.weight.grad.clone())
            losses.append(record.train_loss)
        torch.testing.assert_close(torch.stack(gradients).mean(0), expected)
        assert sum(losses) / len(losses) == pytest.approx(loss.item())


def test_the_rate_warms_up_and_falls_as_a_cosine(loader):
    model = nn.Linear(2, 2)
    config = TrainConfig(epochs=5, lr=1.0, warmup_steps=4, eval_every=1)
    rates = [r.lr for r in fit(model, loader_of(32), loader_of(32), config)]
    assert rates[:4] == [0.25, 0.5, 0.75, 1.0]
    assert rates[4] == 1.0 and rates[4:] == sorted(rates[4:], reverse=True)
    assert rates[12] == pytest.approx(0.5)  # half way down
    assert rates[-1] < 0.01


def loader_of(count: int, value: float = 1.0) -> DataLoader:
    data = torch.full((count, 2), value)
    return DataLoader(TensorDataset(data, torch.zeros(count).long()), 8)


def test_clipping_limits_the_gradient():
    model = nn.Linear(2, 2)
    x = DataLoader(TensorDataset(torch.full((8, 2), 1e6), torch.ones(8).long()), 8)
    fit(model, x, x, TrainConfig(epochs=1, clip_norm=0.5))
    norm = torch.stack([p.grad.norm() for p in model.parameters()]).norm().item()
    assert norm <= 0.5 + 1e-6


def test_early_stop_puts_the_best_weights_back():
    model, seen = nn.Linear(2, 2), []
    opposite = DataLoader(TensorDataset(torch.ones(8, 2), torch.ones(8).long()), 8)

    def log(record):
        seen.append((record.validation_loss, weights_of(model)))

    # what helps in training hurts in validation: the first record is the best
    config = TrainConfig(epochs=50, lr=0.1, patience=3)
    history = fit(model, loader_of(8), opposite, config, log)
    assert len(history) == 4
    assert weights_of(model).equal(min(seen, key=lambda pair: pair[0])[1])


def test_a_weight_for_every_class(tiny_gpt, loader):
    config = TrainConfig(class_weights=(1.0, 2.0, 3.0))
    with pytest.raises(ValueError, match="3 class weights for 2 classes"):
        fit(GPTClassifier(tiny_gpt), loader, loader, config)


def test_ctrl_c_reaches_the_caller_and_what_was_learned_stays():
    own = signal.signal(signal.SIGINT, signal.default_int_handler)  # also if ignored
    model, history = nn.Linear(2, 2), []
    config = TrainConfig(epochs=50, eval_every=1)
    before = weights_of(model)
    with pytest.raises(KeyboardInterrupt):
        for record in train(model, loader_of(8), loader_of(8), config):
            history.append(record)
            if record.step == 3:
                signal.raise_signal(signal.SIGINT)
    signal.signal(signal.SIGINT, own)
    assert [record.step for record in history] == [1, 2, 3]
    assert not weights_of(model).equal(before)


def test_leaving_the_loop_early_leaves_a_trained_model_in_its_own_mode(
    tiny_gpt, loader
):
    model = GPTClassifier(tiny_gpt).eval()
    before = weights_of(model)
    for _ in train(model, loader, loader, TrainConfig(epochs=9, lr=1e-3)):
        break
    assert not model.training and not weights_of(model).equal(before)


def test_closing_it_early_restores_the_best_weights_with_patience():
    model, seen = nn.Linear(2, 2), []
    opposite = DataLoader(TensorDataset(torch.ones(8, 2), torch.ones(8).long()), 8)
    config = TrainConfig(epochs=50, lr=0.1, patience=30)
    records = train(model, loader_of(8), opposite, config)
    for record in records:
        seen.append((record.validation_loss, weights_of(model)))
        if record.step == 5:
            records.close()
    assert weights_of(model).equal(min(seen, key=lambda pair: pair[0])[1])


def test_fit_is_the_list_of_what_train_gives(tiny_gpt, dataset):
    config = TrainConfig(epochs=2, lr=1e-3, eval_every=2)
    histories = []
    for run in (fit, lambda *given: list(train(*given))):
        model = GPTClassifier(copy.deepcopy(tiny_gpt))
        loader = make_loader(dataset, 5, shuffle=True)
        histories.append(run(model, loader, loader_like(dataset), config))
    assert histories[0] == histories[1]


def loader_like(dataset):
    return make_loader(dataset, 16)


def make_similar_loader(*given, **options):
    return make_loader(*given, similar=True, **options)


@pytest.mark.parametrize("stop", [1, 4, 5, 8, 11])
@pytest.mark.parametrize(
    "make", [make_loader, make_similar_loader, make_bucketed_loader]
)
def test_resumed_at_any_record_it_ends_as_if_never_interrupted(
    tiny_gpt, dataset, tmp_path, make, stop
):
    """Bit for bit, with shuffling, dropout, warm-up, accumulation, early stopping."""
    config = TrainConfig(
        epochs=3, lr=1e-3, warmup_steps=2, accumulate=2, eval_every=1, patience=50
    )

    def start():
        torch.manual_seed(3)
        gpt = GPT(replace(tiny_gpt.config, dropout=0.1))
        model = GPTClassifier(gpt)
        set_trainable(model, "last_block")
        return model, make(dataset, 20, shuffle=True, seed=5), loader_like(dataset)

    model, *loaders = start()
    whole = fit(model, *loaders, config)
    first, *loaders = start()
    state, history = TrainState(), []
    for record in train(first, *loaders, config, state):
        history.append(record)
        if record.step == min(stop, whole[-1].step - 1):
            save_checkpoint(tmp_path / "checkpoint", state.snapshot())
            break
    second, *loaders = start()
    torch.manual_seed(99)  # another process would have drawn other numbers
    state = TrainState(load_checkpoint(tmp_path / "checkpoint"))
    history += train(second, *loaders, config, state)
    assert history == whole
    assert weights_of(second).equal(weights_of(model))


def test_a_state_of_other_parameters_is_refused(tiny_gpt, loader):
    model, state = GPTClassifier(tiny_gpt), TrainState()
    with pytest.raises(SpamftError, match="no snapshot yet"):
        state.snapshot()
    next(train(model, loader, loader, TrainConfig(), state))
    snapshot = state.snapshot()
    set_trainable(model, "head")
    with pytest.raises(SpamftError, match="cannot resume: other parameters trained"):
        next(train(model, loader, loader, TrainConfig(), TrainState(snapshot)))


@pytest.mark.parametrize("eval_every", [1, 10])
def test_a_loss_that_is_not_finite_names_step_and_rate(eval_every):
    good, bad = torch.ones(16, 2), torch.full((8, 2), math.nan)
    data = TensorDataset(torch.cat([good, bad]), torch.zeros(24).long())
    config = TrainConfig(epochs=1, lr=0.125, eval_every=eval_every)
    with pytest.raises(SpamftError, match="at step 3 with learning rate 0.125"):
        fit(nn.Linear(2, 2), DataLoader(data, 8), loader_of(8), config)


def test_the_rate_named_is_that_of_the_broken_step():
    good, bad = torch.ones(16, 2), torch.full((8, 2), math.nan)
    data = TensorDataset(torch.cat([bad, good]), torch.zeros(24).long())
    config = TrainConfig(epochs=1, lr=0.5, warmup_steps=2)
    with pytest.raises(SpamftError, match="at step 1 with learning rate 0.25"):
        fit(nn.Linear(2, 2), DataLoader(data, 8), loader_of(8), config)


def test_weights_that_break_at_the_last_step_are_named_too(tiny_gpt, loader):
    config = TrainConfig(epochs=1, lr=1e30)
    with pytest.raises(SpamftError, match="not finite at step . with learning"):
        fit(GPTClassifier(tiny_gpt), loader, loader, config)


def test_the_mode_stays_as_it_was(tiny_gpt, loader):
    model = GPTClassifier(tiny_gpt).eval()
    fit(model, loader, loader, TrainConfig(epochs=1))
    assert not model.training


def test_autocast_trains_float32_weights(tiny_gpt, loader):
    model, seen = GPTClassifier(tiny_gpt), set()
    autocast_training(model)
    model.head.register_forward_hook(
        lambda *call: seen.add((model.training, call[2].dtype))
    )
    history = fit(model, loader, loader, TrainConfig(epochs=2, lr=1e-3))
    assert seen == {(True, torch.bfloat16), (False, torch.float32)}
    assert {p.dtype for p in model.parameters()} == {torch.float32}
    assert history[-1].validation_loss < history[0].validation_loss


def test_nothing_to_train_is_an_error(tiny_gpt, dataset, loader):
    model = GPTClassifier(tiny_gpt)
    empty = make_loader(dataset, 99, drop_last=True)
    with pytest.raises(ValueError, match="the loader has no batch"):
        fit(model, empty, loader, TrainConfig())
    model.requires_grad_(False)
    with pytest.raises(ValueError, match="every parameter of the model is frozen"):
        fit(model, loader, loader, TrainConfig())


@pytest.mark.parametrize(
    "wrong",
    [{"epochs": 0}, {"lr": 0.0}, {"lr": math.nan}, {"accumulate": 0}, {"clip_norm": 0}],
)
def test_impossible_configs_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        TrainConfig(**wrong)


class Reads(TorchDispatchMode):
    """Counts the operations for which the CPU waits until a GPU knows a number."""

    WAITING = ("_local_scalar_dense", "nonzero", "equal", "masked_select", "unique")

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        name = function.overloadpacket.__name__
        masked = name == "index" and any(
            i is not None and i.dtype == torch.bool for i in args[1]
        )
        self.count += masked or name.startswith(self.WAITING)
        return function(*args, **kwargs or {})


@pytest.mark.parametrize("cached", [False, True])
@pytest.mark.parametrize("class_weights", [None, (1.0, 3.0)])
def test_between_records_no_number_is_asked_of_the_device(
    cached, class_weights, tiny_gpt, dataset
):
    model = GPTClassifier(tiny_gpt)
    set_trainable(model, "last_block")
    if cached:
        model, [dataset] = cache_trunk(model, [dataset])
    loader = make_loader(dataset, 5)
    config = TrainConfig(epochs=2, clip_norm=1.0, class_weights=class_weights)
    reads, seen = Reads(), []
    state = TrainState(after_step=lambda: seen.append(reads.count))
    records = train(model, loader, loader, config, state)
    with reads:
        assert len(list(records)) == 2
    assert len(seen) == 6 and seen[0] == seen[1] == seen[2]
    assert reads.count > seen[-1]  # a record is read


def test_a_step_runs_on_a_device_that_cannot_be_read_at_all(
    tiny_gpt, loader, monkeypatch
):
    """The meta device has shapes alone: what would make a GPU be waited for fails."""
    monkeypatch.setattr("torch.autocast", lambda *args, **how: nullcontext())
    model = GPTClassifier(tiny_gpt).to("meta")
    steps = []
    state = TrainState(after_step=lambda: steps.append(1))
    config = TrainConfig(epochs=1, clip_norm=1.0)
    with pytest.raises(NotImplementedError, match="meta tensor"):
        list(train(model, loader, loader, config, state))
    assert len(steps) == len(loader) - 1  # the record after the last step is refused
