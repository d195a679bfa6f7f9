"""A step of LoRA: PEFT with transformers, and spamft, on the same messages.

Rank 16 in every matrix of the blocks and the head on top, on both sides from the same
weights, with the same optimizer, so their losses must agree. All take turns, a step
each, and so meet the same disturbances; the first batch is run once before, untimed.
Without --model the weights are random: time does not depend on them. An epoch's seconds
are those of the timed steps, extrapolated by tokens, padding included. CPU seconds are
without the waiting for busy neighbours: compare these where there are any, with
OMP_NUM_THREADS=1, for a thread that waits for another one counts. The last rows have
frozen products of fewer bits, and so other losses.

    python benchmarks/lora.py --data sms+spam+collection.zip
    python benchmarks/lora.py --data sample --shape smollm2 --layers 2 --steps 4
"""

import argparse
import tempfile
from dataclasses import replace
from pathlib import Path

import torch
from setting import GPT2, Clock, finish, parser, table
from torch import Tensor, nn
from torch.nn import functional as F

from spamft.batches import Batch, TokenDataset, encode_splits, make_loader
from spamft.classifier import GPTClassifier
from spamft.export.hf_classifier import write_hf
from spamft.gpt import GPT
from spamft.methods.lora_files import save_adapter
from spamft.methods.method import METHODS
from spamft.methods.task import Task
from spamft.models.llama import Llama, LlamaConfig
from spamft.models.precision import lower_precision, missing_for
from spamft.sources import open_model, open_splits
from spamft.sources.models import Pretrained
from spamft.tokenizer import load_tokenizer
from spamft.trunk import TrainablePart

METHOD, LR = "lora-16", 2e-4
OURS = "spamft, 8 of similar length"  # the unit of the ratios
# class, config, and a tokenizer whose ids it has
SHAPES = {"gpt2": (GPT, GPT2, "gpt2"), "smollm2": (Llama, LlamaConfig(), "tiny")}
WANTED_RATIO, WANTED_DIFFERENCE = 2.5, 1e-4


class Contender:
    """A classifier, the batches of its epoch, and what its steps took and gave."""

    def __init__(self, name: str, model: nn.Module, batches: list[Batch]):
        self.name, self.model, self.batches = name, model.train(), batches
        trained = [p for p in model.parameters() if p.requires_grad]
        self.parameters = sum(p.numel() for p in trained)
        self.optimizer = torch.optim.AdamW(trained, LR, weight_decay=0.1, fused=True)
        self.seconds = self.cpu_seconds = 0.0
        self.losses: list[float] = []
        self._gradient(batches[0])  # the first one sets things up

    def _gradient(self, batch: Batch) -> Tensor:
        self.optimizer.zero_grad()
        loss = F.cross_entropy(self.model(batch.ids, batch.lengths), batch.labels)
        loss.backward()
        return loss

    def step(self, number: int) -> None:
        with Clock() as clock:
            loss = self._gradient(self.batches[number])
            self.optimizer.step()
            self.losses.append(loss.item())
        self.seconds += clock.seconds
        self.cpu_seconds += clock.cpu_seconds

    def numbers(self) -> dict:
        timed, epoch = (
            sum(batch.ids.numel() for batch in some)
            for some in (self.batches[: len(self.losses)], self.batches)
        )
        return {
            "name": self.name,
            "parameters": self.parameters,
            "epoch_tokens": epoch,
            "epoch_seconds": self.seconds * epoch / timed,
            "epoch_cpu_seconds": self.cpu_seconds * epoch / timed,
            "step_seconds": self.seconds / len(self.losses),
            "losses": self.losses,
        }


class Theirs(nn.Module):
    """Their classifier with PEFT's LoRA, both from our files; called as ours is."""

    def __init__(self, folder: Path):
        from peft import PeftModel
        from transformers import AutoModelForSequenceClassification as Classifier

        super().__init__()
        self.model = PeftModel.from_pretrained(
            Classifier.from_pretrained(folder / "backbone"),
            folder / "adapter",
            is_trainable=True,
        )
        for name, parameter in self.named_parameters():
            # the files also let the final norm train, to stand in for a head's bias
            parameter.requires_grad_(".lora_" in name or "score.modules" in name)

    def forward(self, ids: Tensor, lengths: Tensor) -> Tensor:
        mask = torch.arange(ids.shape[1]) < lengths[:, None]
        return self.model(input_ids=ids, attention_mask=mask.long()).logits


