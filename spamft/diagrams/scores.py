"""What a score is taken on, and what it counts: the split, precision and recall."""

from collections.abc import Sequence

from spamft.diagrams.drawing import LEFT, RIGHT, SMALL, Diagram, fitted
from spamft.diagrams.examples import (
    LECTURE_SPLIT,
    NAMES,
    SplitCounts,
    confusion_of_words,
)
from spamft.plumbing.errors import SpamftError

__all__ = ["precision_recall", "split"]

WHY_A_LEAK = "The model may know them by heart: its score is too good."


def split(counts: SplitCounts = LECTURE_SPLIT) -> Diagram:
    """Train, validation and test, and the messages that stand in two of them."""
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
        "stand in train, too: a leak, which makes the score better than the model.",
        372,
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
    for middle, words in ((LEFT + 88, "a message"), (RIGHT - 88, "the same again")):
        drawing.box(middle - 88, 176, 176, 34, words, color="orange")
        drawing.line((middle, 150), (middle, 176), color="orange")
    drawing.line((192, 193), (288, 193), color="orange", dashed=True)
    drawing.note(240, 180, "leak", "middle")
    drawing.note(LEFT, 232, f"{share} stand in train, too.\n{WHY_A_LEAK}")
    return drawing


def precision_recall(
    confusion: Sequence[Sequence[int]] | None = None,
    label_names: Sequence[str] = NAMES,
) -> Diagram:
    """[true][predicted] of two classes, and the two questions about the second one."""
    counts = confusion or confusion_of_words()
    if [len(row) for row in counts] != [2, 2] or len(label_names) != 2:
        raise SpamftError(
            "precision and recall are drawn for two classes: give 2 x 2 counts, "
            "[true][predicted], and two names"
        )
    (_, alarms), (missed, caught) = counts
    called, real = alarms + caught, missed + caught
    names = [fitted(name, 90) for name in label_names]
    precision, recall = _share(caught, called), _share(caught, real)
    drawing = Diagram(
        "precision_recall",
        "Precision and recall",
        f"{called} messages were predicted {names[1]}, and {caught} of them are: "
        f"precision {precision}. {real} messages are {names[1]}, and {caught} of them "
        f"were predicted so: recall {recall}.",
        412,
    )
    meanings = (("right", "false alarm"), ("missed", "caught"))
    colors = (("grey", "blue"), ("blue", "orange"))
    drawing.note(226, 60, "predicted", "middle")
    drawing.note(LEFT, 84, "truly")
    for i, name in enumerate(names):
        drawing.text(161 + 130 * i, 84, name, bold=True, size=SMALL)
        drawing.text(LEFT, 140 + 80 * i, name, bold=True, size=SMALL, anchor="start")
        for j in (0, 1):
            words = f"{counts[i][j]:,}\n{meanings[i][j]}"
            place = 96 + 130 * j, 100 + 80 * i
            drawing.box(*place, 130, 80, words, color=colors[i][j], radius=0)
    drawing.bracket(228, 354, 264, f"precision {precision}")
    drawing.line((360, 184), (367, 184), (367, 256), (360, 256))
    drawing.text(376, 211, f"recall\n{recall}", size=SMALL, anchor="start")
    drawing.note(
        *(LEFT, 318),
        f"Precision: {caught:,} of {called:,} predicted {names[1]} are {names[1]}.\n"
        f"Recall: {caught:,} of {real:,} that are {names[1]} were caught.\n"
        "A filter that loses no mail needs the first;\none that lets nothing through, the second.",
    )
    return drawing


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "undefined"
