"""The progress of one finetuning, in a folder, so that a killed one can resume.

    progress.safetensors    what trains, optimizer, position, best, random states
    hidden.bin              the outputs of the frozen blocks, with a seal in JSON

Both are checked by SHA-256. They cost about 1 % of the time, are replaced in place, and
go away when the run is whole.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from spamft.plumbing.checkpoint import load_checkpoint, save_checkpoint
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.files import remove

__all__ = ["Checkpoints"]


class Checkpoints:
    """Progress that is kept in `folder`; with `resume` an earlier process's is used.

    `share` is the share of the time that writing may take; the first one is written
    after `first` seconds, the last one at the end, however short the training was.
    """

    def __init__(
        self,
        folder: Path | str,
        *,
        resume: bool = False,
        share: float = 0.01,
        first: float = 10.0,
    ):
        self.folder, self.resume = Path(folder), resume
        self.share, self.first = share, first
        self._path = self.folder / "progress.safetensors"
        self._identity: dict[str, Any] = {}
        self._log: Callable[[str], None] = lambda line: None
        self._next = 0.0  # not before this time, as `time.monotonic` gives it

    @classmethod
    def beside(cls, output: Path | str, **options: Any) -> "Checkpoints":
        """For a run that is going to be saved as `output`: in `.NAME.progress`."""
        output = Path(output).resolve()
        return cls(output.with_name(f".{output.name}.progress"), **options)

    @property
    def hidden(self) -> Path:
        """Where `cache_trunk` may keep the outputs of the frozen blocks."""
        return self.folder / "hidden.bin"

    def begin(
        self, identity: dict[str, Any], log: Callable[[str], None] | None = None
    ) -> dict | None:
        """What the killed finetuning of this identity had reached, if it may resume.

        Raises SpamftError if the progress is that of another one.
        """
        self._identity, self._log = identity, log or self._log
        self._next = time.monotonic() + self.first
        if not self._path.exists():
            if self.resume:
                self._log("resume: no checkpoint, so it starts at the beginning")
            return None
        if not self.resume:
            self._log(
                "an unfinished run left a checkpoint: the next one replaces it; stop "
                "and use --resume to continue that run instead"
            )
            return None
        stored = load_checkpoint(self._path)
        if other := _differences(stored["identity"], identity):
            raise SpamftError(
                f"{self._path} is of a run with another {', '.join(other)}: give the "
                "same options as then, or start anew without --resume"
            )
        self._log(f"resume: at step {stored['training']['step']:,}")
        return stored

    def write(self, progress: Callable[[], dict], *, at_once: bool) -> None:
        """Keep `progress()` if it is due or must be; a full disk is only logged."""
        began = time.monotonic()
        if began < self._next and not at_once:
            return
        try:
            save_checkpoint(self._path, {"identity": self._identity} | progress())
        except OSError as error:
            self._log(f"no checkpoint could be written: {error}")
            with suppress(OSError):  # if there is an earlier one
                self.folder.rmdir()
        now = time.monotonic()
        self._next = now + (now - began) / self.share

    def remove(self) -> None:
        """The run is whole: nothing is needed to resume it."""
        remove(self.folder)


def _differences(stored: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """The names of the entries that are not the same, as JSON stores them."""
    return [name for name in wanted if stored.get(name) != wanted[name]]
