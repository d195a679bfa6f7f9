"""What a training remembers from step to step, and how it resumes.

Bookkeeping   position in the data, optimizer, means, best weights; snapshot, resume
Tally         loss and accuracy since the last record
BestWeights   a copy of the best ones, for early stopping
"""

import math
from collections.abc import Iterator
from itertools import islice

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader

from spamft.plumbing.device import to_device
from spamft.plumbing.errors import NotFiniteError, SpamftError
from spamft.plumbing.randomness import get_random_states, set_random_states

__all__ = ["BestWeights", "Bookkeeping", "Tally", "not_finite"]

Window = list[list[Tensor]]  # the batches of one optimizer step


def not_finite(what: str, step: int, lr: float) -> str:
    """The words for a loss that is not finite."""
    return (
        f"the {what} is not finite at step {step} with learning rate {lr:g}: try a "
        "smaller one"
    )


class Tally:
    """Loss and accuracy since the last record, and examples since the beginning.

    Tensors wait for `close`: reading one at every step would make a GPU wait for the
    CPU.
    """

    def __init__(self):
        self.examples = 0
        self._clear()

    def _clear(self) -> None:
        self.rates, self.losses, self.corrects, self.counts = [], [], [], []

    def add(
        self, lr: float, loss: Tensor, correct: Tensor, count: Tensor, examples: int
    ) -> None:
        """Note one step: its mean loss, right predictions, labels that count."""
        self.rates.append(lr)
        self.losses.append(loss)
        self.corrects.append(correct)
        self.counts.append(count)
        self.examples += examples

    def close(self, step: int) -> tuple[float, float]:
        """(mean loss, accuracy) since the last call; `step` is the last one added."""
        losses, counts = (
            torch.stack(each).tolist() for each in (self.losses, self.counts)
        )
        for back, loss in enumerate(reversed(losses)):
            if not math.isfinite(loss) and all(map(math.isfinite, losses[: -back - 1])):
                lr = self.rates[-back - 1]
                raise NotFiniteError(not_finite("loss", step - back, lr))
        count = sum(counts)
        mean = sum(x * n for x, n in zip(losses, counts, strict=True)) / count
        accuracy = torch.stack(self.corrects).sum().item() / count
        self._clear()
        return mean, accuracy

    def state(self) -> dict:
        """All of it, as a tree."""
        return {
            "examples": self.examples,
            "rates": self.rates,
            "losses": torch.stack(self.losses) if self.losses else None,
            "corrects": torch.stack(self.corrects) if self.corrects else None,
            "counts": torch.stack(self.counts) if self.counts else None,
        }

    def load(self, state: dict, device: torch.device) -> None:
        """Take over what `state` gave."""
        self.examples, self.rates = state["examples"], state["rates"]
        self.losses, self.corrects, self.counts = (
            [] if state[name] is None else list(state[name].to(device))
            for name in ("losses", "corrects", "counts")
        )


class BestWeights:
    """Keeps a copy of the best weights, if early stopping is wanted."""

    def __init__(self, parameters: list[nn.Parameter], patience: int | None):
        self.parameters, self.patience = parameters, patience
        self.loss, self.waited, self.copies = math.inf, 0, None

    def note(self, loss: float) -> None:
        """Note a validation loss, and the weights if it is the best so far."""
        if self.patience is None:
            return
        if loss < self.loss:
            self.loss, self.waited = loss, 0
            self.copies = [p.detach().clone() for p in self.parameters]
        else:
            self.waited += 1

    @property
    def are_past(self) -> bool:
        """Whether the last `patience` losses were no better."""
        return self.patience is not None and self.waited >= self.patience

    def restore(self) -> None:
        """Put the best weights back, if there are any."""
        if self.copies is not None:
            with torch.no_grad():
                for parameter, copy in zip(self.parameters, self.copies, strict=True):
                    parameter.copy_(copy)

    def state(self) -> dict:
        """All of it, as a tree."""
        return {"loss": self.loss, "waited": self.waited, "copies": self.copies}

    def load(self, state: dict) -> None:
        """Take over what `state` gave."""
        self.loss, self.waited = state["loss"], state["waited"]
        if state["copies"] is not None:
            pairs = zip(state["copies"], self.parameters, strict=True)
            self.copies = [copy.to(p.device) for copy, p in pairs]


