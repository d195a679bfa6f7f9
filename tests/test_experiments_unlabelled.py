import pytest
from made_messages import clean

from spamft.experiments import unlabelled
from spamft.experiments.unlabelled import next_to_label
from spamft.plumbing.errors import SpamftError
from spamft.sources import open_model, open_splits
from spamft.sources.duplicates import duplicate_key


@pytest.fixture
def opened(tmp_path, small_scratch):
    clean(60).to_csv(tmp_path / "messages.csv", index=False)
    return open_splits(tmp_path / "messages.csv"), open_model("scratch")


def test_none_is_labelled_already_and_no_two_are_duplicates(opened):
    known = opened[0].df["Text"].tolist()
    new = clean(40, seed=1)["Text"].tolist()
    texts = [*known, *(text.upper() for text in known), "", *new, *new]
    texts += [f"{text}!" for text in new]
    chosen = next_to_label(*opened, texts, 30)
    keys = [duplicate_key(text) for text in chosen]
    assert len(chosen) == 30 == len(set(keys))
    assert not set(keys) & set(map(duplicate_key, known)) and set(chosen) <= set(texts)


def test_the_least_certain_is_the_first(opened):
    from spamft.experiments.finetune import finetune

    texts = clean(30, seed=1)["Text"].tolist()
    verdicts = finetune(*opened, "features").classify(texts)
    leads = {
        text: abs(verdict.probabilities["ham"] - 0.5)
        for text, verdict in zip(texts, verdicts, strict=True)
    }
    first = next_to_label(*opened, iter(texts), 3)[0]
    assert leads[first] == pytest.approx(min(leads.values()), abs=1e-5)


def test_texts_are_read_as_they_come(opened, monkeypatch):
    monkeypatch.setattr(unlabelled, "CHUNK", 8)
    texts = clean(50, seed=1)["Text"].tolist()
    in_pieces = next_to_label(*opened, iter(texts), 5)
    monkeypatch.setattr(unlabelled, "CHUNK", 1000)
    assert in_pieces == next_to_label(*opened, texts, 5)


def test_what_cannot_be_chosen_is_refused(opened):
    with pytest.raises(SpamftError, match="no message is left to label"):
        next_to_label(*opened, [*opened[0].df["Text"], " "], 5)
    with pytest.raises(SpamftError, match="count=0 must be"):
        next_to_label(*opened, ["a"], 0)
    with pytest.raises(SpamftError, match="'zero-shot prompt' has no class head"):
        next_to_label(*opened, ["a"], 5, method="zero-shot")
