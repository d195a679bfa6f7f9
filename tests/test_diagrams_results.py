import json

import pytest
from drawn import assert_legible, words_of
from sklearn.metrics import precision_score, recall_score

from spamft.classifier import GPTClassifier
from spamft.diagrams import precision_recall, saved_folder
from spamft.plumbing.errors import SpamftError
from spamft.use.saved import CANARY, save


@pytest.mark.parametrize("counts", [((90, 10), (4, 6)), ((1, 0), (7, 3))])
def test_precision_and_recall_are_scikit_learns(counts):
    pairs = [(t, p) for t in (0, 1) for p in (0, 1) for _ in range(counts[t][p])]
    true, predicted = zip(*pairs, strict=True)
    words = words_of(precision_recall(counts))
    assert f"precision {precision_score(true, predicted):.0%}" in words
    assert f"{recall_score(true, predicted):.0%}" in words


def test_a_class_that_is_never_predicted_has_no_precision():
    words = words_of(precision_recall(((5, 0), (5, 0))))
    assert "precision undefined" in words and "0%" in words


def test_any_counts_and_names_are_legible():
    names = ("W" * 40, "漢" * 40)
    assert_legible(precision_recall(((10**7, 10**7), (10**7, 10**7)), names))
    assert_legible(precision_recall(((0, 0), (0, 0))))


@pytest.mark.parametrize("counts", [((1, 2, 3),) * 3, ((1, 2),), ((1,), (2,))])
def test_more_or_fewer_than_two_classes_are_refused(counts):
    with pytest.raises(SpamftError, match="drawn for two classes"):
        precision_recall(counts)


def test_a_saved_classifier_has_the_files_that_the_picture_says(
    tiny_gpt, tokenizer, tmp_path
):
    save(GPTClassifier(tiny_gpt), tmp_path / "model", tokenizer)
    words = words_of(saved_folder())
    assert {"model.safetensors", "classifier.json"} <= set(words)
    card = json.loads((tmp_path / "model" / "classifier.json").read_text())
    assert "canary" in card and f'"{CANARY}"' in words
    assert {"model.safetensors", "classifier.json"} <= {
        path.name for path in (tmp_path / "model").iterdir()
    }
