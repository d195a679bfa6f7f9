"""How long a finetuning would take here, from a small one of the same shape.

    one frozen block and one that trains, on a hundred messages -> minutes of the whole

A job is measured with two blocks of the real width and random weights, which take the
same time as trained ones; what a block, a step and an evaluated message take is then
counted as often as the whole job has them.
"""

import math
import statistics
import time
from dataclasses import dataclass

import torch

from spamft.batches import TokenDataset, make_bucketed_loader, make_loader
from spamft.evaluate import measure
from spamft.gpt import GPT, GPTConfig
from spamft.methods.method import METHODS
from spamft.methods.task import Task
from spamft.models.backbone import Backbone
from spamft.models.llama import Llama, LlamaConfig
from spamft.train import TrainConfig, train
from spamft.trunk import cache_trunk

__all__ = ["JOB", "JOBS", "Expected", "Job", "expect"]

JOB = "last block, 5 epochs, the lecture's 1,494 messages"
TRAIN, VALIDATION, ALL, EPOCHS, BATCH = 1045, 149, 1494, 5, 8
# Of some messages, in parts of the mean: a quarter are long, as in the lecture
LENGTHS = (0.26, 0.39, 0.52, 0.72, 0.98, 1.31, 1.7, 2.12) * 12
CONTEXT, VOCABULARY = 128, 512  # as small as suits them; looking up costs nothing


@dataclass(frozen=True)
class Job:
    """A model to finetune on the lecture's messages."""

    name: str  # as `--model` takes it
    layers: int
    tokens: int  # of ALL messages, by its tokenizer
    distinct: int  # the same, each distinct message once

    def two_blocks(self) -> Backbone:
        """A model of its width, with random weights."""
        if self.name == "smollm2":
            return Llama(LlamaConfig(VOCABULARY, CONTEXT, n_layers=2), seed=1)
        width, heads = (320, 5) if self.name == "tiny" else (768, 12)
        return GPT(GPTConfig(VOCABULARY, CONTEXT, width, 2, heads), seed=1)


JOBS = (
    Job("gpt2", 12, 45_702, 41_358),
    Job("smollm2", 30, 54_880, 49_294),
    Job("tiny", 5, 64_013, 57_577),
)


@dataclass(frozen=True)
class Expected:
    """What a job would take here."""

    name: str
    seconds: float
    trunk_gflops: float  # per second, of the frozen blocks

    def __str__(self) -> str:
        return f"{self.name} {self.seconds / 60:.1f} min"


def expect(job: Job, device: torch.device, rounds: int = 3) -> Expected:
    """Measure a small part of `job` a few times, and count it up."""
    model = METHODS["last_block"].attach(
        job.two_blocks(), Task(("ham", "spam"), CONTEXT, "last_real"), 1
    )
    model.to(device)
    dataset = _messages(job.tokens / ALL)
    blocks, rates, steps, messages = [], [], [], []
    for _ in range(1 + rounds):
        learner, [hidden] = cache_trunk(model, [dataset])
        blocks.append(learner.plan.seconds / learner.plan.tokens)
        rates.append(learner.plan.gflops_per_second)
        loader = make_loader(hidden, BATCH)
        few = make_loader(hidden, 1, batches=1)
        began = time.perf_counter()
        list(train(learner, loader, few, TrainConfig(epochs=1)))
        steps.append((time.perf_counter() - began) / len(loader))
        began = time.perf_counter()
        measure(learner, make_bucketed_loader(hidden))
        messages.append((time.perf_counter() - began) / len(hidden))
    # the first round sets things up
    block, rate, step, message = (
        statistics.median(each[1:]) for each in (blocks, rates, steps, messages)
    )
    seconds = block * job.distinct * (job.layers - 1)
    seconds += step * EPOCHS * math.ceil(TRAIN / BATCH)
    seconds += message * (EPOCHS * VALIDATION + ALL)
    return Expected(job.name, seconds, rate)


def _messages(mean: float) -> TokenDataset:
    """Random tokens, `mean` of them in a message on average, in two classes."""
    generator = torch.Generator().manual_seed(1)
    ids = [
        torch.randint(VOCABULARY, (round(mean * part),), generator=generator).tolist()
        for part in LENGTHS
    ]
    return TokenDataset(ids, [0, 1] * (len(ids) // 2), pad_id=0)
