import errno
import gc

import pytest
import torch

from spamft.plumbing.scratch import KeptTensor, empty_on_disk


def test_it_is_an_ordinary_tensor_and_leaves_no_file(tmp_path):
    tensor = empty_on_disk((5, 3), torch.float32, tmp_path)
    tensor.copy_(torch.arange(15).view(5, 3))
    assert tensor[2:4].sum() == 6 + 7 + 8 + 9 + 10 + 11
    assert list(tmp_path.iterdir()) == []
    part = tensor[1]
    del tensor
    gc.collect()
    assert part.tolist() == [3, 4, 5]  # a view keeps it alive


def test_a_full_disk_is_named_and_left_as_it_was(tmp_path, monkeypatch):
    def full(*arguments):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", full, raising=False)
    kept = KeptTensor(tmp_path / "kept" / "hidden.bin", "what")
    with pytest.raises(OSError, match="No space .*hidden.bin"):
        kept.new((5, 3), torch.float32)
    with pytest.raises(OSError, match="No space .*hidden-"):
        empty_on_disk((5, 3), torch.float32, tmp_path)
    assert list(tmp_path.iterdir()) == []
