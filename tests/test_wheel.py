"""The package as it is installed: whole, and at work with no network."""

import os
import subprocess
import sys
from pathlib import Path

from spamft.sources.sample import SAMPLE

ROOT = Path(__file__).parents[1]


def test_the_assets_fit_into_16_megabytes():
    files = [path for path in SAMPLE.parents[1].rglob("*") if path.is_file()]
    assert sum(path.stat().st_size for path in files) <= 16e6


NO_NETWORK = """
import socket
def refuse(*args, **kwargs):
    raise OSError("no network")
socket.socket.connect = socket.getaddrinfo = refuse
"""


def test_an_installed_wheel_does_the_job_with_no_network(tmp_path):
    """Built and installed elsewhere, run from an empty folder with an empty HOME."""

    def run(*command, **options):
        done = subprocess.run(command, capture_output=True, text=True, **options)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    pip = [sys.executable, "-m", "pip"]
    source = tmp_path / "source"  # building leaves files beside the sources
    source.mkdir()
    for name in ("pyproject.toml", "README.md", "LICENSE", "spamft"):
        (source / name).symlink_to(ROOT / name)
    wheels, site, empty = (tmp_path / name for name in ("wheels", "site", "empty"))
    empty.mkdir()
    offline = ["--quiet", "--no-deps", "--no-index", "--no-build-isolation"]
    run(*pip, "wheel", *offline, "--wheel-dir", str(wheels), str(source))
    [wheel] = wheels.iterdir()
    run(*pip, "install", *offline, "--target", str(site), str(wheel))
    (site / "sitecustomize.py").write_text(NO_NETWORK)
    environment = {
        "PYTHONPATH": str(site),
        "HOME": str(empty),
        "PATH": os.environ["PATH"],
    }
    said = run(
        *(sys.executable, "-m", "spamft", "finetune", "--output", "run"),
        *("--epochs", "1"),
        cwd=empty,
        env=environment,
    )
    assert "the bundled sample" in said and "the bundled tiny GPT" in said
    assert (empty / "run" / "metrics.json").exists()
    where = run(
        *(sys.executable, "-c", "import spamft; print(spamft.__file__)"),
        cwd=empty,
        env=environment,
    )
    assert where.startswith(str(site))
    wings = (
        "from spamft.methods.instruct import load_pairs; import spamft.insight.audit"
    )
    counted = run(
        *(sys.executable, "-c", f"{wings}; print(len(load_pairs()))"),
        cwd=empty,
        env=environment,
    )
    assert int(counted) >= 200
    locked = "from spamft.sources.locked import locked_notices as n; print(len(n()))"
    there = run(sys.executable, "-c", locked, cwd=empty, env=environment)
    assert int(there) == 200
