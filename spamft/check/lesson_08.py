"""Questions and exercises of notebook 8, use it."""

from spamft.check.exercise import YES_NO, Exercise, Law, Question

__all__ = ["EXERCISES", "QUESTIONS"]


def short_spam(answer, run, spam) -> Law:
    """Do you find a text of three words or fewer that the model calls spam?"""
    words = len(answer.split())
    given = (words <= 5, run.classify(answer).label == spam)
    return Law(
        (True, True),
        f"{words} words are enough for it, and a friend might write them, too.",
        "Prizes, links, capitals: read the beginnings in data.splits.train.",
        [
            (
                (False, False),
                f"More than five words, and not predicted {spam}: think of what its "
                "training messages of that class begin with.",
            ),
            ((False, True), f"It is predicted {spam}, but has more than five words."),
            ((True, False), f"It is short, but not predicted {spam}."),
        ],
        given=given,
        guess=("yes" if words <= 3 else "no") if all(given) else None,
    )


def alone(answer, run, wrong, spam) -> Law:
    """Does a message get another verdict when it is asked alone?"""

    def of(verdicts):
        return [each.probabilities[spam] for each in verdicts]

    given = of(answer)
    right, others = (
        of(run.classify(wrong["Text"][part])) for part in (slice(20), slice(20, 40))
    )
    near = len(given) == len(right) and max(
        (abs(a - b) for a, b in zip(given, right, strict=True)), default=0
    )
    return Law(
        right,
        "No neighbour and no padding is seen by the last real token.",
        "[run.classify(text) for text in wrong['Text'][:20]], in this order.",
        [(others, "Those are the next twenty messages, not the first.")],
        given=right if near is not False and near < 1e-4 else given,
        guess="no",
    )


def precision(answer, logits, labels) -> Law:
    """From a threshold of 50 % to one of 90 %: does precision rise or fall?"""
    chances = logits.softmax(-1)[:, 1]
    held = {at: chances > at for at in (0.5, 0.9) if (chances > at).any()}
    right = [(labels[rows] == 1).float().mean().item() for rows in held.values()]
    caught = [rows[labels == 1].float().mean().item() for rows in held.values()]
    guess = None
    if len(right) == 2 and right[0] != right[1]:
        guess = "rises" if right[1] > right[0] else "falls"
    return Law(
        right,
        "Of the messages held back, it is the share that is spam.",
        "Of the messages above the threshold, which share is spam?",
        [
            (
                caught,
                "That is recall, the share of the spam that is held back. Precision "
                "is the share of spam among what is held back.",
            )
        ],
        given=[float(answer(at)) for at in held],
        guess=guess,
    )


EXERCISES = {
    "1": Exercise(short_spam, YES_NO),
    "2": Exercise(alone, YES_NO),
    "3": Exercise(precision, ("rises", "falls")),
}
QUESTIONS = {
    "q1": Question(
        """You set the run's temperature from 1.5 to 3. Which verdicts of the two-class
        model change, if the likelier class is taken?""",
        right="c",
        a=(
            "Those near 50 %.",
            "They move towards 50 %, and none crosses it.",
        ),
        b=(
            "Those about which it was too sure.",
            "These sound less sure now, and are decided as before.",
        ),
        c=(
            "None.",
            "All logits are divided by one number: the larger one stays the larger.",
        ),
    ),
    "q2": Question(
        """A service sorts a short message into a batch with a very long one, so it gets
        much padding. The model reads the last real token. What changes for the short
        one?""",
        right="c",
        a=(
            "It moves towards the verdict of the long one.",
            "Messages of a batch are computed side by side, and never see each other.",
        ),
        b=(
            "It becomes less sure, for it is thinned by padding.",
            "That would be so if the padding were averaged in. It is not read.",
        ),
        c=(
            "Nothing, up to rounding.",
            "Its real tokens look to the left, and the padding is on the right.",
        ),
    ),
    "q3": Question(
        """Somebody puts the weights of another trained classifier, of the same shapes,
        beside your model's card. What does `load` do?""",
        right="b",
        a=(
            "It loads them: names and shapes fit.",
            "Shapes fit for any model of this size. That alone proves nothing.",
        ),
        b=(
            "It refuses: they do not give what the card recorded.",
            """The card tells which answer the saved model gave to one message, and
            has its file's fingerprint. Others do not fit.""",
        ),
        c=(
            "It loads them and trains the head anew.",
            "`load` never trains. A head of chance is what it guards against.",
        ),
    ),
}
