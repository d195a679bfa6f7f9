import io

import numpy as np
import pandas as pd
import pytest

from spamft.plots.stress import plot_stress

COLUMNS = ("escapes", "escapes_control", "alarms", "alarms_control")


def frame(count: int = 3) -> pd.DataFrame:
    rows = []
    for n in range(count):
        row = {"kind": f"kind {n // 2}", "edit": f"$edit^$ {n}"}
        for k, name in enumerate(COLUMNS):
            share = (n + k) / (count + 4)
            ends = {f"{name}_low": share - 0.1, f"{name}_high": share + 0.1}
            row |= {name: share, f"{name}_of": 9} | ends
        rows.append(row)
    return pd.DataFrame(rows)


def dots(axes) -> list[float]:
    """The shares of the edits, from top to bottom."""
    [_, _, filled] = axes.collections
    return filled.get_offsets()[:, 0].tolist()


def test_there_is_one_panel_per_column_with_a_dot_a_ring_and_an_interval_per_edit():
    left, right = plot_stress(frame(), "spam").axes
    assert dots(left) == frame()["escapes"].tolist()
    assert dots(right) == frame()["alarms"].tolist()
    bars, rings, filled = left.collections
    ends = frame()[["escapes_low", "escapes_high"]].to_numpy()
    assert np.allclose([bar[:, 0] for bar in bars.get_segments()], ends)
    assert rings.get_offsets()[:, 0].tolist() == frame()["escapes_control"].tolist()
    assert not len(rings.get_facecolor()) and len(filled.get_facecolor())


def test_each_row_is_named_under_its_kind():
    left, _ = plot_stress(frame(), "spam").axes
    texts = left.get_yticklabels()
    names = [text.get_text().replace("\\", "") for text in texts]
    assert names == [
        *("kind 0", "$edit^$ 0", "$edit^$ 1", "kind 1", "$edit^$ 2"),
    ]
    bold = [text.get_fontweight() == "bold" for text in texts]
    assert bold == [True, False, False, True, False]


def test_without_a_class_there_is_one_panel():
    only = frame().drop(columns=[c for c in frame() if c.startswith("alarms")])
    picture = plot_stress(only, None)
    assert len(picture.axes) == 1 and "become wrong" in picture.alt


def test_an_edit_that_changed_no_message_has_no_dot():
    empty = frame()
    empty.loc[1, ["alarms", "alarms_control"]] = np.nan
    empty.loc[1, "alarms_of"] = 0
    picture = plot_stress(empty, "spam")
    assert [len(dots(axes)) for axes in picture.axes] == [3, 2]
    assert "no message to change" in picture.alt


@pytest.mark.parametrize("label", ["spam", "$x^$", "_", "x" * 900, "\x1b[2J"])
def test_the_picture_is_told_in_words_and_draws_any_name(label):
    picture = plot_stress(frame(), label)
    assert "$edit^$ 2: 29% escape, with harmless words 43%" in picture.alt
    picture.savefig(io.BytesIO(), format="png")


def test_its_size_has_a_bound():
    sizes = [plot_stress(frame(n), "spam").get_size_inches() for n in (200, 2000)]
    assert (sizes[0] == sizes[1]).all()
