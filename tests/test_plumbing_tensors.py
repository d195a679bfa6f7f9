import signal

import pytest
import torch

from spamft.plumbing.errors import SpamftError
from spamft.plumbing.tensors import check_tensors, read_tensors, write_tensors

TENSORS = {"a": torch.arange(6.0).view(2, 3), "b": torch.ones(3, dtype=torch.bfloat16)}


def test_what_is_written_comes_back(tmp_path):
    write_tensors(tmp_path / "file", TENSORS | {"t": TENSORS["a"].T})
    found = read_tensors(tmp_path / "file")
    assert all(found[name].equal(TENSORS[name]) for name in TENSORS)
    assert found["t"].equal(TENSORS["a"].T)
    check_tensors(found, TENSORS | {"t": TENSORS["a"].T}, "file")


def test_a_disk_that_is_full_is_the_systems_error(tmp_path):
    resource = pytest.importorskip("resource")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, before[1]))
    try:
        with pytest.raises(OSError, match="full: .*too large"):
            write_tensors(tmp_path / "full", {"a": torch.ones(100_000)})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize(
    "change, complaint",
    [
        ({"a": None}, "missing a"),
        ({"c": torch.ones(1)}, "extra c"),
        ({"a": torch.ones(3, 2)}, r"a has shape \(3, 2\), expected \(2, 3\)"),
        ({"a": torch.ones(2, 3).half()}, "a is torch.float16, expected torch.float32"),
        ({"a": torch.full((2, 3), torch.nan)}, "a holds numbers that are not finite"),
        ({str(i): torch.ones(1) for i in range(9)}, "and 4 more"),
    ],
)
def test_other_tensors_are_named(change, complaint):
    found = {k: v for k, v in (TENSORS | change).items() if v is not None}
    with pytest.raises(SpamftError, match=f"^here: .*{complaint}"):
        check_tensors(found, TENSORS, "here")


@pytest.mark.parametrize(
    "damage",
    [
        lambda whole: b"",
        lambda whole: b"not tensors" * 9,
        lambda whole: whole[:-1],
        lambda whole: whole[:20],
        lambda whole: b"\xff" * 7 + b"\x7f" + whole[8:],  # a header of exabytes
        lambda whole: whole.replace(b'"F32"', b'"F99"'),
        lambda whole: whole.replace(b"[2,3]", b"[2,9]"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, damage):
    write_tensors(tmp_path / "file", TENSORS)
    (tmp_path / "file").write_bytes(damage((tmp_path / "file").read_bytes()))
    with pytest.raises(SpamftError, match="file: not a safetensors file, or damaged"):
        read_tensors(tmp_path / "file")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(SpamftError, match="nowhere: not a safetensors file"):
        read_tensors(tmp_path / "nowhere")


def test_whoever_may_read_a_new_file_may_read_the_tensors(tmp_path):
    (tmp_path / "ordinary").write_text("")
    write_tensors(tmp_path / "weights", {"a": torch.ones(3)})
    modes = {path.stat().st_mode for path in tmp_path.iterdir()}
    assert len(modes) == 1
