"""Runs: one model finetuned and measured, and all methods compared.

finetune.py     data + model + method -> a Run
rule.py         which messages choose temperature and threshold, and which measure
checkpoints.py  the progress of a run, from which a killed one resumes
run.py          a Run: the model, its metrics, its folder
compare.py      every method and baseline on the same messages
cost.py         what a run takes: seconds, memory, bytes of a file
table.py        results of a comparison -> one table
"""
