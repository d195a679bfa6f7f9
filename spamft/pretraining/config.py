"""How to pretrain, and one line of the log."""

from dataclasses import dataclass

from spamft.plumbing.errors import SpamftError
from spamft.plumbing.options import option

__all__ = ["PretrainConfig", "Progress"]


@dataclass(frozen=True)
class PretrainConfig:
    """How to pretrain. The size of the model is a GPTConfig."""

    steps: int = option(6000, "optimizer steps")
    batch_size: int = option(32, "windows per step")
    lr: float = option(2e-3, "learning rate at its peak")
    warmup_steps: int = option(100, "steps in which the rate rises to its peak")
    cooldown: float = option(0.3, "share of the steps in which the rate falls to 0")
    weight_decay: float = option(0.1, "weight decay of the matrices")
    report_every: int = option(100, "steps between two reports and checkpoints")
    seed: int = option(123, "seed of weights and windows")

    def __post_init__(self):
        for name in ("steps", "batch_size", "report_every"):
            if getattr(self, name) < 1:
                raise SpamftError(f"{name}={getattr(self, name)} must be at least 1")
        if self.lr <= 0:
            raise SpamftError(f"lr={self.lr} must be positive")


@dataclass(frozen=True)
class Progress:
    """One line of the pretraining log."""

    step: int
    tokens: int  # read so far
    train_loss: float  # nats per token since the last line
    validation_bits: float  # per byte of the held-out text
    seconds: float  # total so far, across restarts

    def __str__(self) -> str:
        return (
            f"step {self.step:6d}  {self.tokens / 1e6:6.1f}M tokens  "
            f"train {self.train_loss:.3f} nats per token  "
            f"held out {self.validation_bits:.3f} bits per byte  {self.seconds:.0f} s"
        )
