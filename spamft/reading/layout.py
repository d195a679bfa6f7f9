"""What a file does not say about itself: columns, header, encoding, quotes."""

import codecs
from collections.abc import Sequence
from dataclasses import dataclass

from spamft.plumbing.errors import SpamftError
from spamft.plumbing.options import option

__all__ = ["Layout"]


@dataclass(frozen=True)
class Layout:
    """How to read a file of messages, where its own first line does not say.

    Raises SpamftError for an encoding that Python does not know, and for a wrong word.
    """

    text: str | Sequence[str] | None = option(
        None,
        "the text column (default Text); given several times, the columns are joined",
        "NAME",
        several=True,
    )
    label: str | None = option(None, "the label column (default Label)", "NAME")
    no_header: bool = option(
        False, "line 1 is a message: columns are named by number, from 1"
    )
    encoding: str | None = option(
        None, "of the file, such as cp1252, if it is not UTF-8", "NAME"
    )
    quotes: str | None = option(
        None,
        "text: quotation marks are characters like others; csv: they enclose cells "
        "(default: csv, and in a TSV only where they enclose whole cells)",
        "KIND",
    )

    def __post_init__(self):
        if isinstance(self.text, list):  # as the command line gives it
            object.__setattr__(self, "text", tuple(self.text))
        if self.encoding is not None and not _is_encoding(self.encoding):
            raise SpamftError(
                f"unknown encoding {self.encoding!r}: try cp1252 or utf-8"
            )
        if self.quotes not in (None, "text", "csv"):
            raise SpamftError(f"quotes={self.quotes!r} must be text or csv")

    @property
    def texts(self) -> tuple[str, ...]:
        """The names of the text columns that were given."""
        if self.text is None:
            return ()
        return (self.text,) if isinstance(self.text, str) else tuple(self.text)


def _is_encoding(name: str) -> bool:
    """Whether text can be read by it, with what it does not know kept apart."""
    try:
        if not codecs.lookup(name)._is_text_encoding:
            return False
        codecs.getincrementaldecoder(name)("surrogateescape").decode(b"", True)
        return True
    except (LookupError, ValueError, TypeError):  # ValueError: a NUL in the name
        return False
