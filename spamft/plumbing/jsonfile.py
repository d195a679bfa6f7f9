"""JSON files, read with one clear error for whatever is wrong with them.

A sealed file carries the SHA-256 of its own text, so that a changed bit is noticed.
"""

import hashlib
import json
import math
from pathlib import Path
from typing import Any

from spamft.plumbing.display import brief
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.files import whole_file

__all__ = ["read_json", "read_sealed", "write_json", "write_sealed"]

MOST = 16 * 2**20  # bytes: what is larger is no settings file
SEAL, OPEN = "seal", "0" * 64  # the entry, and what stands there when it is computed


def read_json(path: Path | str) -> dict[str, Any]:
    """The JSON object in a file. Raises SpamftError for a file that holds none."""
    return _parse(Path(path))[0]


def read_sealed(path: Path | str) -> dict[str, Any]:
    """What `write_sealed` wrote. Raises SpamftError if the text has changed since."""
    found, text = _parse(Path(path))
    seal = found.pop(SEAL, None)
    # a shorter one might stand, and be replaced, at every place of the text
    whole = isinstance(seal, str) and len(seal) == len(OPEN)
    if not whole or seal != _sha256(text.replace(seal, OPEN)):
        raise SpamftError(
            f"{path}: its text does not fit its SHA-256: it is damaged, was changed by "
            "hand, or is of spamft before 0.2"
        )
    return found


def _parse(path: Path) -> tuple[dict[str, Any], str]:
    """The object in a file, and its text."""
    try:
        if path.stat().st_size > MOST:
            raise SpamftError(f"{path}: larger than {MOST:,} bytes: not read")
        text = path.read_bytes().decode("utf-8")
        found = json.loads(text, parse_constant=_refuse, parse_float=_finite)
    except FileNotFoundError:
        raise SpamftError(f"{path} is missing") from None
    except RecursionError:
        raise SpamftError(f"{path}: nested too deeply") from None
    except SpamftError:
        raise
    except (ValueError, OSError) as error:
        raise SpamftError(f"{path}: not a JSON file: {brief(error)}") from None
    if not isinstance(found, dict):
        raise SpamftError(f"{path}: expected an object, found {type(found).__name__}")
    return found, text


def write_json(path: Path | str, value: dict[str, Any]) -> None:
    """Write `value`, whole or not at all."""
    _write(path, _text(value))


def write_sealed(path: Path | str, value: dict[str, Any]) -> None:
    """Write `value`, whole or not at all, so that `read_sealed` notices any change."""
    text = _text(value | {SEAL: OPEN})
    _write(path, text.replace(OPEN, _sha256(text)))


def _text(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2) + "\n"


def _write(path: Path | str, text: str) -> None:
    with whole_file(path) as part:
        part.write_bytes(text.encode())


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number")


def _finite(text: str) -> float:
    return float(text) if math.isfinite(float(text)) else _refuse(text)
