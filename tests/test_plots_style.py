import io
from base64 import b64decode

import pytest
from IPython.core.formatters import DisplayFormatter
from matplotlib.colors import to_rgb

from spamft import plots
from spamft.plots.style import (
    BLUE,
    GREY,
    NAME,
    ORANGE,
    PAPER,
    breadth,
    colors,
    in_percent,
    literal,
    paper,
    slanted,
    told,
)


def brightness(color: str) -> float:
    return sum(w * c for w, c in zip((0.3, 0.59, 0.11), to_rgb(color), strict=True))


def test_jupyter_shows_the_picture_and_knows_its_words():
    figure, axes = paper("A line that rises.")
    axes.plot([1, 2], [1, 2])
    data, metadata = DisplayFormatter().format(figure)
    assert b64decode(data["image/png"]).startswith(b"\x89PNG")
    assert data["text/plain"] == metadata["image/png"]["alt"] == "A line that rises."


def test_a_picture_is_as_large_as_it_was_asked_to_be():
    figure, _ = paper(width=5, height=2)
    assert figure.get_size_inches().tolist() == [5, 2]
    figure.savefig(io.BytesIO(), format="png")


def test_the_first_colors_have_names():
    assert colors(1) == [BLUE]
    assert colors(2) == [BLUE, ORANGE]
    assert colors(3) == [BLUE, ORANGE, GREY]
    assert colors(0) == []


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 20])
def test_any_number_of_colors_are_different_and_visible_on_the_paper(count):
    found = colors(count)
    assert len(set(found)) == count
    assert all(brightness(PAPER) - brightness(color) > 0.15 for color in found)


def test_shares_are_counted_in_percent():
    _, axes = paper()
    in_percent(axes)
    assert axes.yaxis.get_major_formatter()(0.5) == "50"


def test_the_package_offers_every_plot_of_its_modules():
    modules = (
        *(plots.comparison, plots.confusion, plots.messages),
        *(plots.scores, plots.training),
    )
    made = {name for module in modules for name in module.__all__}
    assert made <= set(plots.__all__)
    assert plots.__all__ == sorted(plots.__all__)
    assert all(hasattr(plots, name) for name in plots.__all__)


@pytest.mark.parametrize("name", ["$$", "$x^$", r"\\frac", "_^{}", r"a\\$b$", "", "$1"])
def test_text_of_users_is_drawn_as_it_is(name):
    figure, axes = paper()
    axes.plot([1, 2], [1, 2], label=literal(name))
    axes.set_xticks([1], [literal(name)])
    [words] = axes.legend().get_texts()
    for text in (words, axes.get_xticklabels()[0]):
        shown, is_formula = text._preprocess_math(text.get_text())
        assert not is_formula and shown.lstrip("\u200b") == name
    figure.savefig(io.BytesIO(), format="png")


def test_control_characters_of_users_have_one_symbol_that_the_font_knows():
    figure, axes = paper()
    axes.set_xlabel(literal("a\n\x1b[2J\ud83d"))
    assert axes.get_xlabel() == "a\ufffd\ufffd[2J<U+D83D>"
    figure.savefig(io.BytesIO(), format="png")


def test_the_words_of_a_picture_cannot_act():
    data, metadata = paper("a\n\x1b[2J")[0]._repr_mimebundle_()
    assert data["text/plain"] == metadata["image/png"]["alt"] == "a␊␛[2J"


def test_a_name_is_cut_to_what_a_picture_can_show():
    assert literal("x" * 10_000) == "x" * (NAME - 1) + "…"
    assert paper()[0].written(["y" * 99], most=5) == ["yyyy…"]


def test_a_sentence_has_a_bound():
    assert told("ab") == "a, b"
    assert told("a" * 99) == ", ".join("a" * 10) + " and 89 more"
    assert len(told(["x" * 10_000] * 10_000)) < 2000


def test_an_installed_font_is_used_for_what_the_usual_one_lacks(monkeypatch):
    monkeypatch.setattr(
        "spamft.plots.style.fallbacks", lambda text: (("STIXGeneral",), set())
    )
    figure, axes = paper()
    axes.plot([1, 2], [1, 2], label=figure.written(["a"])[0])
    axes.legend()
    figure.savefig(io.BytesIO(), format="png")
    figure.savefig(io.BytesIO(), format="png")
    [text] = axes.get_legend().get_texts()
    assert text.get_fontfamily() == ["sans-serif", "STIXGeneral"]


def test_names_are_slanted_only_where_they_have_no_room():
    assert slanted(["ham", "spam"], 0.9) == {}
    assert slanted(["a long name"], 0.9)["rotation"] == 40
    assert breadth(["垃圾"]) == breadth(["spam"]) > breadth([]) == 0
