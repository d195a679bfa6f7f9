import pytest
import torch
from safetensors.torch import save_file

from spamft.plumbing import checkpoint
from spamft.plumbing.checkpoint import load_checkpoint, save_checkpoint
from spamft.plumbing.errors import SpamftError


def bits(tensor: torch.Tensor) -> list[int]:
    return tensor.contiguous().flatten().view(torch.uint8).tolist()


def same(one, other) -> bool:
    if isinstance(one, torch.Tensor):
        alike = (one.dtype, one.shape) == (other.dtype, other.shape)
        return alike and bits(one) == bits(other)
    if isinstance(one, dict):
        return list(one) == list(other) and all(same(one[k], other[k]) for k in one)
    if isinstance(one, (list, tuple)):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def test_a_tree_comes_back_as_it_was(tmp_path):
    shared = torch.arange(6.0)
    tree = {
        "numbers": {0: shared[:3], 1: shared, "x": [shared, None, True]},
        "half": torch.randn(2, 3).bfloat16(),
        "transposed": torch.randn(2, 3).T,
        "empty": [[], {}, torch.zeros(0)],
        "plain": ["dict", {"tensor": "0"}, 1.5, -7],
        "odd": [torch.tensor([float("nan"), -0.0]), float("inf"), "ünï"],
        "bytes": torch.get_rng_state(),
    }
    save_checkpoint(tmp_path / "file", tree)
    assert same(load_checkpoint(tmp_path / "file"), tree)


def test_an_optimizer_resumes_from_it(tmp_path):
    layer = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(layer.parameters())
    layer(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    save_checkpoint(tmp_path / "file", optimizer.state_dict())
    fresh = torch.optim.AdamW(layer.parameters())
    fresh.load_state_dict(load_checkpoint(tmp_path / "file"))
    assert same(fresh.state_dict(), optimizer.state_dict())


@pytest.mark.parametrize("content", [b"", b"{}", b"not tensors" * 9])
def test_what_is_no_checkpoint_is_refused(tmp_path, content):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(SpamftError, match="file: not a checkpoint of spamft"):
        load_checkpoint(tmp_path / "file")


def test_a_damaged_checkpoint_is_refused(tmp_path):
    save_checkpoint(tmp_path / "file", {"a": torch.arange(100)})
    whole = (tmp_path / "file").read_bytes()
    for damaged in (whole[:-1], whole[:50], whole[:20] + b"?" + whole[21:]):
        (tmp_path / "file").write_bytes(damaged)
        with pytest.raises(SpamftError, match="file: not a checkpoint of spamft"):
            load_checkpoint(tmp_path / "file")


@pytest.mark.parametrize(
    "rest", ["[" * 100_000, "5", '{"tensor": []}', '{"dict": [[[], 1]]}', "9" * 5000]
)
def test_whatever_a_tree_with_the_right_digest_holds(tmp_path, rest):
    metadata = {"tree": rest, "sha256": checkpoint._sha256({}, rest)}
    save_file({}, tmp_path / "file", metadata)
    with pytest.raises(SpamftError, match="file: not a checkpoint of spamft") as error:
        load_checkpoint(tmp_path / "file")
    assert len(str(error.value)) < 400 + len(str(tmp_path))


def test_tensors_of_another_program_are_refused(tmp_path):
    save_file({"a": torch.ones(2)}, tmp_path / "file")
    with pytest.raises(SpamftError, match="file: not a checkpoint of spamft"):
        load_checkpoint(tmp_path / "file")


def test_what_was_loaded_no_longer_depends_on_the_file(tmp_path):
    save_checkpoint(tmp_path / "file", {"a": torch.ones(10_000)})
    loaded = load_checkpoint(tmp_path / "file")
    with (tmp_path / "file").open("r+b") as file:
        file.write(bytes((tmp_path / "file").stat().st_size))
    assert same(loaded, {"a": torch.ones(10_000)})


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt])
def test_a_write_that_is_interrupted_leaves_the_old_one(tmp_path, monkeypatch, error):
    save_checkpoint(tmp_path / "file", {"a": 1})

    def fail(path, tensors, metadata):
        path.write_text("half")
        raise error("no space left on device")

    monkeypatch.setattr("spamft.plumbing.checkpoint.write_tensors", fail)
    with pytest.raises(error):
        save_checkpoint(tmp_path / "file", {"a": 2})
    assert load_checkpoint(tmp_path / "file") == {"a": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
