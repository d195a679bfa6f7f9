from types import SimpleNamespace

import pytest
from solving import try_out

TRIALS = {
    "7c.1": ("third_gradient", "third_gradient = 4"),
    "7c.2": ("share_leaked", "share_leaked = 0.11"),
    "7c.3": ("one_class_only", "one_class_only = [4]"),
}


def run(train, test, labels=(0, 1), recall=0.5):
    def part(texts):
        hidden = SimpleNamespace(labels=list(labels))
        return SimpleNamespace(texts=texts, hidden=hidden)

    setup = SimpleNamespace(train=part(train), validation=part([]), test=part(test))
    report = SimpleNamespace(classes=[SimpleNamespace(recall=recall)])
    return SimpleNamespace(setup=setup, test=report)


@pytest.mark.parametrize("name", TRIALS)
def test_the_exercises_tell_right_from_usual_and_from_other(name, tmp_path):
    runs = {
        1: run(["a"], ["b"]),
        3: run(["a", "b"], ["a", "b"]),
        5: run(["a"], ["b"], labels=(0, 0), recall=0),
        7: run(["a"], ["b"], recall=0),
        8: run(["a", "b", "c", "d", "e"], ["c", "d", "e", "f"]),
    }
    try_out(name, TRIALS[name], {"runs": runs}, tmp_path)
