"""A trained classifier at work.

verdict.py  scores -> a label, or none, and calibrated probabilities
predict.py  texts -> a verdict for each
tables.py   a file of texts -> the same with verdicts
saved.py    a classifier <-> a folder
trained.py  what training changed <-> all weights, laid over a base
"""
