"""Runs: one model finetuned and measured, and all methods compared.

finetune.py     data + model + method -> a Run
robust.py       what makes a run hard to fool: a normalizer, and edited copies
rule.py         which messages choose temperature and threshold, and which measure
checkpoints.py  the progress of a run, from which a killed one resumes
run.py          a Run: the model, its metrics, its folder
pictures.py     a Run's pictures, as far as they can be drawn
compare.py      every method and baseline on the same messages
labels.py       how many labels are enough: a method's learning curve
learners.py     train on some of the messages: frozen features, finetuning, words
unlabelled.py   which messages to label next
cells.py        a folder of finished results, from which such a series resumes
cost.py         what a run takes: seconds, memory, bytes of a file
expected.py     how long a finetuning would take on this machine
pinned.py       figures that every machine must reach
table.py        results of a comparison -> one table
"""
