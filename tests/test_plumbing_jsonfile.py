import json
import tracemalloc

import pytest

from spamft.plumbing.errors import SpamftError
from spamft.plumbing.jsonfile import read_json, read_sealed, write_json, write_sealed

VALUE = {"names": ["ham", "späm"], "numbers": [1, 2.5, None, True], "deep": {"a": {}}}


def test_what_is_written_comes_back(tmp_path):
    write_json(tmp_path / "a", VALUE)
    write_sealed(tmp_path / "b", VALUE)
    assert read_json(tmp_path / "a") == read_sealed(tmp_path / "b") == VALUE


def test_every_flipped_bit_of_a_sealed_file_is_found(tmp_path):
    path = tmp_path / "file"
    write_sealed(path, VALUE)
    whole = path.read_bytes()
    for place in range(len(whole)):
        for bit in range(8):
            changed = bytearray(whole)
            changed[place] ^= 1 << bit
            path.write_bytes(changed)
            with pytest.raises(SpamftError, match="file"):
                read_sealed(path)
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(SpamftError, match="file"):
            read_sealed(path)


def test_a_file_without_a_seal_is_not_taken_for_one(tmp_path):
    write_json(tmp_path / "file", VALUE)
    for value in (VALUE, VALUE | {"seal": 3}, VALUE | {"seal": ""}, {"seal": "a" * 63}):
        write_json(tmp_path / "file", value)
        with pytest.raises(SpamftError, match="does not fit its SHA-256"):
            read_sealed(tmp_path / "file")


@pytest.mark.parametrize(
    "content, complaint",
    [
        (b"", "not a JSON file"),
        (b"{", "not a JSON file"),
        (b"\xff{}", "not a JSON file"),
        (b"[1]", "expected an object, found list"),
        (b'{"n": Infinity}', "Infinity is no number"),
        (b'{"n": NaN}', "NaN is no number"),
        (b'{"n": 1e999}', "1e999 is no number"),
        (b'{"a":' * 100_000, "nested too deeply"),
        (b'{"n": ' + b"9" * 10_000 + b"}", "not a JSON file"),
    ],
)
def test_what_is_no_json_object_is_named(tmp_path, content, complaint):
    (tmp_path / "file").write_bytes(content)
    with pytest.raises(SpamftError, match=f"file: .*{complaint}|file: {complaint}"):
        read_json(tmp_path / "file")


def test_a_short_seal_costs_no_memory(tmp_path):
    """Were it replaced wherever it stands, the text would grow 64 times."""
    (tmp_path / "file").write_text(json.dumps({"seal": "a", "b": "a" * 10**6}))
    tracemalloc.start()
    try:
        with pytest.raises(SpamftError, match="does not fit its SHA-256"):
            read_sealed(tmp_path / "file")
        assert tracemalloc.get_traced_memory()[1] < 20 * 10**6
    finally:
        tracemalloc.stop()


def test_a_missing_and_a_huge_one(tmp_path):
    with pytest.raises(SpamftError, match="file is missing"):
        read_json(tmp_path / "file")
    with (tmp_path / "file").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(SpamftError, match="larger than"):
        read_json(tmp_path / "file")


def test_it_is_ordinary_json(tmp_path):
    write_sealed(tmp_path / "file", VALUE)
    assert json.loads((tmp_path / "file").read_text())["names"] == ["ham", "späm"]