def main() -> None:
    args = _arguments()
    pretrained = _open(args)
    splits = open_splits(args.data, lecture=True).splits
    context = pretrained.gpt.config.context_length
    padded, ragged = (
        encode_splits(splits, pretrained.tokenizer, context, fixed_width=fixed).train
        for fixed in (True, False)
    )
    batches = {
        "all padded to the longest message": _batches(padded),
        "padded to the longest of 8": _batches(ragged),
        "8 of similar length": _batches(ragged, similar=True),
    }
    contenders = []
    with tempfile.TemporaryDirectory() as folder:
        _export(pretrained, ragged, Path(folder))
        for name, some in batches.items():
            contenders.append(Contender(f"PEFT, {name}", Theirs(Path(folder)), some))
    for name, some in list(batches.items())[1:]:
        ours = TrainablePart(_attach(METHOD, pretrained, ragged))
        contenders.append(Contender(f"spamft, {name}", ours, some))
    exact = len(contenders)
    for precision in args.precisions:
        classifier = _attach(METHOD, pretrained, ragged)
        lower_precision(classifier.gpt, precision)
        ours = TrainablePart(classifier)
        contenders.append(Contender(f"{OURS}, {precision}", ours, some))
    for number in range(args.steps):
        for contender in contenders:
            contender.step(number)
    rows = [contender.numbers() for contender in contenders]
    numbers = {
        "model": pretrained.source,
        "steps": args.steps,
        "contenders": rows,
        "ratio": rows[1]["epoch_seconds"] / rows[exact - 1]["epoch_seconds"],
        "largest_loss_difference": _largest_difference(rows[:exact]),
    }
    finish(args, numbers, _show)


def _arguments() -> argparse.Namespace:
    made = parser(__doc__.split("\n")[0])
    made.add_argument("--model", help="a name, a folder or a .gguf file")
    made.add_argument("--shape", choices=SHAPES, help="of random weights, else gpt2")
    made.add_argument("--layers", type=int, help="of the random weights")
    made.add_argument("--steps", type=int, default=24, help="to time, of one epoch")
    made.add_argument(
        "--precisions",
        nargs="*",
        default=_at_hand(),
        metavar="NAME",
        help="of frozen products, beside float32; default: what the processor has",
    )
    args = made.parse_args()
    if args.model and (args.layers or args.shape):
        made.error("--shape and --layers do not go with --model: its size is given")
    if not 1 <= args.steps <= 90:  # the sample's epoch has 97
        made.error("--steps must lie in 1..90")
    return args


def _at_hand() -> list[str]:
    """Those of fewer bits that this processor multiplies in."""
    return [p for p in ("bf16", "int8") if missing_for(p, torch.device("cpu")) is None]


def _open(args: argparse.Namespace) -> Pretrained:
    if args.model:
        return open_model(args.model)
    shape = args.shape or "gpt2"
    build, config, tokenizer = SHAPES[shape]
    config = replace(config, n_layers=args.layers or config.n_layers)
    source = f"random weights of {shape}'s shape, {config.n_layers} blocks"
    return Pretrained(
        build(config, seed=1), load_tokenizer(tokenizer), "random", source
    )


def _batches(dataset: TokenDataset, **how: bool) -> list[Batch]:
    return list(make_loader(dataset, 8, shuffle=True, **how))


def _attach(
    method: str, pretrained: Pretrained, dataset: TokenDataset
) -> GPTClassifier:
    """With a head that has no bias, for theirs have none."""
    task = Task(("ham", "spam"), dataset.max_length)
    classifier = METHODS[method].attach(pretrained.gpt, task, 1)
    classifier.head.bias = None
    return classifier


def _export(pretrained: Pretrained, dataset: TokenDataset, folder: Path) -> None:
    """The two folders that theirs are opened from."""
    plain, updated = (_attach(x, pretrained, dataset) for x in ("head", METHOD))
    (folder / "backbone").mkdir()
    write_hf(plain, folder / "backbone", pad_id=dataset.pad_id)
    save_adapter(updated, folder / "adapter")


def _largest_difference(rows: list[dict]) -> float:
    """Between the losses of those that had the same messages in their batches."""
    padded, dynamic, similar, ours, ours_similar = (row["losses"] for row in rows)
    pairs = [(padded, ours), (dynamic, ours), (similar, ours_similar)]
    return max(abs(a - b) for x, y in pairs for a, b in zip(x, y, strict=True))


def _show(n: dict) -> str:
    [ours] = [row for row in n["contenders"] if row["name"] == OURS]
    rows = [
        [
            row["name"],
            f"{row['epoch_tokens']:,}",
            f"{row['step_seconds']:.3f}",
            f"{row['epoch_seconds']:,.0f}",
            f"{row['epoch_seconds'] / ours['epoch_seconds']:.2f}",
            f"{row['epoch_cpu_seconds'] / ours['epoch_cpu_seconds']:.2f}",
        ]
        for row in n["contenders"]
    ]
    header = ["LoRA, r = 16", "tokens an epoch", "seconds a step", "seconds an epoch"]
    return "\n".join(
        [
            f"{n['model']}, {ours['parameters']:,} parameters train\n",
            table([*header, "takes x times", "CPU seconds x times"], rows),
            "",
            f"PEFT with dynamic padding takes {n['ratio']:.2f} times as long (wanted: "
            f"at least {WANTED_RATIO})",
            f"largest difference of the losses in the first {n['steps']} steps, of the "
            f"same messages: {n['largest_loss_difference']:.1e} (wanted: at most "
            f"{WANTED_DIFFERENCE:.0e})",
        ]
    )


if __name__ == "__main__":
    main()
