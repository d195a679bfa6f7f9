import pytest

from spamft.experiments.checkpoints import Checkpoints
from spamft.plumbing.errors import SpamftError

WHO = {"data": "a", "seed": "1"}


def progress(step: int) -> dict:
    return {"training": {"step": step}, "history": [], "seconds": 1.0}


def test_an_earlier_process_is_resumed_only_if_wanted_and_the_same(tmp_path):
    first = Checkpoints.beside(tmp_path / "run")
    assert first.begin(WHO) is None
    first.write(lambda: progress(7), at_once=True)
    assert [path.name for path in tmp_path.iterdir()] == [".run.progress"]
    lines = []
    assert Checkpoints.beside(tmp_path / "run").begin(WHO, lines.append) is None
    assert "use --resume" in lines[0]
    again = Checkpoints.beside(tmp_path / "run", resume=True)
    assert again.begin(WHO, lines.append)["training"] == {"step": 7}
    assert lines[1] == "resume: at step 7"
    with pytest.raises(SpamftError, match="of a run with another seed: give the same"):
        again.begin(WHO | {"seed": "2"})
    again.remove()
    assert list(tmp_path.iterdir()) == []
    assert again.begin(WHO, lines.append) is None and "at the beginning" in lines[2]


def test_writing_takes_its_share_of_the_time_and_no_more(tmp_path, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("spamft.experiments.checkpoints.time.monotonic", lambda: now[0])
    kept, times = Checkpoints(tmp_path / "c", share=0.01, first=10.0), []
    kept.begin(WHO)

    def slow() -> dict:
        times.append(now[0] - 1000)
        now[0] += 0.5
        return progress(len(times))

    for _ in range(2000):  # steps of a tenth of a second
        now[0] += 0.1
        kept.write(slow, at_once=False)
    assert times == pytest.approx([10, 60.5, 111, 161.5], abs=0.3)
    kept.write(slow, at_once=True)
    assert len(times) == 5
    assert len(list((tmp_path / "c").iterdir())) == 1  # the older ones are gone


def test_a_full_disk_is_logged_and_the_work_goes_on(tmp_path, monkeypatch):
    def full(path, tree):
        path.parent.mkdir()
        raise OSError("No space left on device")

    monkeypatch.setattr("spamft.experiments.checkpoints.save_checkpoint", full)
    lines = []
    kept = Checkpoints(tmp_path / "c")
    kept.begin(WHO, lines.append)
    kept.write(lambda: progress(1), at_once=True)
    assert lines == ["no checkpoint could be written: No space left on device"]
    assert not (tmp_path / "c").exists()


def test_a_damaged_one_is_refused(tmp_path):
    kept = Checkpoints(tmp_path / "c", resume=True)
    kept.begin(WHO)
    kept.write(lambda: progress(1), at_once=True)
    path = tmp_path / "c" / "progress.safetensors"
    path.write_bytes(path.read_bytes()[:-3] + b"abc")
    with pytest.raises(SpamftError, match="not a checkpoint"):
        kept.begin(WHO)
