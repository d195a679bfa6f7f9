import json

import numpy as np
import pandas as pd
import pytest
from made_messages import clean

from spamft.data import Splits
from spamft.experiments import labels
from spamft.experiments.labels import learning_curves
from spamft.plumbing.errors import SpamftError
from spamft.sources import open_model, open_splits
from spamft.sources.duplicates import count_leaks, duplicate_groups

FILES = ("labels.csv", "labels.json")


@pytest.fixture
def place(tmp_path, small_scratch, monkeypatch):
    """160 messages, each fifth twice; every second one is spam."""
    monkeypatch.setattr("spamft.insight.learning_curve.REPEATS", 20)
    df = clean(160)
    twice = df[::5].assign(Text=df["Text"][::5].str.upper())
    pd.concat([df, twice]).to_csv(tmp_path / "messages.csv", index=False)
    return tmp_path


def run(place, out="out", seed=123, **options):
    data, model = open_splits(place / "messages.csv", seed=seed), open_model("scratch")
    folder = place / out if out else None
    return learning_curves(data, model, folder, draws=2, **options)


def test_training_sets_are_nested_balanced_and_share_nothing_with_the_test_part(place):
    data = open_splits(place / "messages.csv")
    train = data.splits.train
    assert duplicate_groups(train).duplicated().any()
    for draw in labels._training_sets(data, 3):
        for (_, rows), (_, more) in zip(draw[:-1], draw[1:], strict=True):
            assert set(rows) <= set(more) and len(rows) == len(set(rows))
            counts = train["Label"].iloc[rows].value_counts()
            assert counts.max() - counts.min() <= 1
            splits = Splits(train.iloc[rows], *data.splits[1:])
            assert count_leaks(splits)["test"] == {"exact": 0, "folded": 0}
        assert len(draw[-1][1]) == len(train)


def test_the_table_has_every_method_and_size_and_words_learn(place):
    found = run(place)
    sizes = [8, 16, 32, 64, len(found.data.splits.train)]
    for _, curve in found.table.groupby("method"):
        assert curve["labels"].tolist() == sizes and (curve["draws"] == 2).all()
    words = found.table[found.table["method"] == "TF-IDF + logistic regression"]
    majority = found.table[found.table["method"] == "majority class"]
    assert words["accuracy"].iloc[-1] > 0.95 > 0.7 > majority["accuracy"].max()
    assert list(found.laws) == list(found.table["method"].unique()[:2])


def test_what_is_written_is_what_is_returned(place):
    found = run(place)
    written = pd.read_csv(place / "out" / "labels.csv")
    pd.testing.assert_frame_equal(written, found.table)
    stored = json.loads((place / "out" / "labels.json").read_text())
    assert stored["curves"] == found.table.to_dict("records")
    for name, law in found.laws.items():
        gain = law.doubling(sizes := len(found.data.splits.train))
        assert stored["power_laws"][name]["doubling"]["gain"] == gain.gain
        assert str(gain) in str(found) and f"{sizes:,} labels" in str(gain)
    assert (place / "out" / "labels.png").stat().st_size > 5000


def test_resumed_it_ends_as_if_it_had_never_stopped(place):
    run(place, "whole")
    done, lines = [], []

    def stop(line):
        done.append(line)
        if len(done) == 9:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(place, "stopped", log=stop)
    run(place, "stopped", log=lines.append)
    ran = [line for line in [*done, *lines] if "draw" in line]
    assert len(ran) == len(set(ran)) == 3 * 5 * 2
    for name in FILES:
        one, other = ((place / out / name).read_bytes() for out in ("whole", "stopped"))
        assert one == other
    assert run(place, None).table.equals(run(place, "stopped").table)


def test_another_method_has_its_own_cells_and_resumes_its_training(place):
    run(place)
    lines = []
    run(place, method="zero-shot", log=lines.append)
    assert {line.split(",")[0] for line in lines[1:]} == {"zero-shot prompt"}
    assert not list((place / "out" / "cells").glob(".*progress"))


def test_other_data_in_the_same_folder_is_refused(place):
    run(place)
    with pytest.raises(SpamftError, match="holds learning curves of other messages"):
        run(place, seed=1)


def test_one_draw_or_few_messages_are_refused(place):
    data, model = open_splits(place / "messages.csv"), open_model("scratch")
    with pytest.raises(SpamftError, match="draws=1 must be at least 2"):
        learning_curves(data, model, draws=1)
    few = Splits(data.splits.train[:9], *data.splits[1:])
    with pytest.raises(SpamftError, match="too few for a learning curve"):
        learning_curves(data._replace(splits=few), model)


def test_many_classes_are_learned_from_two_of_each_on(tmp_path, small_scratch):
    df = clean(300).assign(Label=[f"class {i % 7}" for i in range(300)])
    df.to_csv(tmp_path / "messages.csv", index=False)
    table = run(tmp_path, None).table
    assert table["labels"].min() == 16 and np.isfinite(table["accuracy"]).all()
