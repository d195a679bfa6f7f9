"""`spamft`, the command line: one file per command.

    main.py      find the command, run it, turn errors into one line
    console.py   what is printed: progress and results
    options.py   options made from the fields of dataclasses
    finetune.py  evaluate.py  classify.py  stress.py  export.py
    audit.py  compare.py  labels.py  page.py  pretrain.py  doctor.py

A command is a module with HELP (a line), `add(parser)` (its options) and `run(args)`.
Heavy imports stand inside these functions, so that `spamft --help` is quick.
"""
