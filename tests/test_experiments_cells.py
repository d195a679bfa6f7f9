import pytest

from spamft.experiments.cells import about, claim, kept_cell, slug
from spamft.plumbing.errors import SpamftError
from spamft.sources import open_model, open_splits


def test_a_cell_is_made_once_and_again_for_other_settings(tmp_path):
    made, lines = [], []

    def cell(settings):
        def make():
            made.append(settings)
            return {"accuracy": 0.5, "right": [1, 0]}

        path = tmp_path / "cells" / "a.json"
        return kept_cell(path, "a", {"of": settings}, make, lines.append)

    assert cell((1, 2)) == cell((1, 2)) == cell([1, 2])  # as JSON they are the same
    assert made == [(1, 2)] and lines == ["a: accuracy 50.00% (0 s)"]
    assert cell(3)["description"] == {"of": 3} and len(made) == 2
    assert lines[1] == "a: stored for other settings, so run again"


def test_a_changed_cell_is_refused(tmp_path):
    path = tmp_path / "a.json"
    kept_cell(path, "a", {}, lambda: {"accuracy": 0.5}, print)
    path.write_text(path.read_text().replace("0.5", "0.9"))
    with pytest.raises(SpamftError, match="SHA-256"):
        kept_cell(path, "a", {}, dict, print)


def test_a_folder_belongs_to_its_messages_and_weights(
    tmp_path, message_file, small_scratch
):
    model, other = (open_model("scratch", seed=seed) for seed in (1, 2))
    data = open_splits(message_file)
    claim(tmp_path, about(data, model), "results")
    claim(tmp_path, about(data, model), "results")
    with pytest.raises(SpamftError, match="holds results of other weights"):
        claim(tmp_path, about(data, other), "results")
    with pytest.raises(SpamftError, match="other messages"):
        claim(tmp_path, about(open_splits(message_file, seed=1), model), "results")


def test_a_name_becomes_part_of_a_path():
    assert slug("LoRA, r = 4/..") == "lora--r---4---"
