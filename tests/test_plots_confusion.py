import io
import warnings

import numpy as np
import pytest
import torch
from PIL import Image

from spamft.evaluate import FEW_CLASSES, report
from spamft.plots.confusion import plot_confusion

MANY = FEW_CLASSES + 1


def right(count):
    """A report of one example per class, all of them right."""
    return report(torch.eye(count), torch.arange(count))


def mixed_up(count, times=3):
    """A report of which class 0 was taken for class 1 so many times."""
    labels = torch.tensor([0] * times + [*range(count)])
    said = labels.clone()
    said[:times] = 1
    return report(torch.eye(count)[said], labels)


def size_of(figure):
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=150)
    return Image.open(file).size


def test_the_confusion_is_written_out():
    logits = torch.eye(3)[torch.tensor([0, 1, 1, 2])]
    figure = plot_confusion(report(logits, torch.tensor([0, 1, 2, 2])), ["a", "b", "c"])
    axes = figure.axes[0]
    written = [text.get_text() for text in axes.texts]
    assert written == ["1", "0", "0", "0", "1", "0", "0", "1", "1"]
    assert [tick.get_text() for tick in axes.get_xticklabels()] == ["a", "b", "c"]
    assert "predicted" in axes.get_xlabel() and "true" in axes.get_ylabel()
    assert "of 2 c messages 1 were predicted c" in figure.alt


def test_ink_is_white_where_most_of_a_class_is_predicted():
    figure = plot_confusion(report(torch.eye(2), torch.tensor([0, 1])), ["ham", "spam"])
    inks = [text.get_color() for text in figure.axes[0].texts]
    assert inks == ["white", "#222222", "#222222", "white"]


def test_no_class_of_the_confusion_is_taken_for_a_formula():
    names = ["$$", "$x^$"]
    figure = plot_confusion(report(torch.eye(2), torch.tensor([0, 1])), names)
    figure.savefig(io.BytesIO(), format="png")


@pytest.mark.parametrize("count", [MANY, 150, 1000])
def test_of_many_classes_there_are_shades_and_no_digits_in_a_bounded_picture(count):
    figure = plot_confusion(mixed_up(count), [f"class {k}" for k in range(count)])
    axes = figure.axes[0]
    assert not axes.texts and max(axes.images[0].get_array().shape) <= 250
    assert len(axes.get_xticks()) == len(axes.get_yticks()) <= 20
    width, height = size_of(figure)
    assert width <= 1350 and height <= 1200


def test_the_worst_confusions_are_listed_beside_the_shades():
    figure = plot_confusion(mixed_up(MANY), [f"class {k}" for k in range(MANY)])
    assert "class 0 → class 1: 3" in figure.texts[0].get_text()
    assert "most often mistaken: 3 of class 0 as class 1." in figure.alt
    assert "No mistake" in plot_confusion(right(MANY), ["a"] * MANY).texts[0].get_text()


def test_a_cell_of_several_classes_has_the_share_of_them_all():
    labels = torch.arange(500)
    said = (labels + 2 * (labels % 2)) % 500  # every second one is wrong
    figure = plot_confusion(report(torch.eye(500)[said], labels), ["x"] * 500)
    found = figure.axes[0].images[0].get_array()
    expected = np.eye(250) / 2 + np.roll(np.eye(250), 1, axis=1) / 2
    assert (found == expected).all()
    assert "2 classes to a cell" in figure.axes[0].get_xlabel()


@pytest.mark.parametrize("count", [2, MANY])
def test_very_long_names_do_not_make_the_picture_or_its_words_large(count):
    figure = plot_confusion(right(count), ["x" * 10_000] * count)
    assert max(size_of(figure)) <= 1350 and len(figure.alt) < 1000


@pytest.mark.parametrize("count", [3, MANY])
@pytest.mark.parametrize(
    "name",
    [
        "垃圾",
        "正常 $x^$",
        "$$",
        r"\\frac",
        "_x",
        "",
        "a\nb",
        "😀",
        "שלום",
        "\U0010fffd",
    ],
)
def test_any_name_is_drawn_without_a_warning(name, count):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = plot_confusion(mixed_up(count), [name] * count)
        figure.savefig(io.BytesIO(), format="png")


@pytest.mark.parametrize("count", [3, MANY])
def test_a_name_that_no_font_has_is_drawn_as_its_number_and_told(count):
    names = ["ham", "\U0010fffd", *"c" * (count - 2)]
    figure = plot_confusion(mixed_up(count), names)
    ticks = [tick.get_text() for tick in figure.axes[0].get_yticklabels()]
    assert ticks[:2] == (["ham", "1"] if count == 3 else ["ham", "c"])
    told = "o font has \U0010fffd: they are drawn as 1"
    assert figure.numbered == f"n{told}" and figure.alt.endswith(f"N{told}.")
