"""What the data hides, how reliable a score is, and which tokens made it spam.

audit.py        check a file before you train: all that follows in one call
patterns.py     what a message may have: somewhere, at its beginning, at its end
shortcuts.py    simple features that predict the label, length among them
edits.py        another way to write a message: same meaning, other characters
stress.py       what each edit does to a model's verdicts, and its harmless control
effects.py      the record of that, and how it is shown
place_changes.py  a beginning or an ending, put into a message and taken out again
places.py       what that does to a model's verdicts, and its harmless control
place_effects.py  the record of that, and how it is shown
suspects.py     messages whose label may be wrong
rendering.py    findings as text, as an HTML table, as columns
baselines.py    what a finetuned model must beat
learning_curve.py  accuracy over the number of labels, and what more would bring
active.py       which of many messages to label next: uncertain and different ones
calibrate.py    calibration, decision thresholds, precision where spam is rare
estimate.py     a share that was counted, with its interval
alarms.py       what a decision rule catches, its false alarms, what is unsure
explain.py      which tokens decided, and after which block
explanation.py  the record of that, and how it is shown

Duplicates and leaks are found in sources/duplicates.py.
"""
