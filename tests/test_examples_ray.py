"""Scoring on a local cluster of two workers, one of which is killed: `make ray`.

Ray gives a new node 30 seconds to start, a number in its own `node.py`: on a very busy
machine it does not start.
"""

import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from spamft.plumbing.errors import SpamftError
from spamft.use.saved import load

pytest.importorskip("ray", reason="needs ray: `make ray` installs it and runs this")
pa = pytest.importorskip("pyarrow")
ROOT = Path(__file__).parent.parent

# In a process of its own: a cluster has sockets, which a test may not open. The first
# worker that gets rows kills itself before it has scored them
SCRIPT = """
import os, signal, sys
from pathlib import Path

import ray
from score_with_ray import Scorer, score

PLACE = Path(os.environ["PLACE"])

class Mortal(Scorer):
    def __call__(self, rows):
        (PLACE / f"worker-{os.getpid()}").touch()
        try:
            (PLACE / "killed").touch(exist_ok=False)
        except FileExistsError:
            return super().__call__(rows)
        os.kill(os.getpid(), signal.SIGKILL)

ray.init("local", num_cpus=3, include_dashboard=False)
score(*sys.argv[1:], text="body", window=5, scorer=Mortal)
"""


SETTINGS = {
    "PYTHONPATH": os.pathsep.join([str(ROOT / "examples"), str(ROOT)]),
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_AUTH_MODE": "disabled",  # else it leaves a token in the home folder
}


def test_a_lost_workers_blocks_are_scored_again(run_folder, tmp_path):
    texts = [
        f"{'WIN' if n % 3 else 'see you at'} {chr(97 + n % 26)}" for n in range(60)
    ]
    texts[7] = None
    rows = pd.DataFrame({"id": range(60), "body": texts})
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    for start in range(0, 60, 10):
        part = rows[start : start + 10]
        part.to_parquet(source / f"{start}.parquet", index=False)
    command = [sys.executable, "-c", SCRIPT, run_folder, source, target]
    env = os.environ | SETTINGS | {"PLACE": str(tmp_path)}
    shown = subprocess.run(command, env=env, capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr[-2000:]
    assert (tmp_path / "killed").exists()
    assert len(list(tmp_path.glob("worker-*"))) > 1
    scored = pd.read_parquet(target).sort_values("id", ignore_index=True)
    assert scored["id"].tolist() == list(range(60))  # none is lost, none comes twice
    verdicts = load(run_folder).classify([text or "" for text in texts])
    assert scored["predicted"].tolist() == [each.shown for each in verdicts]
    for name in ("ham", "spam"):
        shares = [each.probabilities[name] for each in verdicts]
        assert scored[f"probability_{name}"].tolist() == pytest.approx(shares, abs=1e-5)


def test_a_worker_scores_as_the_classifier_does(run_folder, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "examples")
    from score_with_ray import Scorer

    scorer = Scorer(str(run_folder), "body", "cpu")
    rows = pa.table({"n": [1, 2, 3], "body": ["WIN Z NOW", None, "see you at x"]})
    scored = scorer(rows)
    assert scored.column_names[:3] == ["n", "body", "predicted"]
    verdicts = load(run_folder).classify(["WIN Z NOW", "", "see you at x"])
    assert scored["predicted"].to_pylist() == [each.shown for each in verdicts]
    assert scorer(rows[:0]).schema == scored.schema


def test_what_cannot_be_scored_is_refused_before_any_work(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "examples")
    from score_with_ray import score

    (tmp_path / "in.txt").write_text("see you\n")
    with pytest.raises(SpamftError, match="in.txt must be .parquet or .csv"):
        score("runs/1", tmp_path / "in.txt", tmp_path / "out")
    with pytest.raises(SpamftError, match="in.txt exists: choose another name"):
        score("runs/1", tmp_path, tmp_path / "in.txt")
