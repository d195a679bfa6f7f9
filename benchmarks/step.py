"""What makes a training step faster or smaller, and what does not, in CPU seconds.

    optimizer     AdamW, fused and not, on gradients of noise
    activations   8 messages at once, with checkpointing, as 2 x 4 and as 8 x 1
    last token    one block, forward and backward, of which one token a message is read:
                  all of it, with query, key and value of each token, and as spamft does
    compile       steps of several lengths with the blocks compiled, and how long until
                  the first one was done

At GPT-2's width, few blocks. With OMP_NUM_THREADS=1 CPU seconds are those of the work,
whatever else the machine does; what a compiler's own processes take is not in them.

    OMP_NUM_THREADS=1 python benchmarks/step.py
"""

import argparse
import statistics
from collections.abc import Callable
from dataclasses import replace
from functools import partial

import torch
from setting import GPT2, Clock, finish, gpt2_parser, table
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from spamft.gpt import GPT, Block
from spamft.methods.method import METHODS
from spamft.methods.task import Task
from spamft.trunk import TrainablePart, last_token

PARTS = ("optimizer", "activations", "last token", "compile")
TOKENS = 33  # of each of 8 messages, about the mean of the SMS collection's batches
LENGTHS = (12, 25, 33, 40, 18, 60, 28, 31, 22, 50)  # of batches, to compile for
TURNS = 5


def main() -> None:
    made = gpt2_parser(__doc__.split("\n")[0])
    made.set_defaults(layers=4)
    made.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    made.add_argument("--method", default="lora-16", choices=("lora-16", "full"))
    args = made.parse_args()
    measures = {"optimizer": _optimizers, "activations": _activations}
    measures |= {"last token": _last_tokens, "compile": _compiled}
    numbers = {part: measures[part](args) for part in args.parts}
    finish(args, {"method": args.method} | numbers, _show)


def _learner(args: argparse.Namespace) -> nn.Module:
    gpt = GPT(replace(GPT2, n_layers=args.layers), seed=1)
    task = Task(("ham", "spam"), GPT2.context_length)
    return TrainablePart(METHODS[args.method].attach(gpt, task, 1)).train()


def _trained(model: nn.Module) -> list[nn.Parameter]:
    return [p for p in model.parameters() if p.requires_grad]


def _loss(model: nn.Module, ids: Tensor) -> Tensor:
    lengths = torch.full((len(ids),), ids.shape[1])
    return F.cross_entropy(model(ids, lengths), torch.arange(len(ids)) % 2)


def _taking_turns(
    runs: dict[str, Callable[[], None]], turns: int = TURNS
) -> dict[str, float]:
    """The median CPU seconds of each, after a first time that is not counted."""
    seconds = {name: [] for name in runs}
    for _ in range(turns + 1):
        for name, run in runs.items():
            with Clock() as clock:
                run()
            seconds[name].append(clock.cpu_seconds)
    return {name: statistics.median(each[1:]) for name, each in seconds.items()}


def _optimizers(args: argparse.Namespace) -> dict[str, float]:
    runs = {}
    for name, fused in (("one by one", False), ("fused", True)):
        parameters = _trained(_learner(args))
        generator = torch.Generator().manual_seed(1)
        for parameter in parameters:
            parameter.grad = torch.randn(parameter.shape, generator=generator)
        runs[name] = torch.optim.AdamW(parameters, lr=1e-4, fused=fused).step
    return _taking_turns(runs)


def _activations(args: argparse.Namespace) -> dict[str, float]:
    model = _learner(args)
    blocks = model.model.gpt.blocks
    ids = torch.randint(1000, (8, TOKENS))

    def in_parts(size: int) -> None:
        for some in ids.split(size):
            (_loss(model, some) * len(some) / len(ids)).backward()

    def checkpointed() -> None:
        plain = [block.forward for block in blocks]
        for block, forward in zip(blocks, plain, strict=True):
            block.forward = lambda x, past=None, forward=forward: checkpoint(
                forward, x, use_reentrant=False
            )
        in_parts(8)
        for block, forward in zip(blocks, plain, strict=True):
            block.forward = forward

    return _taking_turns(
        {
            "8 at once": lambda: in_parts(8),
            "8 at once, checkpointed": checkpointed,
            "2 x 4": lambda: in_parts(4),
            "8 x 1": lambda: in_parts(1),
        }
    )


def _last_tokens(args: argparse.Namespace) -> dict[str, float]:
    """The block of GPT-2's width, on 8 messages of 54 and of 120 tokens."""
    block, rows = Block(GPT2), torch.arange(8)
    runs = {}
    for width in (54, 120):  # a batch of the SMS collection, and the lecture's width
        x, positions = torch.randn(8, width, GPT2.emb_dim), torch.full((8,), width - 1)
        mask = torch.ones(8, 1, 1, width, dtype=torch.bool)

        def whole(x: Tensor = x, positions: Tensor = positions) -> Tensor:
            return block(x)[rows, positions]

        def projected(x: Tensor = x, mask: Tensor = mask) -> Tensor:
            q, k, v = block.project(x)
            gathered = block.gather(q[:, :, -1:], k, v, mask)
            return block.finish(x[:, -1], gathered[:, 0])

        def one(x: Tensor = x, positions: Tensor = positions) -> Tensor:
            return last_token(block, x, positions)

        ways = {
            "the whole block": whole,
            "query, key and value of each": projected,
            "spamft": one,
        }
        for name, way in ways.items():
            runs[f"{name}, {width} tokens"] = partial(_backward, block, way)
    return _taking_turns(runs)


def _backward(block: nn.Module, way: Callable[[], Tensor]) -> None:
    block.zero_grad()
    way().square().sum().backward()


def _compiled(args: argparse.Namespace) -> dict[str, float]:
    batches = [torch.randint(1000, (8, length)) for length in LENGTHS]
    runs, first = {}, {}
    for name in ("as it is", "compiled"):
        model = _learner(args)
        if name == "compiled":
            for block in model.model.gpt.blocks[:-1]:  # of the last, parts are called
                block.compile(dynamic=True)

        def run(model: nn.Module = model) -> None:
            for batch in batches:
                _loss(model, batch).backward()

        with Clock() as clock:
            run()
        runs[name] = run
        first[f"{name}, before the first are done, on the clock"] = clock.seconds
    return _taking_turns(runs, 2) | first


def _show(n: dict) -> str:
    rows = [
        [part, name, f"{1000 * seconds:,.1f}"]
        for part in PARTS
        if part in n
        for name, seconds in n[part].items()
    ]
    return table([n["method"], "", "milliseconds"], rows)


if __name__ == "__main__":
    main()
