"""History, report or messages -> a matplotlib figure; only this package draws.

style.py       the look of every picture: paper, colors, names, and words beside it
fonts.py       which installed fonts have the characters of a name
training.py    loss and accuracy of a training; several side by side
confusion.py   what a model mistakes for what
messages.py    lengths and labels of messages; where a model's parameters are
scores.py      reliability of scores, and costs over thresholds
comparison.py  methods in rows: accuracy, each seed, time
labels.py      accuracy over the number of labels
stress.py      edits in rows: what escapes, what becomes the class

Every figure is a `Picture`: a notebook shows it as it is, and its `alt` describes in
words what it shows. Its size has a bound, however many labels there are and however
long they are.
"""

from spamft.plots.comparison import plot_comparison
from spamft.plots.confusion import plot_confusion
from spamft.plots.labels import plot_label_curves
from spamft.plots.messages import plot_class_counts, plot_ledger, plot_lengths
from spamft.plots.scores import plot_costs, plot_reliability
from spamft.plots.stress import plot_stress
from spamft.plots.style import BLUE, GREY, ORANGE, Picture, paper
from spamft.plots.training import plot_accuracy, plot_loss, plot_losses

__all__ = [
    "BLUE",
    "GREY",
    "ORANGE",
    "Picture",
    "paper",
    "plot_accuracy",
    "plot_class_counts",
    "plot_comparison",
    "plot_confusion",
    "plot_costs",
    "plot_label_curves",
    "plot_ledger",
    "plot_lengths",
    "plot_loss",
    "plot_losses",
    "plot_reliability",
    "plot_stress",
]
