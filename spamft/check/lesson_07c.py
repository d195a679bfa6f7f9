"""Questions and exercises of notebook 7c: nine trainings, each with one fault."""

from spamft.check.exercise import YES_NO, Exercise, Law, Question

__all__ = ["EXERCISES", "QUESTIONS"]


def third_gradient(answer) -> Law:
    """Gradients of 1, 2 and 3, never reset: with which is the third step made?"""
    return Law(
        6.0,
        "`backward` adds to what is there, so each step drags all earlier ones along.",
        "weight.grad after three calls of backward, without zero_grad between them.",
        [
            (3.0, "That is the third batch's own. Nobody took the others away."),
            (2.0, "That is their mean. `backward` adds."),
            (5.0, "The second and the third. The first is still there, too."),
        ],
    )


def share_leaked(answer, runs) -> Law:
    """In one run test messages stand in train: which share of the test part?"""
    shares = {
        number: _share(run.setup.train.texts, run.setup.test.texts)
        for number, run in runs.items()
    }
    return Law(
        shares[8],
        "And these it knows by heart. So test is better than validation.",
        "seen = set(runs[n].setup.train.texts), for the run in which test is better "
        "than validation.",
        [
            (
                shares[3],
                "That is run 3, where the test part is the training part. In another "
                "run some of it was added.",
            ),
            (
                _share(runs[8].setup.test.texts, runs[8].setup.train.texts),
                "That is the share of the training part. Of the test part is asked.",
            ),
        ],
    )


def _share(seen, texts) -> float:
    """How many of `texts` are `seen`, from 0 to 1."""
    return sum(text in set(seen) for text in texts) / len(texts)


def one_class_only(answer, runs) -> Law:
    """Do the sizes of classes find more than one of the nine faults?"""
    right = [
        number
        for number, run in runs.items()
        if any(
            len(set(part.hidden.labels)) < 2
            for part in (run.setup.train, run.setup.validation, run.setup.test)
        )
    ]
    return Law(
        right,
        "Counting finds what was cut in the wrong place. The others keep their sizes.",
        "set(part.hidden.labels) of the three parts: which has one class id only?",
        [
            ([], "There is one. Count the classes of train and of test, too."),
            (list(runs), "Most runs have both classes in each part."),
            (
                [number for number, run in runs.items() if _misses_one(run)],
                "Those are runs in which a class is never found. Count the labels, "
                "not the answers.",
            ),
        ],
        given=sorted(answer),
        guess="yes" if len(right) > 1 else "no",
    )


def _misses_one(run) -> bool:
    return any(each.recall == 0 for each in run.test.classes)


EXERCISES = {
    "1": Exercise(third_gradient),
    "2": Exercise(share_leaked),
    "3": Exercise(one_class_only, YES_NO),
}
QUESTIONS = {
    "q1": Question(
        """What is wrong with run 1?""",
        right="b",
        a=(
            "The training labels are swapped.",
            "Then it would learn them, and be below chance on the others.",
        ),
        b=(
            "The learning rate is a hundredth of the sound one.",
            """Both curves are close together, high, and still falling: that is
            underfitting. With more steps or larger ones it would go on.""",
        ),
        c=(
            "It is evaluated on training messages.",
            "Then the validation loss would go where the training loss goes, to 0.",
        ),
    ),
    "q2": Question(
        """What is wrong with run 2?""",
        right="c",
        a=(
            "It overfits: the validation loss rises.",
            "Overfitting brings the accuracy down a little, and never below chance.",
        ),
        b=(
            "The learning rate is too large.",
            "The training loss goes to 0 without a jump. The steps suit it.",
        ),
        c=(
            "The training labels are swapped.",
            """It learns well, and is wrong far more often than by lot. Only
            something that is the wrong way round does that. Its surest mistakes are
            plain cases.""",
        ),
    ),
    "q3": Question(
        """What is wrong with run 3?""",
        right="a",
        a=(
            "It is evaluated on the messages that it was trained on.",
            """Validation and test are at 100 %, and the validation loss is even below
            the training loss, which is a mean over the epoch, while it still learned.
            And the test part is now as large as train.""",
        ),
        b=(
            "Nothing: these messages are easy.",
            """The sound run had the same messages and made mistakes. A score that is
            too good is a symptom.""",
        ),
        c=(
            "A few test messages stand in the training part.",
            "Then test would be too good. Validation would still make mistakes.",
        ),
    ),
    "q4": Question(
        """What is wrong with run 4?""",
        right="b",
        a=(
            "The gradients are never reset.",
            """That begins like the sound run and gets worse step by step. Here the
            first epoch is the worst.""",
        ),
        b=(
            "The learning rate is a hundred times the sound one.",
            """The first steps threw the pretrained weights away: the first epoch's
            loss is far above ln 2. Then all messages get the same answer, with a
            probability near one half.""",
        ),
        c=(
            "The head reads the first token instead of the last.",
            "Then the first loss would be near ln 2, as a head that knows nothing has.",
        ),
    ),
    "q5": Question(
        """What is wrong with run 5?""",
        right="c",
        a=(
            "The test labels are swapped.",
            """Then both classes would be in the test part, and validation would have
            no fault. Look how many there are of each.""",
        ),
        b=(
            "The model always answers the larger class, as with a large rate.",
            """It does always answer the same, but its training loss is 0: it learned
            all that it was shown.""",
        ),
        c=(
            "The messages were sorted by class when they were split.",
            """The test part has one class only, and training had the other. To say
            always the same was right there, so the training loss is soon 0.""",
        ),
    ),
    "q6": Question(
        """What is wrong with run 6?""",
        right="a",
        a=(
            "The head reads the first token instead of the last.",
            """The first token has seen nothing but itself. So messages that begin
            alike get the same answer: training cannot reach 0, and the rest stays at
            chance.""",
        ),
        b=(
            "The learning rate is too small.",
            "Then both curves would fall together. Here they part.",
        ),
        c=(
            "The training labels are swapped.",
            "Then validation would be far below chance. It is at chance.",
        ),
    ),
    "q7": Question(
        """What is wrong with run 7?""",
        right="b",
        a=(
            "The learning rate is a hundred times too large.",
            "Then the first epoch would be the worst. Here it is the best.",
        ),
        b=(
            "The gradients are never reset between batches.",
            """The first steps are nearly right. Then each drags all earlier gradients
            along, also those that no longer apply, so the training loss rises.""",
        ),
        c=(
            "It overfits.",
            "Then the training loss would be near 0. It rises, too.",
        ),
    ),
    "q8": Question(
        """What is wrong with run 8?""",
        right="a",
        a=(
            "Most of the test messages stand in the training part.",
            """Validation is as in the sound run and test is far better. It had more
            steps per epoch, too. The score would not hold for new messages.""",
        ),
        b=(
            "Nothing: a lucky test part.",
            """The sound run was tested on the same messages. Luck does not explain a
            difference between two runs on them.""",
        ),
        c=(
            "It is evaluated on the training part.",
            "Then validation would be at 100 %, too, as in run 3.",
        ),
    ),
    "q9": Question(
        """What is wrong with run 9?""",
        right="c",
        a=(
            "The test messages are drawn anew for each evaluation.",
            "The number of each class would change with them, and they are fixed.",
        ),
        b=(
            "The learning rate is too large.",
            "Training goes to 0 smoothly. A rate that is too large does not.",
        ),
        c=(
            "Dropout is still on when it is evaluated.",
            """The same weights and messages give two results: something is drawn by
            lot in between. `model.eval()` was forgotten. A message then gets one
            answer today and another one tomorrow.""",
        ),
    ),
}
