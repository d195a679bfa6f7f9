"""Questions and exercises of notebook 15, why did it say spam."""

from spamft.check.exercise import YES_NO, Exercise, Law, Question, same
from spamft.insight.explain import count_flips, leave_one_out

__all__ = ["EXERCISES", "QUESTIONS"]

MANY = 0.1  # of the verdicts, in the guess of the third exercise


def sum_left_out(answer, left_out) -> Law:
    """By leaving out, do the contributions add up to score minus baseline?"""
    whole = left_out.score - left_out.baseline
    right = sum(left_out.contributions)
    return Law(
        right,
        "They need not add up: what two tokens say together counts twice, or not at "
        "all.",
        "sum(left_out.contributions); compare it with score - baseline.",
        [
            (
                whole,
                "That is what they add up to with integrated gradients. Add these up.",
            )
        ],
        guess="yes" if same(right, whole) else "no",
    )


def strongest(answer, model, tokenizer, label) -> Law:
    """Is the strongest token of your spam its last one?"""
    mine, token = answer
    found = leave_one_out(model, tokenizer, mine, label)
    place = max(range(len(found.tokens)), key=lambda t: found.contributions[t])
    predicted = leave_one_out(model, tokenizer, mine).label
    given = (predicted == label, token in found.tokens, token == found.tokens[place])
    return Law(
        (True, True, True),
        "Without it the score drops the most; that is what leaving out can say.",
        "tokens[contributions.index(max(contributions))], with its space, of a message "
        f"that is predicted {label}.",
        [
            (
                (True, False, False),
                "No token of the message: tokens carry the space before them.",
            ),
            (
                (True, True, False),
                "Another one contributes more. The largest is asked, not the most "
                "negative.",
            ),
            ((False, True, True), f"The message is not predicted {label}."),
        ],
        given=given,
        guess="yes" if place == len(found.tokens) - 1 else "no",
    )


def reversed_words(answer, model, tokenizer, spam) -> Law:
    """Words in reverse order: does more than a tenth of the verdicts change?"""
    reverse, changed = answer
    flips = count_flips(model, tokenizer, spam, reverse)
    turned = reverse("one two three")
    return Law(
        ("three two one", True),
        "Every word is still there, so what changed is what the order told.",
        "' '.join(text.split()[::-1]), then count_flips(...).changed.",
        [
            (
                ("eerht owt eno", True),
                "Those are the letters in reverse: no word is left. Reverse the words.",
            ),
            (("one two three", True), "Nothing is reversed."),
            (("three two one", False), "Not what count_flips(...).changed gives."),
        ],
        given=(turned, int(changed) == flips.changed),
        guess="yes" if flips.changed > MANY * flips.messages else "no",
    )


EXERCISES = {
    "1": Exercise(sum_left_out, YES_NO),
    "2": Exercise(strongest, YES_NO),
    "3": Exercise(reversed_words, YES_NO),
}
QUESTIONS = {
    "q1": Question(
        """A message says "free" twice. Leaving out either one hardly moves the score.
        May you say that "free" does not matter?""",
        right="b",
        a=(
            "Yes: both contributions are near 0.",
            "Each was left out while the other was still there.",
        ),
        b=(
            "No: each may stand in for the other.",
            "Leave out both at once. What two tokens say together needs both gone.",
        ),
        c=(
            "Yes, unless integrated gradients say the opposite.",
            """They ask about the way from nothing to the message. That each of the two
            can stand in for the other is plain without them.""",
        ),
    ),
    "q2": Question(
        """You put "!" behind spam, and a third of it escapes. You conclude that the
        model takes "!" for ham. What is missing?""",
        right="b",
        a=(
            "More spam, so that the share is exact.",
            """It would make the share exact, and leave open what the share is due
            to.""",
        ),
        b=(
            "A control: something harmless in the same place.",
            """Perhaps any new last token does it. Only if a harmless word turns fewer
            does it lie in the "!".""",
        ),
        c=(
            "Nothing: you changed one thing, and it happened.",
            """You changed two: there is a "!", and the old last token is no longer
            the last.""",
        ),
    ),
    "q3": Question(
        """You compute integrated gradients with 1 step instead of 256. What becomes of
        the sum of the contributions?""",
        right="c",
        a=(
            "It still equals score minus baseline, for it always does.",
            "That holds for ever smaller steps. With one step a curve is a straight "
            "line.",
        ),
        b=(
            "It becomes 0.",
            "The gradient at one place is not 0 in general.",
        ),
        c=(
            "It can be far from score minus baseline.",
            """The gradient at one place stands for the whole way. The gap tells that
            there were too few steps.""",
        ),
    ),
}
