"""A trained classifier at work.

predict.py  texts -> a label and probabilities for each
tables.py   a CSV of texts -> the same with a label and probabilities
saved.py    a classifier <-> a folder
export.py   a classifier -> Hugging Face's layout
"""
