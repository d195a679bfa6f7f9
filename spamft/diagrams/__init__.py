"""Ideas -> drawings: one function per diagram, with the numbers that it is given.

    from spamft import diagrams
    diagrams.block()                    the last line of a notebook's cell shows it
    diagrams.block().save("block.svg")

drawing.py      boxes, arrows, grids, words: one style, light and dark
letters.py      how much room words take, and how they are cut to fit
examples.py     the measured numbers that are shown where none are given
data.py         lines that are lost, the split and a leak
messages.py     the life of a message, padding and mask, a masked instruction
network.py      a block, attention, the head swap, GPT-2 beside Llama
pretraining.py  each token predicts the next
training.py     one step of training, trunk and top, early stopping
methods.py      kinds of finetuning, LoRA, NF4
results.py      precision and recall, a saved classifier
gallery.py      all of them as files, and a page that shows them
"""

from spamft.diagrams.data import lost_rows, split
from spamft.diagrams.messages import instruction_row, message_life, padding
from spamft.diagrams.methods import finetuning_kinds, lora, nf4
from spamft.diagrams.network import attention, block, gpt2_and_llama, head_swap
from spamft.diagrams.pretraining import next_token
from spamft.diagrams.results import precision_recall, saved_folder
from spamft.diagrams.training import early_stopping, training_step, trunk

__all__ = [
    "attention",
    "block",
    "early_stopping",
    "finetuning_kinds",
    "gpt2_and_llama",
    "head_swap",
    "instruction_row",
    "lora",
    "lost_rows",
    "message_life",
    "next_token",
    "nf4",
    "padding",
    "precision_recall",
    "saved_folder",
    "split",
    "training_step",
    "trunk",
]
