import pytest

from spamft.experiments.finetune import finetune
from spamft.experiments.pictures import PICTURES
from spamft.experiments.run import RESULTS

pytestmark = pytest.mark.usefixtures("small_scratch")


@pytest.fixture
def run(message_file):
    return finetune(str(message_file), "scratch", config={"epochs": 1})


def failing(error):
    def fail(*args, **kwargs):
        raise error

    return fail


def names_in(folder):
    return {path.name for path in folder.iterdir()}


def test_all_else_is_in_place_before_anything_is_drawn(run, tmp_path, monkeypatch):
    found, lines, folder = [], [], tmp_path / "run"

    def look(*args):
        found.append((names_in(folder), list(lines)))
        raise ValueError("not today")

    monkeypatch.setattr("spamft.experiments.pictures.plot_confusion", look)
    run.save(folder, log=lines.append)
    assert found == [({*RESULTS} - {*PICTURES}, [f"results in {folder}"])]


@pytest.mark.parametrize(
    "error",
    [MemoryError(), OSError("disk full"), RecursionError("a"), KeyError("x\ny")],
)
def test_a_picture_that_fails_is_a_line_and_the_others_are_there(
    run, tmp_path, monkeypatch, error
):
    monkeypatch.setattr("spamft.experiments.pictures.plot_confusion", failing(error))
    lines = []
    folder = run.save(tmp_path / "run", log=lines.append)
    assert names_in(folder) == {*RESULTS} - {"confusion.png"}
    _, line = lines
    assert line.startswith(f"confusion.png could not be drawn: {type(error).__name__}")
    assert "\n" not in line


def test_no_half_drawn_picture_is_left(run, tmp_path, monkeypatch):
    def half(self, path, dpi):
        path.write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr("spamft.plots.Picture.savefig", half)
    lines = []
    folder = run.save(tmp_path / "run", log=lines.append)
    assert names_in(folder) == {*RESULTS} - {*PICTURES} and len(lines) == 4


def test_pictures_that_cannot_be_put_in_place_are_a_line(run, tmp_path, monkeypatch):
    monkeypatch.setattr(
        "spamft.experiments.pictures.whole_folder", failing(OSError("disk full"))
    )
    lines = []
    folder = run.save(tmp_path / "run", log=lines.append)
    assert names_in(folder) == {*RESULTS} - {*PICTURES}
    assert lines[1] == "the run is saved, but not its pictures: OSError disk full"


def test_old_pictures_never_stay_beside_a_new_model(run, tmp_path, monkeypatch):
    folder = run.save(tmp_path / "run")
    assert names_in(folder) == {*RESULTS}
    (folder / "notes.txt").write_text("mine")
    for name in ("plot_loss", "plot_accuracy", "plot_confusion"):
        monkeypatch.setattr(
            f"spamft.experiments.pictures.{name}", failing(MemoryError())
        )
    run.save(folder, overwrite=True)
    assert names_in(folder) == {*RESULTS, "notes.txt"} - {*PICTURES}


def test_an_interrupt_while_drawing_ends_the_work_and_keeps_the_run(
    run, tmp_path, monkeypatch
):
    monkeypatch.setattr(
        "spamft.experiments.pictures.plot_confusion", failing(KeyboardInterrupt())
    )
    with pytest.raises(KeyboardInterrupt):
        run.save(tmp_path / "run")
    assert names_in(tmp_path / "run") == {*RESULTS} - {*PICTURES}
    assert not list(tmp_path.glob(".*"))
