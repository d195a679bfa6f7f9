"""What comes out of a training: right and wrong predictions, and a folder."""

from collections.abc import Sequence

from spamft.diagrams.drawing import LEFT, Diagram
from spamft.diagrams.examples import NAMES, confusion_of_words
from spamft.diagrams.letters import SMALL, fitted
from spamft.plumbing.errors import SpamftError

__all__ = ["precision_recall", "saved_folder"]


def precision_recall(
    confusion: Sequence[Sequence[int]] | None = None,
    label_names: Sequence[str] = NAMES,
) -> Diagram:
    """[true][predicted] of two classes, and the two questions about the second one."""
    counts = confusion or confusion_of_words()
    source = "" if confusion else "Counts: TF-IDF of words on the sample's test part."
    if [len(row) for row in counts] != [2, 2] or len(label_names) != 2:
        raise SpamftError(
            "precision and recall are drawn for two classes: give 2 x 2 counts, "
            "[true][predicted], and two names"
        )
    (_, alarms), (missed, caught) = counts
    called, real = alarms + caught, missed + caught
    names = [fitted(name, 64) for name in label_names]
    precision, recall = _share(caught, called), _share(caught, real)
    drawing = Diagram(
        "precision_recall",
        "Precision and recall",
        f"{called} messages were predicted {names[1]}, and {caught} of them are: "
        f"precision {precision}. {real} messages are {names[1]}, and {caught} of them "
        f"were predicted so: recall {recall}. {source}".rstrip(),
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
        f"Precision: {caught:,} of {called:,} predicted {names[1]} are right.\n"
        f"Recall: {caught:,} of {real:,} {names[1]} were caught.\n"
        "To lose no mail, precision must be high;\n"
        f"to let nothing through, recall must be.\n{source}".rstrip(),
    )
    return drawing


def saved_folder() -> Diagram:
    """What a saved classifier consists of, and how loading proves that it is whole."""
    drawing = Diagram(
        "saved_folder",
        "A saved classifier",
        "The folder holds model.safetensors, the weights, and classifier.json, the "
        "card: the classes' names, the longest message, the token that is read, and a "
        "canary, one message with its logits. Loading builds the model, tries it on "
        "the canary, and refuses it if the logits differ.",
        474,
    )
    drawing.box(LEFT, 54, 448, 34, "the finetuned classifier, in memory")
    drawing.arrow((240, 88), (240, 124))
    drawing.note(254, 106, "save: whole, or not at all")
    drawing.box(LEFT, 124, 448, 172, color="grey", dashed=True)
    files = (
        (140, "model.safetensors", "the weights: numbers\nand their names"),
        (
            220,
            "classifier.json",
            "class names, longest message,\ntoken read; the canary",
        ),
    )
    for y, name, words in files:
        drawing.box(LEFT + 14, y, 160, 60, name, size=SMALL)
        drawing.note(LEFT + 188, y + 21, words)
    drawing.arrow((240, 296), (240, 332))
    drawing.note(254, 314, "load: then try the canary")
    drawing.box(LEFT, 332, 448, 34, '"You have won a prize! Call now."', color="orange")
    for x, words, color in (
        (LEFT, "same logits:\nready to use", "blue"),
        (248, "other logits:\nrefused", "grey"),
    ):
        drawing.arrow((x + 108, 366), (x + 108, 394))
        drawing.box(x, 394, 216, 54, words, color=color)
    return drawing


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "undefined"
