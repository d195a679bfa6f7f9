"""How messages get into a table, and into three parts."""

from spamft.diagrams.drawing import LEFT, RIGHT, Diagram
from spamft.diagrams.examples import LECTURE_SPLIT, SplitCounts
from spamft.diagrams.letters import SMALL, fitted
from spamft.plumbing.errors import SpamftError

__all__ = ["lost_rows", "split"]

WHY_A_LEAK = "Known by heart, they raise the score."


def lost_rows() -> Diagram:
    """Four lines of a file, read as two rows: a quotation mark swallows the others."""
    drawing = Diagram(
        "lost_rows",
        "Four lines, two rows",
        "A file has four lines, three ham and a spam. The text of the second begins "
        "with a quotation mark; the next mark is in the fourth. With quoting, lines "
        "2 to 4 become one ham, and the spam is gone. Without it there are four rows.",
        402,
    )
    lines = ("see you", '"I said no', "where are you", 'WIN "a car"')
    drawing.note(LEFT, 58, "the file: a label, a tab, a text")
    for i, text in enumerate(lines):
        color = "orange" if i else "grey"  # the mark takes three lines
        drawing.box(LEFT, 72 + 28 * i, 64, 28, ("ham", "spam")[i == 3], radius=0)
        drawing.box(80, 72 + 28 * i, 152, 28, text, color=color, radius=0)
    drawing.note(250, 86, "no quotation mark")
    drawing.note(250, 114, "a mark opens here ...")
    drawing.note(250, 142, "... so this is text, too ...")
    drawing.note(250, 170, "... up to the next mark")
    for x, words in ((LEFT, "quoting: 2 rows"), (252, "quoting off: 4 rows")):
        drawing.arrow((x + 106, 184), (x + 106, 232))
        drawing.text(x + 106, 246, words, size=SMALL, bold=True)
    drawing.grid(LEFT, 262, [["ham", lines[0]]], 106, 28)
    drawing.grid(LEFT, 290, [["ham", "lines 2 to 4"]], 106, 84, "orange")
    drawing.grid(252, 262, [["ham", text] for text in lines[:3]], 106, 28)
    drawing.grid(252, 346, [["spam", lines[3]]], 106, 28)
    return drawing


def split(counts: SplitCounts | None = None) -> Diagram:
    """Train, validation and test, and the messages that stand in two of them."""
    source = "" if counts else "Counts: the SMS collection, split as in the lecture."
    counts = counts or LECTURE_SPLIT
    if min(counts) < 0 or min(counts[:3]) == 0 or counts.leaked > counts.test:
        raise SpamftError(
            f"{counts}: three parts with messages, and leaks among test's"
        )
    total, wide = sum(counts[:3]), RIGHT - LEFT
    share = f"{counts.leaked:,} of {counts.test:,} test messages"
    share += f" ({counts.leaked / counts.test:.0%})"
    drawing = Diagram(
        "split",
        "The split, and a leak",
        f"{total:,} messages are shuffled and cut into {counts.train:,} to train on, "
        f"{counts.validation:,} for validation and {counts.test:,} to test. {share} "
        "stand in train, too: a leak, which makes the score better than the model. "
        f"{source}".rstrip(),
        372 + 26 * bool(source),
    )
    drawing.box(LEFT, 52, wide, 34, f"{total:,} messages, shuffled", color="grey")
    uses = (
        ("train", "train", "the model learns from it"),
        ("val", "validation", "to decide when to stop"),
        ("test", "test", "asked once, at the end"),
    )
    x = LEFT
    for i, (name, whole, use) in enumerate(uses):
        width = wide * counts[i] / total
        drawing.arrow((x + width / 2, 86), (x + width / 2, 110))
        drawing.box(x, 110, width, 40, fitted(name, width), size=SMALL)
        x += width
        y = 300 + 24 * i
        drawing.text(LEFT, y, whole, size=SMALL, anchor="start", bold=True)
        drawing.note(LEFT + 96, y, f"{counts[i]:,} ({counts[i] / total:.0%}): {use}")
    for left, middle, words in (
        (LEFT, LEFT + 88, "a message"),
        (RIGHT - 176, RIGHT - width / 2, "the same again"),
    ):
        drawing.box(left, 176, 176, 34, words, color="orange")
        drawing.line((middle, 150), (middle, 176), color="orange")
    drawing.line((192, 193), (288, 193), color="orange", dashed=True)
    drawing.note(240, 180, "leak", "middle")
    drawing.note(LEFT, 232, f"{share}\nstand in train, too. {WHY_A_LEAK}")
    if source:
        drawing.note(LEFT, 376, source)
    return drawing