class Bookkeeping:
    """Where one training stands. `epochs` and the rest are those of TrainConfig."""

    def __init__(
        self,
        named: dict[str, nn.Parameter],
        optimizer: torch.optim.Optimizer,
        loader: DataLoader,
        *,
        epochs: int,
        accumulate: int,
        patience: int | None,
    ):
        self.named, self.optimizer, self.loader = named, optimizer, loader
        self.accumulate = accumulate
        self.steps_per_epoch = math.ceil(len(loader) / accumulate)
        self.last_step = epochs * self.steps_per_epoch
        self.best = BestWeights(list(named.values()), patience)
        self.tally, self.step = Tally(), 0
        self.device = next(iter(named.values())).device
        self._epoch: dict = {}  # what decides the order of batches, as it began
        self._resumed: dict | None = None  # a snapshot in the middle of an epoch

    @property
    def finished(self) -> bool:
        """Whether no step is left to do."""
        return self.step >= self.last_step or self.best.are_past

    def windows(self) -> Iterator[Window]:
        """The batches of each step still to come, on the device of the parameters."""
        while not self.finished:
            batches = self._begin_epoch()
            while window := list(islice(batches, self.accumulate)):
                self.step += 1
                yield [to_device(batch, self.device) for batch in window]

    def _begin_epoch(self) -> Iterator:
        """The batches of the epoch; a resumed one begins anew, and what was done of it
        is skipped, so that all generators end as they did then."""
        snapshot, self._resumed = self._resumed, None
        if snapshot is not None:
            self._set_order(snapshot["epoch"])
        self._epoch = self._get_order()
        batches = iter(self.loader)
        if snapshot is not None:
            done = (self.step - 1) % self.steps_per_epoch + 1  # at its end all of them
            for _ in islice(batches, done * self.accumulate):
                pass
            set_random_states(snapshot["random"])
        return batches

    def _get_order(self) -> dict:
        states = [g.get_state() for g in _generators(self.loader)]
        return {"generators": states, "random": get_random_states()}

    def _set_order(self, order: dict) -> None:
        generators = _generators(self.loader)
        for generator, state in zip(generators, order["generators"], strict=True):
            generator.set_state(state)
        set_random_states(order["random"])

    def snapshot(self) -> dict:
        """Everything that decides how the training continues, as a tree of tensors."""
        return {
            "step": self.step,
            "weights": dict(self.named),
            "optimizer": self.optimizer.state_dict(),
            "best": self.best.state(),
            "tally": self.tally.state(),
            "epoch": self._epoch,
            "random": get_random_states(),
        }

    def resume(self, snapshot: dict) -> None:
        """Continue where `snapshot` was taken.

        Raises SpamftError if other parameters trained then.
        """
        if list(snapshot["weights"]) != list(self.named):
            raise SpamftError("this training cannot resume: other parameters trained")
        with torch.no_grad():
            for name, parameter in self.named.items():
                parameter.copy_(snapshot["weights"][name])
        self.optimizer.load_state_dict(snapshot["optimizer"])
        self.best.load(snapshot["best"])
        self.tally.load(snapshot["tally"], self.device)
        self.step, self._epoch = snapshot["step"], snapshot["epoch"]
        self._resumed = snapshot


def _generators(loader: DataLoader) -> list[torch.Generator]:
    """The random generators that decide the order of a loader's batches."""
    places = [getattr(loader, name, None) for name in ("sampler", "batch_sampler")]
    found = [getattr(place, "generator", None) for place in (loader, *places)]
    return list({id(g): g for g in found if g is not None}.values())
