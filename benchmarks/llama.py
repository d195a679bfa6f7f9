"""The whole finetuning job on a Llama: transformers and spamft, and the trunk's speed.

5 epochs of the last block, the final norm and the head, on the lecture's split. Both
sides have the same weights, head, batches and optimizer, so their losses must agree.
Without --model the weights are random, of SmolLM2-135M's shape, and the tokens are the
bundled GPT's: time does not depend on them. transformers is timed on some steps, after
one that is not, and extrapolated, or run to the end with --full. The trunk pass is
compared with its matrix products alone: the same matrices, on as many tokens at once.

    python benchmarks/llama.py --data sms+spam+collection.zip
    python benchmarks/llama.py --data sample --layers 2 --steps 8
"""

import argparse
import copy

import torch
from job import (
    first_losses,
    largest,
    spamft_job,
    timed,
    train_only,
    transformers_job,
)
from setting import Clock, finish, parser, table
from torch import nn
from torch.nn import functional as F

from spamft.batches import encode_splits
from spamft.classifier import GPTClassifier
from spamft.data import Splits
from spamft.methods.method import METHODS
from spamft.methods.task import Task
from spamft.models.backbone import Backbone
from spamft.models.llama import Llama, LlamaConfig
from spamft.models.llama_files import LAYOUT, hf_config
from spamft.sources import open_model, open_splits
from spamft.sources.models import Pretrained
from spamft.tokenizer import load_tokenizer
from spamft.trunk.messages import DistinctMessages

WANTED_RATIO, WANTED_SHARE, WANTED_DIFFERENCE = 5, 0.8, 1e-4


def main() -> None:
    args = _arguments()
    gpt, tokenizer, _, source, _ = _open(args)
    splits = open_splits(args.data, lecture=True).splits
    encoded = encode_splits(splits, tokenizer, gpt.config.context_length)

    def fresh() -> GPTClassifier:
        task = Task(("ham", "spam"), encoded.train.max_length)
        return METHODS["last_block"].attach(gpt, task, 1)

    rates = [_product_rate(fresh(), encoded)]
    ours = spamft_job(fresh(), encoded)
    rates.append(_product_rate(fresh(), encoded))
    theirs = transformers_job(_theirs(fresh(), encoded), encoded, args)
    losses = first_losses(fresh(), encoded, args.steps)
    numbers = {
        "model": source,
        "product_rates": rates,
        "product_rate": sum(rates) / len(rates),
        "transformers": theirs,
        "spamft": ours,
        "compared_steps": min(len(losses), len(theirs["losses"])),
        "largest_loss_difference": largest(losses, theirs["losses"]),
    }
    finish(args, numbers, _show)


def _arguments() -> argparse.Namespace:
    made = parser(__doc__.split("\n")[0])
    made.add_argument("--model", help="a name, a folder or a .gguf file")
    made.add_argument("--layers", type=int, help="of the random weights, else 30")
    args = timed(made, "transformers")
    if args.model and args.layers:
        made.error("--layers is for random weights: it does not go with --model")
    return args


def _open(args: argparse.Namespace) -> Pretrained:
    if args.model:
        return open_model(args.model)
    config = LlamaConfig(n_layers=args.layers or LlamaConfig.n_layers)
    source = f"random weights of SmolLM2-135M's shape, {config.n_layers} blocks"
    tokenizer = load_tokenizer("tiny")
    return Pretrained(Llama(config, seed=1), tokenizer, "random", source)


def _theirs(ours: GPTClassifier, encoded: Splits) -> nn.Module:
    """Their classifier with our weights and our head."""
    from transformers import LlamaConfig as TheirConfig
    from transformers import LlamaForSequenceClassification

    gpt: Backbone = ours.gpt
    pad_id = encoded.train.pad_id
    config = TheirConfig(**hf_config(gpt.config), num_labels=2, pad_token_id=pad_id)
    classifier = LlamaForSequenceClassification(config)
    weights = {
        name.removeprefix("model."): tensor
        for name, tensor in LAYOUT.export(gpt).items()
        if name.startswith("model.")  # an output of its own is not used
    }
    classifier.model.load_state_dict(weights)
    classifier.score = copy.deepcopy(ours.head)
    train_only(
        classifier,
        *(classifier.model.layers[-1], classifier.model.norm, classifier.score),
    )
    return classifier


@torch.no_grad()
def _product_rate(classifier: GPTClassifier, encoded: Splits) -> float:
    """GFLOP/s of the trunk's matrix products alone, on batches of the trunk's sizes."""
    messages = DistinctMessages(classifier, encoded, torch.float32)
    matrices = [
        matrix
        for block in classifier.gpt.blocks[: messages.cut]
        for matrix in block.parameters()
        if matrix.dim() == 2
    ]
    sizes = {matrix.shape[1] for matrix in matrices}
    seconds = 0.0
    for group in messages.groups:
        tokens = len(group) * messages.widths[group[0]]
        inputs = {size: torch.randn(tokens, size) for size in sizes}
        with Clock() as clock:
            for matrix in matrices:
                F.linear(inputs[matrix.shape[1]], matrix)
        seconds += clock.seconds
    return messages.plan.flops / seconds / 1e9


def _show(n: dict) -> str:
    theirs, ours = n["transformers"]["seconds"], n["spamft"]["seconds"]
    rows = [
        ["transformers, dynamic padding", f"{theirs:,.0f}", f"{theirs / ours:.1f}"],
        ["spamft", f"{ours:,.0f}", "1.0"],
    ]
    share = n["spamft"]["trunk_gflops"] / n["product_rate"]
    return "\n".join(
        [
            f"{n['model']}\n",
            table(["whole job", "seconds", "takes x times"], rows),
            "",
            f"(wanted: at least {WANTED_RATIO} times)",
            f"trunk pass {n['spamft']['trunk_gflops']:.0f} GFLOP/s, its matrix "
            f"products alone {n['product_rate']:.0f} GFLOP/s: {share:.0%} (wanted: at "
            f"least {WANTED_SHARE:.0%})",
            f"largest difference of the losses in the first {n['compared_steps']} "
            f"steps: {n['largest_loss_difference']:.1e} (wanted: at most "
            f"{WANTED_DIFFERENCE:.0e})",
        ]
    )


if __name__ == "__main__":
    main()
