"""What the data hides, and what a score is worth.

baselines.py   what a finetuned model must beat

The modules outside of this folder know nothing of it.
"""
