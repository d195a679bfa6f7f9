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

from spamft.plumbing.errors import NotFiniteError, SpamftError

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
        self, lr: float, loss: Tensor, correct: Tensor, count: int, examples: int
    ) -> None:
        """Note one step: its mean loss, right predictions, labels that count."""
        self.rates.append(lr)
        self.losses.append(loss)
        self.corrects.append(correct)
        self.counts.append(count)
        self.examples += examples

    def close(self, step: int) -> tuple[float, float]:
        """(mean loss, accuracy) since the last call; `step` is the last one added."""
        losses = torch.stack(self.losses).tolist()
        for back, loss in enumerate(reversed(losses)):
            if not math.isfinite(loss) and all(map(math.isfinite, losses[: -back - 1])):
                lr = self.rates[-back - 1]
                raise NotFiniteError(not_finite("loss", step - back, lr))
        count = sum(self.counts)
        mean = sum(x * n for x, n in zip(losses, self.counts, strict=True)) / count
        accuracy = torch.stack(self.corrects).sum().item() / count
        self._clear()
        return mean, accuracy


class BestWeights:
    """Keeps a copy of the best weights, if early stopping is wanted."""

    def __init__(self, parameters: list[nn.Parameter], patience: int | None):
        self.parameters, self.patience = parameters, patience
        self.loss, self.waited, self.copies = math.inf, 0, None

    def is_past(self, loss: float) -> bool:
        """Note a validation loss; True once `patience` of them were no better."""
        if self.patience is None:
            return False
        if loss < self.loss:
            self.loss, self.waited = loss, 0
            self.copies = [p.detach().clone() for p in self.parameters]
        else:
            self.waited += 1
        return self.waited >= self.patience

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
        self.order: list[Tensor] = []  # the loader's generators, as the epoch began
        self._skip = 0  # steps of the running epoch that a resumed training has done

    def windows(self) -> Iterator[Window]:
        """The batches of each step still to come, on the device of the parameters."""
        device = next(iter(self.named.values())).device
        while self.step < self.last_step:
            self.order = [g.get_state() for g in _generators(self.loader)]
            batches = islice(self.loader, self._skip * self.accumulate, None)
            self._skip = 0
            while window := list(islice(batches, self.accumulate)):
                self.step += 1
                yield [[t.to(device, non_blocking=True) for t in b] for b in window]

    def snapshot(self) -> dict:
        """Everything that decides how the training continues, as a tree of tensors."""
        return {
            "step": self.step,
            "examples": self.tally.examples,
            "weights": dict(self.named),
            "optimizer": self.optimizer.state_dict(),
            "best": self.best.state(),
            "order": self.order,
            "random": torch.get_rng_state(),
            "cuda_random": torch.cuda.get_rng_state_all(),
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
        self.step, self.tally.examples = snapshot["step"], snapshot["examples"]
        # the epoch that was running, which may have been at its very end, begins anew,
        # with the steps already done skipped: so the generators end as they did then
        self._skip = self.step - (self.step - 1) // self.steps_per_epoch * (
            self.steps_per_epoch
        )
        generators = _generators(self.loader)
        for generator, its_state in zip(generators, snapshot["order"], strict=True):
            generator.set_state(its_state)
        torch.set_rng_state(snapshot["random"])
        torch.cuda.set_rng_state_all(snapshot["cuda_random"])


def _generators(loader: DataLoader) -> list[torch.Generator]:
    """The random generators that decide the order of a loader's batches."""
    places = [getattr(loader, name, None) for name in ("sampler", "batch_sampler")]
    found = [getattr(place, "generator", None) for place in (loader, *places)]
    return list({id(g): g for g in found if g is not None}.values())
