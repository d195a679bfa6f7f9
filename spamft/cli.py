"""`python -m spamft`: the whole job, and its parts, from the command line."""

import argparse
import csv
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import tee
from pathlib import Path
from typing import TextIO

from spamft import __version__

__all__ = ["main"]

# What the user can mend: said in one line, without a traceback
EXPECTED = (ValueError, TypeError, OSError, FloatingPointError)

FINETUNE_EXAMPLES = """\
examples:
  python -m spamft finetune --output runs/first
      the real collection and GPT-2, or with no network the bundled ones
  python -m spamft finetune --data uci --model gpt2 --output runs/gpt2
      download the SMS Spam Collection and GPT-2, train the last block
  python -m spamft finetune --data uci --model gpt2 --lecture --output runs/lecture
      the same as the lecture does it, to the row and to the step
  python -m spamft finetune --data tickets.csv --text body --label team \\
      --model gpt2 --output runs/tickets
      your own messages, with any number of classes
"""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str):
        raise ValueError(f"{message}; `{self.prog} --help` lists the options")


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit code: 0, or 2 for an error."""
    from spamft.fetch import DownloadError

    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        args = _parser().parse_args(arguments)
        args.run(args)
    except BrokenPipeError:  # the reader, say `head`, has enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except (*EXPECTED, DownloadError) as error:
        if "--debug" in arguments:
            raise
        line = " | ".join(filter(None, map(str.strip, str(error).splitlines())))
        print(f"spamft: {line or type(error).__name__}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m spamft", description="Finetune a GPT to classify text messages."
    )
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    _add_finetune(commands)
    _add_evaluate(commands)
    _add_classify(commands)
    _add_audit(commands)
    _add_compare(commands)
    _add_pretrain(commands)
    for command in commands.choices.values():
        command.add_argument(
            "--debug", action="store_true", help="show the traceback of an error"
        )
    return parser


def _add_finetune(commands) -> None:
    command = commands.add_parser(
        "finetune",
        help="messages and a GPT in, a finetuned classifier and its figures out",
        description="Open messages, balance, split, train, evaluate, and save it all.",
        epilog=FINETUNE_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    command.set_defaults(run=_finetune)
    option = command.add_argument
    _add_data_options(command, default="auto")
    option(
        "--model",
        default="auto",
        metavar="MODEL",
        help="gpt2, gpt2-medium, gpt2-large or gpt2-xl, downloaded; tiny, the small "
        "pretrained GPT of this package; auto (default), gpt2 or with no network tiny; "
        "scratch, a small GPT from random weights; or a folder with a GPT-2",
    )
    option("--output", required=True, type=Path, metavar="DIR", help="for the results")
    option("--overwrite", action="store_true", help="replace a run that DIR holds")
    option(
        "--lecture", action="store_true", help="--split lecture and --recipe lecture"
    )
    option(
        "--split",
        choices=["leak-free", "lecture"],
        help="leak-free (default) keeps equal messages in one part; lecture makes "
        "the lecture's parts to the row, lost rows and leaks included",
    )
    option(
        "--recipe",
        choices=["default", "lecture"],
        help="lecture: messages padded to the longest, the last column read, batches "
        "of 8, AdamW at 5e-5, 5 epochs; default: the last real token read",
    )
    option(
        "--train",
        metavar="SCOPE",
        help="head, last_block (default), last_two_blocks, a number of last blocks, "
        "or all (default with scratch)",
    )
    option("--no-balance", action="store_true", help="use all rows, weigh rare classes")
    option("--seed", type=int, default=123, help="of weights and batches (default 123)")
    option("--split-seed", type=int, default=123, help="of the split (default 123)")
    option("--epochs", type=int, help="passes over the training messages")
    option("--lr", type=float, help="AdamW's learning rate")
    option("--batch-size", type=int, help="messages per step (default 8)")
    option(
        "--patience",
        type=int,
        help="stop after so many records (epochs; with the lecture's recipe 50 steps) "
        "without a better validation loss, and keep the best weights",
    )
    option("--bf16", action="store_true", help="compute in bfloat16 arithmetic")
    option(
        "--no-cache",
        action="store_true",
        help="run the frozen blocks again at every step, as the lecture does",
    )


def _add_evaluate(commands) -> None:
    command = commands.add_parser(
        "evaluate",
        help="a saved classifier and labelled messages in, its scores out",
        description="Measure a saved classifier on messages with labels.",
    )
    command.set_defaults(run=_evaluate)
    _add_model_option(command)
    _add_data_options(command)
    command.add_argument("--json", action="store_true", help="print JSON")


def _add_classify(commands) -> None:
    command = commands.add_parser(
        "classify",
        help="a saved classifier and texts in, a label for each out",
        description="Label texts: as arguments, in a CSV, or a line each on standard "
        "input.",
    )
    command.set_defaults(run=_classify)
    _add_model_option(command)
    option = command.add_argument
    option("texts", nargs="*", metavar="TEXT", help="a message")
    option("--file", type=Path, metavar="CSV", help="with a column of texts")
    option("--text", default="Text", metavar="NAME", help="its name (default Text)")
    option(
        "--output",
        type=Path,
        metavar="CSV",
        help="for the file's columns with label and probabilities",
    )
    option("--overwrite", action="store_true", help="replace the output file")


def _add_audit(commands) -> None:
    command = commands.add_parser(
        "audit",
        help="look before you train: duplicates, leaks, shortcuts, doubtful labels",
        description="Look at a file of labelled messages, and at what would leak if it "
        "were balanced and cut 70 / 10 / 20.",
    )
    command.set_defaults(run=_audit)
    option = command.add_argument
    option("file", type=Path, metavar="FILE", help="as --data of finetune: a file")
    option("--text", metavar="NAME", help="the text column of a CSV or TSV")
    option("--label", metavar="NAME", help="the label column of a CSV or TSV")
    option(
        "--split",
        choices=["lecture", "leak-free"],
        default="lecture",
        help="the cut to look at for leaks (default the lecture's)",
    )
    option("--json", action="store_true", help="everything, as JSON")


def _add_compare(commands) -> None:
    command = commands.add_parser(
        "compare",
        help="every type of finetuning, and what needs none, on the same messages",
        description="Baselines, prompts, class heads, LoRA, QLoRA and instructions, "
        "each over several seeds. Stopped, the same command goes on where it was.",
    )
    command.set_defaults(run=_compare)
    _add_data_options(command, default="auto")
    option = command.add_argument
    option(
        "--model",
        default="auto",
        metavar="MODEL",
        help="a pretrained GPT, as in finetune (default auto)",
    )
    option("--output", required=True, type=Path, metavar="DIR", help="for the tables")
    option(
        "--seeds", type=int, default=5, metavar="N", help="runs of a way (default 5)"
    )
    option(
        "--split",
        choices=["leak-free", "lecture"],
        default="leak-free",
        help="as in finetune",
    )
    option(
        "--only",
        nargs="+",
        metavar="WAY",
        help="ways by name, say 'last block' 'QLoRA, r = 16' (default all)",
    )


def _add_pretrain(commands) -> None:
    command = commands.add_parser(
        "pretrain",
        help="texts in, a small GPT and its vocabulary out",
        description="Train a byte-level BPE and a small GPT on texts, from nothing. "
        "Killed, the same command goes on from the last checkpoint.",
    )
    command.set_defaults(run=_pretrain)
    option = command.add_argument
    option(
        "--text",
        required=True,
        nargs="+",
        type=Path,
        metavar="FILE",
        help="UTF-8; documents end in a line <|endoftext|>; named twice, read twice as "
        "often",
    )
    option("--output", required=True, type=Path, metavar="DIR", help="for the model")
    for name, value, what in (
        ("steps", 6000, "optimizer steps"),
        ("batch-size", 32, "windows per step"),
        ("vocab-size", 4096, "tokens"),
        ("context", 256, "tokens per window"),
        ("width", 320, "channels per token"),
        ("layers", 5, "blocks"),
        ("heads", 5, "attention heads, must divide the width"),
        ("report-every", 100, "steps between two reports and checkpoints"),
        ("seed", 123, "of weights and windows"),
    ):
        option(f"--{name}", type=int, default=value, help=f"{what} (default {value})")
    option("--lr", type=float, default=2e-3, help="at its peak (default 0.002)")
    option(
        "--licences",
        type=Path,
        metavar="FILE",
        help="Markdown for the model card, on where the texts come from",
    )


def _add_data_options(command, default: str | None = None) -> None:
    command.add_argument(
        "--data",
        default=default,
        required=default is None,
        metavar="DATA",
        help="uci, the SMS Spam Collection, downloaded; sample, the messages of this "
        "package; auto (finetune's default), uci or with no network sample; the "
        "collection's zip; or any CSV or TSV with a header",
    )
    for name in ("text", "label"):
        command.add_argument(
            f"--{name}",
            metavar="NAME",
            help=f"the {name} column of a CSV or TSV (default {name.capitalize()})",
        )


def _add_model_option(command) -> None:
    command.add_argument(
        "--model",
        required=True,
        type=Path,
        metavar="DIR",
        help="the folder named model that finetune left",
    )


def _finetune(args: argparse.Namespace) -> None:
    from spamft.job import Job, finetune

    if args.lecture and (args.recipe or args.split):
        raise ValueError("--lecture already chooses split and recipe: drop the others")
    scope = args.train
    finetune(
        Job(
            output=args.output,
            data=args.data,
            model=args.model,
            split="lecture" if args.lecture else args.split or "leak-free",
            recipe="lecture" if args.lecture else args.recipe or "default",
            epochs=args.epochs,
            lr=args.lr,
            batch_size=args.batch_size,
            patience=args.patience,
            bf16=args.bf16,
            train=int(scope) if scope and scope.isdecimal() else scope,
            cache=not args.no_cache,
            balanced=not args.no_balance,
            seed=args.seed,
            split_seed=args.split_seed,
            text=args.text,
            label=args.label,
            overwrite=args.overwrite,
            say=lambda line: print(line, flush=True),
            progress=sys.stderr.isatty(),
        )
    )


def _audit(args: argparse.Namespace) -> None:
    from spamft.insight.audit import audit_file
    from spamft.sources import open_splits

    if not args.file.is_file():
        raise ValueError(f"no file {str(args.file)!r}")
    columns = {"text": args.text, "label": args.label}
    try:
        splits = open_splits(args.file, split=args.split, **columns).splits
    except ValueError:
        if args.split != "lecture":
            raise
        # the lecture's way cannot read it: the audit will say why
        splits = open_splits(args.file, **columns).splits
    found = audit_file(args.file, splits, **columns)
    print(json.dumps(found.to_dict(), indent=2) if args.json else found)


def _compare(args: argparse.Namespace) -> None:
    from spamft.methods.compare import ROWS, compare

    names = [row.name for row in ROWS]
    for name in args.only or []:
        if name not in names:
            raise ValueError(f"no way is named {name!r}; there are: {'; '.join(names)}")
    compare(
        args.data,
        args.model,
        args.output,
        split=args.split,
        seeds=args.seeds,
        rows=[row for row in ROWS if not args.only or row.name in args.only],
        text=args.text,
        label=args.label,
        say=lambda line: print(line, flush=True),
        progress=sys.stderr.isatty(),
    )
    print((args.output / "compare.md").read_text(encoding="utf-8"))


def _pretrain(args: argparse.Namespace) -> None:
    from spamft.gpt import GPTConfig
    from spamft.pretrain import PretrainConfig, pretrain

    config = PretrainConfig(
        steps=args.steps,
        batch_size=args.batch_size,
        lr=args.lr,
        report_every=args.report_every,
        seed=args.seed,
    )
    shape = GPTConfig(
        args.vocab_size, args.context, args.width, args.layers, args.heads
    )
    licences = args.licences.read_text(encoding="utf-8") if args.licences else ""
    pretrain(
        args.text,
        args.output,
        config,
        shape,
        lambda progress: print(progress, flush=True),
        licences,
    )


def _evaluate(args: argparse.Namespace) -> None:
    from spamft.batches import SpamDataset, make_bucketed_loader
    from spamft.classifier import load
    from spamft.data import encode_labels
    from spamft.evaluate import evaluate
    from spamft.job import report_dict
    from spamft.sources import open_messages
    from spamft.tokenizer import load_tokenizer

    model = load(args.model).to(_device())
    df, source = open_messages(args.data, text=args.text, label=args.label)
    names = model.label_names
    if df["Label"].str.fullmatch(r"\d+").all() and not set(df["Label"]) <= set(names):
        df = df.astype({"Label": "int64"})  # class ids, as finetune's CSVs have them
    dataset = SpamDataset(
        encode_labels(df, names),
        load_tokenizer(model.tokenizer),
        model.max_length,
        fixed_width=model.pooling == "last",
    )
    report = evaluate(model, make_bucketed_loader(dataset))
    if args.json:
        facts = {"data": source} | report_dict(report, names)
        print(json.dumps(facts, indent=2))
    else:
        print(f"data: {source}\n{report.describe(names)}")


def _device() -> str:
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _classify(args: argparse.Namespace) -> None:
    from spamft.classifier import classify_stream, load
    from spamft.tokenizer import load_tokenizer

    if bool(args.texts) and bool(args.file):
        raise ValueError("give texts or --file, not both")
    if args.output and not args.file:
        raise ValueError("--output goes with --file")
    if args.output and args.output.exists() and not args.overwrite:
        raise ValueError(f"{args.output} exists: choose another name or --overwrite")
    model = load(args.model).to(_device())
    tokenizer = load_tokenizer(model.tokenizer)
    if args.file:
        return _classify_file(args, model, tokenizer)
    typed = sys.stdin.isatty() and not args.texts  # then answer line by line
    texts, kept = tee(args.texts or (line.rstrip("\r\n") for line in sys.stdin))
    verdicts = classify_stream(model, tokenizer, texts, chunk_size=1 if typed else 8192)
    for text, (label, chances) in zip(kept, verdicts, strict=False):
        print(f"{label}\t{chances[label]:.4f}\t{text}", flush=typed)


def _classify_file(args: argparse.Namespace, model, tokenizer) -> None:
    from spamft.classifier import classify_stream
    from spamft.formats import stream_rows

    names = model.label_names
    rows = stream_rows(args.file, args.text)
    header, place = next(rows)
    added = ["predicted", *(f"probability_{name}" for name in names)]
    if taken := set(added) & set(header):
        raise ValueError(f"{args.file} already has the column {min(taken)!r}")
    rows, texts = tee(rows)
    verdicts = classify_stream(model, tokenizer, (row[place] for row in texts))
    with _whole_file(args.output) as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*header, *added])
        for row, (label, chances) in zip(rows, verdicts, strict=True):
            writer.writerow([*row, label, *(f"{chances[name]:.6f}" for name in names)])


@contextmanager
def _whole_file(path: Path | None) -> Iterator[TextIO]:
    """A file that gets its name only when all is written; None is standard output."""
    if path is None:
        yield sys.stdout
        return
    part = path.with_name(f".{path.name}.part")
    try:
        with part.open("w", encoding="utf-8", newline="") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
