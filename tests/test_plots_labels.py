import io

import pandas as pd

from spamft.plots.labels import plot_label_curves

FRAME = pd.DataFrame(
    {
        "method": ["words"] * 2 + ["$x^$"] * 2,
        "labels": [8, 16] * 2,
        "accuracy": [0.6, 0.8, 0.5, 0.5],
        "interval_low": [0.5, 0.7, 0.4, 0.4],
        "interval_high": [0.7, 0.9, 0.6, 0.6],
    }
)
LAWS = {"words": ([8, 16, 64], [0.6, 0.8, 0.91])}


def test_there_is_one_curve_per_method_and_one_dotted_per_law():
    [axes] = plot_label_curves(FRAME, LAWS).axes
    dotted = [line for line in axes.lines if line.get_linestyle() == ":"]
    assert [line.get_ydata().tolist() for line in dotted] == [[0.6, 0.8, 0.91]]
    curves = [line.get_ydata().tolist() for line in axes.lines if line not in dotted]
    assert curves == [[0.6, 0.8], [0.5, 0.5]]
    bars = axes.collections[0].get_segments()
    assert [sorted(bar[:, 1].round(6)) for bar in bars] == [[0.5, 0.7], [0.7, 0.9]]


def test_the_picture_is_told_in_words_and_draws_any_name():
    picture = plot_label_curves(FRAME, LAWS)
    assert "words from 60.0% with 8 labels to 80.0% with 16" in picture.alt
    assert "91.0% expected with 64" in picture.alt
    picture.savefig(io.BytesIO(), format="png")
