import json
import shutil

from PIL import Image

from spamft.cli.main import main
from spamft.data import read_messages
from spamft.experiments.finetune import finetune

LETTERS = "abcdefghijklmnopqrst"
MEANINGS = ("--labels", "0=ham", "1=spam")


def stressed(capsys, *arguments: object) -> str:
    assert main(["stress", *map(str, arguments)]) == 0
    return capsys.readouterr().out


def test_the_text_has_the_counts_of_the_json(run_folder, capsys):
    found = json.loads(stressed(capsys, run_folder, "--json"))
    shown = stressed(capsys, run_folder)
    test = read_messages(run_folder / "test.csv")["Label"].value_counts()
    assert (found["label"], found["caught"]["of"]) == ("spam", test["spam"])
    assert found["alarmed"]["of"] == test["ham"] and found["notes"] == []
    caught, of = found["caught"]["count"], found["caught"]["of"]
    assert f"before any edit {caught} of {of} spam are caught" in shown
    for edit in found["edits"]:
        [row] = [x for x in shown.splitlines() if x.startswith(f"  {edit['edit']} ")]
        counts = [edit[column]["of"] for column in ("escapes", "alarms")]
        assert all(f" {count} " in f"{row} " for count in counts)
    for name, kind in (("recall", "caught"), ("false_alarms", "false alarms")):
        share = found["locked"][name]
        assert f"{share['count']} of {share['of']}" in shown and kind in shown
    assert found["locked"]["false_alarms"]["of"] == 150
    ends = next(
        x for x in found["places"]["moved"] if x["place"] == "ends with: number"
    )
    changed = (
        ends["added"]["own"]["change"]["of"] + ends["removed"]["own"]["change"]["of"]
    )
    assert changed <= test["spam"] and "ends with: added" in shown
    training = read_messages(run_folder / "train.csv")
    [alone] = [x for x in found["places"]["alone"] if "capitals" in x["what"]][:1]
    assert alone["counts"]["spam"] <= (training["Label"] == "spam").sum()
    assert "beginnings and endings, in the training part" in shown
    assert max(map(len, shown.splitlines())) <= 100


def test_other_messages_and_another_class_are_stressed(
    run_folder, file, tmp_path, capsys
):
    rows = [f"0,see you at {x}" for x in LETTERS] + [f"1,WIN {x} NOW" for x in LETTERS]
    data = file("\n".join(["Label,Text", *rows]))
    picture = tmp_path / "stress.png"
    options = ["--data", data, "--alarm", "ham", "--json", "--picture", picture]
    found = json.loads(stressed(capsys, run_folder, *options))
    assert found["label"] == "ham" and found["caught"]["of"] == len(LETTERS)
    assert "class ids: 0 ham, 1 spam" in found["notes"][0]
    assert Image.open(picture).format == "PNG"
    again = json.loads(stressed(capsys, run_folder, *options, "--overwrite", *MEANINGS))
    assert again["edits"] == found["edits"]
    assert main(["stress", str(run_folder), "--picture", str(picture)]) == 2
    assert "exists: choose another name" in capsys.readouterr().err


def test_a_part_that_is_missing_is_named(run_folder, capsys):
    parts = [run_folder / f"{name}.csv" for name in ("train", "test")]
    data = shutil.copy(parts[1], run_folder / "mine.csv")
    for part in parts:
        part.unlink()
    assert main(["stress", str(run_folder)]) == 2
    shown = capsys.readouterr().err
    assert f"no test.csv in {run_folder}: give" in shown and shown.count("\n") == 1
    shown = stressed(capsys, run_folder, "--data", data)
    assert f"note: no train.csv in {run_folder}: what is made" in shown
    assert "  good words" not in shown and "  capitals" in shown


def test_a_run_of_the_lecture_has_class_ids(
    message_file, tmp_path, capsys, small_scratch
):
    run = finetune(message_file, "scratch", lecture=True, config={"epochs": 1})
    folder = run.save(tmp_path / "lecture")
    assert set(read_messages(folder / "test.csv")["Label"]) <= {"0", "1"}
    found = json.loads(stressed(capsys, folder, "--json"))
    assert found["label"] == "spam" and found["notes"] == []
    assert found["caught"]["of"] + found["alarmed"]["of"] == len(run.data.splits.test)


def test_of_three_classes_what_was_right_becomes_wrong(
    file, tmp_path, capsys, small_scratch
):
    rows = [
        f"{word},{word} {x}{y}"
        for word in ("bill", "bug", "praise")
        for x in LETTERS
        for y in "ab"
    ]
    data = file("\n".join(["Label,Text", *rows]))
    run = finetune(data, "scratch", config={"epochs": 2, "lr": 0.003})
    folder = run.save(tmp_path / "three")
    found = json.loads(stressed(capsys, folder, "--json"))
    assert found["label"] is None and found["locked"] is None
    assert found["places"] == {"alone": None, "moved": None}
    assert found["caught"]["of"] == len(run.data.splits.test)
    shown = stressed(capsys, folder)
    assert "becomes wrong" in shown and "locked notices" not in shown


def test_what_cannot_be_stressed_is_one_line(run_folder, capsys):
    for options, complaint in (
        (["--alarm", "eggs"], "no class 'eggs'"),
        (["--data", "nowhere.csv"], "no file 'nowhere.csv'"),
        (["--labels", "0"], "expected CELL=NAME"),
    ):
        more = ["--data", str(run_folder / "test.csv")] if "--labels" in options else []
        assert main(["stress", str(run_folder), *options, *more]) == 2
        shown = capsys.readouterr()
        assert complaint in shown.err and shown.err.count("\n") == 1
