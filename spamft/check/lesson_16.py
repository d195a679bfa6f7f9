"""Questions and exercises of notebook 16, stress it."""

import random

from spamft.check.exercise import YES_NO, Exercise, Law, Question
from spamft.insight.alarms import locked_alarms
from spamft.insight.edits import CHARACTERS
from spamft.models.normalizer import Normalizer, look_alikes

__all__ = ["EXERCISES", "QUESTIONS"]

HARMLESS = "table"  # a word that tells nothing, in the place of an edit
MANY = 0.1  # of the caught messages, in the guess of the second exercise


def undone(answer, message, seed) -> Law:
    """Does the normalizer undo leetspeak, such as fr33?"""
    plain = Normalizer(look_alikes())
    right = {
        name
        for name, edit in CHARACTERS.items()
        if plain(edit(message, random.Random(seed))) == message
    }
    return Law(
        right,
        "A 3 is a digit, and in `at 3` it must stay one; case, typos and spaces stay.",
        "Compare Normalizer(table)(edited) with message, for each of CHARACTERS.",
        [
            (
                set(CHARACTERS),
                "It undoes what looks the same. A digit, a capital or a space does not "
                "look the same.",
            ),
            (right | {"leetspeak"}, "A 3 is a digit: nobody can say that it was an e."),
            (set(), "It undoes some: try each of them on the message."),
        ],
        given=set(answer),
        guess="yes" if "leetspeak" in right else "no",
    )


def shouted(answer, escapes) -> Law:
    """Do three exclamation marks let more than a tenth of the caught spam escape?"""
    shout, counts = answer
    turned, of = escapes(shout)
    harmless, among = escapes(lambda text: f"{text} {HARMLESS}")
    return Law(
        ("cash!!!", True),
        f"{turned} of {of} escape. With {HARMLESS!r} in their place, a control, "
        f"{harmless} of {among} do: only what is beyond that lies in the marks.",
        "A function of one text, text + '!!!', and escapes(shout), a pair of counts.",
        [
            (
                ("CASH", True),
                "Those are capitals, another edit. Put three marks behind the text.",
            ),
            (("cash!!!", False), "Not what escapes(shout) gives: a pair of counts."),
        ],
        given=(shout("cash"), tuple(counts) == (turned, of)),
        guess="yes" if turned > MANY * of else "no",
    )


def stopped_notices(answer, run) -> Law:
    """Of 1,000 genuine notices, how many would be stopped?"""
    alarms = locked_alarms(run.model, run.tokenizer, run.rule)
    if alarms is None:
        why = "These classes are not ham and spam, so no share is known: None."
        return Law(None, why, why, [])
    share = alarms.false_alarms
    low, high = 1000 * share.low, 1000 * share.high
    return Law(
        (share.low, share.high),
        f"So few notices give the share only to within some points: {share.low:.0%} to "
        f"{share.high:.0%}. Of 1,000 that is {low:.0f} to {high:.0f}.",
        "locked_alarms(...).false_alarms has a share, a low and a high end.",
        [
            ((0.0, 1.0), "Every share lies in there: what do the notices rule out?"),
            (
                (share.share, share.share),
                "That is the share itself. Its interval has two ends.",
            ),
        ],
        given=tuple(answer),
        guess=(low, high),
    )


EXERCISES = {
    "1": Exercise(undone, YES_NO),
    "2": Exercise(shouted, YES_NO),
    "3": Exercise(stopped_notices),
}
QUESTIONS = {
    "q1": Question(
        """An edit lets 30 % of the caught spam escape, and harmless words in the same
        places 28 %. What does the edit show?""",
        right="b",
        a=(
            "That it is a strong attack.",
            "Almost any change would have done that.",
        ),
        b=(
            "That changes of any kind change verdicts.",
            """The edit does hardly more than its control. The weakness is real, but it
            is not a weakness to this edit in particular.""",
        ),
        c=(
            "That the model is hard to fool.",
            "Nearly a third of what it catches escapes, by either change.",
        ),
    ),
    "q2": Question(
        """After an edit a model predicts spam for everything, ham included. What do you
        see in its row of the table?""",
        right="a",
        a=(
            "No escapes, and as many alarms as there can be.",
            "That is why both are shown: either alone can be had for nothing.",
        ),
        b=(
            "No escapes and no alarms: it is perfect.",
            "All ham that passed before is predicted spam now, and that is counted.",
        ),
        c=(
            "Many escapes.",
            "An escape is caught spam that becomes ham. Nothing becomes ham.",
        ),
    ),
    "q3": Question(
        """You trained without a normalizer, and put one before the model only in use.
        What can go wrong?""",
        right="c",
        a=(
            "The model refuses the messages.",
            "Any text is tokens. It answers, and nobody is told.",
        ),
        b=(
            "Nothing: it only makes messages plainer.",
            "Plainer than those of training is different from those of training.",
        ),
        c=(
            "The model reads tokens unlike those that it was trained on.",
            """If training messages had look-alike or hidden characters, it learned
            from these. It belongs to the tokenizer, so both read alike.""",
        ),
    ),
}
