"""History, report or messages -> a matplotlib figure; only this package draws.

style.py       the look of every picture: paper, colors, and words beside it
training.py    loss and accuracy of a training, and the confusion of its end
messages.py    lengths and labels of messages; where a model's parameters are
scores.py      reliability of scores, and costs over thresholds
comparison.py  methods by accuracy and seconds
labels.py      accuracy over the number of labels

Every figure is a `Picture`: a notebook shows it as it is, and its `alt` describes in
words what it shows.
"""

from spamft.plots.comparison import plot_comparison
from spamft.plots.labels import plot_label_curves
from spamft.plots.messages import plot_class_counts, plot_ledger, plot_lengths
from spamft.plots.scores import plot_costs, plot_reliability
from spamft.plots.style import BLUE, GREY, ORANGE, Picture, paper
from spamft.plots.training import plot_accuracy, plot_confusion, plot_loss

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
    "plot_reliability",
]
