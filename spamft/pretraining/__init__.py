"""Texts -> a vocabulary and a small GPT: how assets/tiny was made.

config.py  how to pretrain, and one line of the log
bpe.py     texts -> a byte-level vocabulary
corpus.py  texts -> token ids, a part of them held out
loop.py    all of it, with checkpoints -> a folder that `load_gpt2` opens
card.py    the model card of that folder
"""
