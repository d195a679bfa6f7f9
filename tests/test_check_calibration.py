import numpy as np
import pytest
import torch
from sklearn.metrics import brier_score_loss, log_loss

from spamft.check.calibration import FEWEST, calibration
from spamft.check.record import Guess, keep, settle
from spamft.evaluate import reliability, report
from spamft.plots import Picture

TABLE = reliability(torch.randn(50, 2), torch.randint(2, (50,)))


def guessed(folder, guesses) -> None:
    """Write down (sure, choices, right)."""
    for number, (sure, choices, right) in enumerate(guesses):
        answer = "a" if choices else 1.0
        keep(folder, f"6.{number}", Guess(answer, sure, choices))
        settle(folder, f"6.{number}", lambda _, right=right: right)


def test_few_guesses_are_words_and_no_picture(tmp_path):
    for mine in (calibration(tmp_path), calibration(tmp_path / "nowhere")):
        assert not mine.enough and "0 of your guesses" in repr(mine)
    guessed(tmp_path, [(0.9, 3, True)] * (FEWEST - 1))
    keep(tmp_path, "7.1", Guess(1.0, 0.5, 0))  # not yet answered
    mine = calibration(tmp_path)
    assert f"{FEWEST - 1} of your guesses" in repr(mine)
    assert "would show chance" in mine.beside({"model": TABLE}).text


@pytest.mark.parametrize("choices", [0, 2, 3])
def test_scores_are_scikit_learns(choices, tmp_path):
    draw = np.random.default_rng(choices)
    sure = draw.uniform(0.5, 0.95, 40)
    right = draw.random(40) < 0.7
    pairs = zip(sure.tolist(), right.tolist(), strict=True)
    guessed(tmp_path, [(s, choices, r) for s, r in pairs])
    mine = calibration(tmp_path)
    assert mine.brier == pytest.approx(brier_score_loss(right, sure))
    assert mine.loss == pytest.approx(log_loss(right, sure))


def test_the_overconfident_have_a_temperature_above_1_that_lowers_the_error(tmp_path):
    guesses = [(0.95, 3, n % 2 == 0) for n in range(30)]
    guesses += [(0.95, 2, n % 3 > 0) for n in range(30)]
    guessed(tmp_path, guesses)
    mine = calibration(tmp_path)
    assert mine.temperature > 1.5 and "overconfident" in repr(mine)

    def error(table):
        return (np.abs(table[:, 0] - table[:, 1]) * table[:, 2]).sum() / len(guesses)

    assert error(mine.reliability(mine.temperature)) < error(mine.reliability())


def test_who_is_right_as_often_as_sure_needs_no_temperature(tmp_path):
    guessed(tmp_path, [(0.8, 0, n % 5 > 0) for n in range(50)])
    mine = calibration(tmp_path)
    assert mine.temperature == pytest.approx(1, abs=0.01)
    assert "neither over- nor underconfident" in repr(mine)
    filled = mine.reliability()[mine.reliability()[:, 2] > 0]
    assert filled == pytest.approx(np.array([[0.8, 0.8, 50]]))


def test_a_temperature_softens_towards_drawing_lots(tmp_path):
    guessed(tmp_path, [(0.9, 3, True)] * FEWEST)
    table = calibration(tmp_path).reliability(temperature=1000)
    assert table[table[:, 2] > 0][0, 0] == pytest.approx(1 / 3, abs=0.01)


def test_the_temperature_of_two_choices_is_that_of_a_model_of_two_classes(tmp_path):
    """The same probabilities and outcomes, of a learner and of a model."""
    draw = np.random.default_rng(3)
    sure = draw.uniform(0.55, 0.95, 60)
    right = draw.random(60) < 0.6
    pairs = zip(sure.tolist(), right.tolist(), strict=True)
    guessed(tmp_path, [(s, 2, r) for s, r in pairs])
    logits = torch.tensor(np.log(np.stack([sure, 1 - sure], 1)))
    labels = torch.tensor((~right).astype(int))
    from spamft.insight.calibrate import fit_temperature

    mine = calibration(tmp_path)
    assert mine.temperature == pytest.approx(fit_temperature(logits, labels), rel=1e-3)
    assert mine.loss == pytest.approx(report(logits, labels).loss)


def test_certain_and_wrong_costs_much_and_not_without_end(tmp_path):
    guessed(tmp_path, [(1, 3, n > 0) for n in range(FEWEST)])
    mine = calibration(tmp_path)
    assert np.isfinite(mine.loss) and np.isfinite(mine.temperature)


def test_the_picture_has_learner_and_model(tmp_path):
    guessed(tmp_path, [(0.7 + 0.01 * n, 3, n % 3 > 0) for n in range(FEWEST)])
    picture = calibration(tmp_path).beside({"the model": TABLE})
    assert isinstance(picture, Picture)
    labels = [line.get_label() for line in picture.axes[0].lines]
    assert labels[1:] == ["the model", "you", "you, with temperature"]
    assert "you" in picture.alt
