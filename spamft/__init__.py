"""spamft: finetune a GPT to classify text, one readable file per step.

The lecture, one file per step, lies at the top:

    data.py        the messages: download, read, balance, encode, split, save
    tokenizer.py   text -> token ids
    batches.py     messages -> padded batches
    gpt.py         ids -> hidden states, next-token logits, text
    pretrained.py  GPT-2's published weights <-> gpt.GPT
    classifier.py  a class head, pooling, and which parameters train
    evaluate.py    model + batches -> a Report
    train.py       model + batches -> a finetuned model and its history

All else has a folder, each with a map of its own:

    trunk/         the blocks that do not train run once, with the same results
    models/        other architectures with the same interface
    reading/       files of messages as people have them -> columns and rows
    sources/       names and files -> messages and models
    methods/       every finetuning method: LoRA, QLoRA, instructions ...
    insight/       what the data hides, how far to trust a score, why it predicted spam
    experiments/   one run, and all methods compared
    use/           classify, save, load
    export/        take a run to transformers, PEFT, onnxruntime or a browser
    check/         the notebooks' questions, guesses and exercises
    pretraining/   texts -> a vocabulary and a small GPT
    plots/         history, metrics, messages -> pictures
    diagrams/      ideas -> drawings for slides and pages
    plumbing/      files, downloads, devices: knows nothing of messages or models
    cli/           the command line, one file per command

Import from the file that you want to read: `from spamft.data import random_split`. The
four calls that most programs need are also here: `spamft.download`, `spamft.finetune`,
`spamft.load` and `spamft.classify`.
"""

import importlib
from typing import Any

__version__ = "0.2.0"

_HOME = {
    "classify": "spamft.use.predict",
    "download": "spamft.data",
    "finetune": "spamft.experiments.finetune",
    "load": "spamft.use.saved",
}


def __getattr__(name: str) -> Any:
    """Import one of the four calls when it is first used: `import spamft` is quick."""
    if name not in _HOME:
        raise AttributeError(f"module 'spamft' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOME[name]), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *_HOME])
