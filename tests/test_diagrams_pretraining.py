import pytest
from drawn import assert_legible, boxes, words_of

from spamft.diagrams import next_token
from spamft.diagrams.examples import NextTokens
from spamft.plumbing.errors import SpamftError


def test_the_loss_is_the_mean_of_the_last_column_and_bars_are_chances():
    shown = next_token(NextTokens(["a", "b", "c"], [0.5, 0.125]))
    words = words_of(shown)
    assert {"50.0%", "0.69", "12.5%", "2.08"} <= set(words)
    assert any("1.39 nats per token" in line for line in words)
    bars = [b for b in boxes(shown.svg) if b[0] == 276]
    assert [b[2] - b[0] for b in bars] == [25, 6]


@pytest.mark.parametrize("count", [1, 12])
def test_any_text_is_legible(count):
    tokens = (["W" * 20, "漢" * 20, "x"] * 5)[: count + 1]
    assert_legible(next_token(NextTokens(tokens, [1.0] * count)))
    assert_legible(next_token(NextTokens(tokens, [1e-9] * count)))


@pytest.mark.parametrize(
    "tokens, chances",
    [("a", []), ("ab", [0.0]), ("ab", [0.5, 0.5]), ("a" * 14, [0.5] * 13)],
)
def test_what_cannot_be_drawn_is_refused(tokens, chances):
    with pytest.raises(SpamftError, match="give at most 13 tokens"):
        next_token(NextTokens(list(tokens), chances))
