"""What the data hides, and what a score is worth.

audit.py       duplicates, leaks, shortcuts, label suspects: look before you train
baselines.py   what a finetuned model must beat
calibrate.py   honest probabilities, thresholds, scores at a natural share of spam
explain.py     which tokens made it spam

The modules outside of this folder know nothing of it.
"""
