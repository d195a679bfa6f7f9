import pytest
from drawn import assert_legible, words_of

from spamft.diagrams import early_stopping, training_step, trunk
from spamft.plumbing.errors import SpamftError


def test_steps_come_in_the_order_of_the_loop():
    words = words_of(training_step(32))
    order = ["a batch of 32 messages", "model: logits", "forward"]
    assert [words.index(word) for word in order] == sorted(map(words.index, order))


@pytest.mark.parametrize("blocks, trained, epochs", [(12, 1, 5), (12, 2, 3), (2, 1, 1)])
def test_passes_are_counted_as_a_loop_would(blocks, trained, epochs):
    kept = blocks - trained  # run once
    whole = 0
    for _ in range(epochs):
        kept += trained
        whole += blocks
    diagram = trunk(blocks, trained, epochs)
    assert f"{kept} block passes instead of {whole}" in diagram.words


@pytest.mark.parametrize(
    "blocks, trained, epochs", [(48, 24, 100), (2, 1, 1), (99, 1, 9)]
)
def test_any_trunk_is_legible(blocks, trained, epochs):
    assert_legible(trunk(blocks, trained, epochs))
    assert_legible(training_step(4096))


@pytest.mark.parametrize("trained", [0, 12, 13])
def test_without_a_frozen_block_there_is_no_trunk(trained):
    with pytest.raises(SpamftError, match="leave at least one frozen"):
        trunk(12, trained)


@pytest.mark.parametrize("patience", range(1, 7))
def test_training_ends_as_many_epochs_after_the_best_as_patience_says(patience):
    diagram = early_stopping(patience)
    assert_legible(diagram)
    assert f"ends after epoch {4 + patience}, and the weights of epoch 4" in (
        diagram.words
    )


@pytest.mark.parametrize("patience", [0, 7])
def test_a_patience_that_does_not_fit_is_refused(patience):
    with pytest.raises(SpamftError, match="must lie in 1..6"):
        early_stopping(patience)
