"""Files, downloads and devices: what the other floors stand on.

    errors.py       SpamftError, the one error that a user can correct
    files.py        files and folders that appear whole or not at all
    checkpoint.py   tensors and settings in one file, to resume from
    bookkeeping.py  what a training remembers from step to step
    device.py       cuda, mps or cpu, and what each of them can do
    scratch.py      room for tensors that are too large for memory
    buckets.py      group lengths so that padding them costs little
    modes.py        evaluation mode for a while
    fetch.py        an address -> a whole, checked file
    archive.py      a published zip -> the one file of it that is wanted
    formats.py      a table of labelled texts -> (label, text) pairs

Nothing here knows what a message is for, or what a model is.
"""
