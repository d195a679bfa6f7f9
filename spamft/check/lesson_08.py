"""Questions and exercises of notebook 8, use it."""

from spamft.check.exercise import YES_NO, Exercise, Law, Question, same

__all__ = ["EXERCISES", "QUESTIONS"]


def short_spam(answer, run, spam) -> Law:
    """Do you find a text of five words or fewer that the model calls spam?"""
    words = len(answer.split())
    given = (words <= 5, run.classify(answer).label == spam)
    return Law(
        (True, True),
        _what_decides(answer, run, spam) if all(given) else "",
        "What have the false alarms above in common? Try a web address at the end, or "
        "the first words of a training message of that class, in data.splits.train.",
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
        guess="yes" if all(given) else None,  # who found none may have missed it
    )


def _what_decides(text: str, run, spam) -> str:
    """The word without which the text is least like spam."""
    words = text.split()
    rest = [" ".join(words[:n] + words[n + 1 :]) for n in range(len(words))]
    whole, *without = (v.probabilities[spam] for v in run.classify([text, *rest]))
    n = min(range(len(words)), key=without.__getitem__)
    return (
        f"{spam}: {whole:.0%} as it stands, {without[n]:.0%} without {words[n]!r}. One "
        "word can decide a short text."
    )


def alone(answer, run, wrong, spam) -> Law:
    """Twenty messages are classified in one call, then each in a call of its own: does
    any verdict change?"""

    def of(verdicts):
        return [each.probabilities[spam] for each in verdicts]

    answer = list(answer)
    asked = [run.classify(wrong["Text"][part]) for part in (slice(20), slice(20, 40))]
    if answer and all(isinstance(each, str) for each in answer):  # labels alone

        def of(verdicts):
            return [getattr(each, "label", each) for each in verdicts]

        return _verdicts(of(answer), *map(of, asked))
    given, right, others = of(answer), *map(of, asked)
    near = len(given) == len(right) and max(
        (abs(a - b) for a, b in zip(given, right, strict=True)), default=0
    )
    return _verdicts(
        right if near is not False and near < 1e-4 else given, right, others
    )


def _verdicts(given: list, right: list, others: list) -> Law:
    return Law(
        right,
        "No neighbour and no padding is seen by the last real token.",
        "[run.classify(text) for text in wrong['Text'][:20]], in this order.",
        [(others, "Those are the next twenty messages, not the first.")],
        given=given,
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
    given = [float(answer(at)) for at in held]
    if _with_a_temperature(given, chances, labels, right):
        given = right
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
        given=given,
        guess=guess,
    )


def _with_a_temperature(given: list, chances, labels, right: list) -> bool:
    """Whether the logits were divided by one above 1 before the softmax: the same as a
    higher threshold, but at 50 %."""
    if len(given) < 2 or not same(given[0], right[0]):
        return False
    higher = [at for at in chances.tolist() if at >= 0.9]
    return any(
        same(given[1], (labels[chances >= at] == 1).float().mean().item())
        for at in higher
    )


EXERCISES = {
    "1": Exercise(short_spam, YES_NO),
    "2": Exercise(alone, YES_NO),
    "3": Exercise(precision, ("rises", "falls")),
}
QUESTIONS = {
    "q1": Question(
        """With the run's temperature at 1.5, a message gets 95 % spam and 5 % ham. You
        set the temperature to 3. What does it get now?""",
        right="c",
        a=(
            "47.5 % spam, so the verdict is ham.",
            "The logits are divided by the temperature, not the probabilities.",
        ),
        b=(
            "95 % spam: a temperature changes no verdict.",
            "It changes no verdict, but it changes how sure the verdict sounds.",
        ),
        c=(
            "About 81 % spam.",
            """95 to 5 is a difference of 2.94 between the divided logits. Divided by
            twice as much it is 1.47, which gives 81 to 19.""",
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
