"""spamft: finetune a GPT to classify text, one readable file per step.

    data.py        the messages: download, read, balance, encode, split, save
    tokenizer.py   text        -> token ids
    batches.py     messages    -> padded batches
    gpt.py         ids         -> hidden states, next-token logits, text
    pretrained.py  GPT-2's published weights <-> gpt.GPT
    classifier.py  a GPT       -> a classifier: class head, what trains, save, load
    evaluate.py    model + batches -> a Report
    train.py       model + batches -> a finetuned model and its history
    trunk.py       the frozen part runs once, the same loop trains what is left
    plots.py       history, Report -> figures
    job.py         all of it in one call; cli.py: from the command line

    methods/       LoRA, QLoRA, instructions, and all ways compared
    insight/       what the data hides, what a score is worth, why it said spam

    fetch.py and formats.py are the plumbing of downloads and of message files,
    pretrain.py makes a small GPT from texts.

Import from the file you want to read: `from spamft.data import random_split`.
"""

__version__ = "0.1.0"
