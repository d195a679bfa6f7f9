"""A name or a file -> labelled messages.

"auto" asks for the SMS Spam Collection, falls back to the bundled sample where it
cannot be had, and says which. Any other name either works or raises; there is no
fallback.
"""

import tempfile
import zipfile
from pathlib import Path

from spamft.data import SMS_COLLECTION, download, read_messages
from spamft.plumbing.archive import open_zip
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.fetch import DownloadError, Patience
from spamft.reading.layout import Layout
from spamft.reading.table import is_uci
from spamft.sources.auto import DATA, blaming, meant
from spamft.sources.collection import Messages, OpenCollection
from spamft.sources.intents import open_intents
from spamft.sources.sample import open_sample
from spamft.sources.uci import open_uci

__all__ = ["COLLECTIONS", "is_collection", "open_messages"]

COLLECTIONS: dict[str, OpenCollection] = {
    "uci": open_uci,
    "sample": open_sample,
    "intents": open_intents,
}
QUICK = Patience(timeout=2.0, retries=0, deadline=2.0)  # when there is a choice


def open_messages(
    data: str | Path = "auto",
    *,
    lecture: bool = False,
    layout: Layout = Layout(),  # noqa: B008, it is frozen
    cache_dir: Path | str = "data",
    progress: bool = False,
) -> Messages:
    """Messages by the name of a collection, or from a file.

    "uci" is the SMS Spam Collection, downloaded into `cache_dir`; "sample" the messages
    of this package, "intents" its second task; "auto" what SPAMFT_DATA in the
    environment says, else the first of uci and sample that can be had. A file is the
    collection's zip, or what `read_messages` opens; `lecture` and `layout` are
    explained there. Raises DownloadError or SpamftError.
    """
    data = str(data)
    if data == "auto" and (chosen := meant(DATA)):
        with blaming(DATA):
            df, source = open_messages(
                chosen,
                lecture=lecture,
                layout=layout,
                cache_dir=cache_dir,
                progress=progress,
            )
        return Messages(df, f"{source} (chosen by {DATA})")
    if (data == "auto" or data in COLLECTIONS) and layout != Layout():
        raise SpamftError(f"options of columns and reading are for files, not {data!r}")
    options = {"lecture": lecture, "progress": progress}
    if data == "auto":
        try:
            return open_uci(cache_dir, patience=QUICK, **options)
        except (DownloadError, OSError):  # or `cache_dir` cannot be written
            df, source = open_sample(cache_dir, patience=QUICK, **options)
        return Messages(df, f"{source} (the SMS Spam Collection cannot be reached)")
    if data in COLLECTIONS:
        return COLLECTIONS[data](cache_dir, patience=Patience(), **options)
    return _open_file(Path(data), lecture, layout)


def _open_file(path: Path, lecture: bool, layout: Layout) -> Messages:
    if not path.is_file():
        names = ", ".join(["auto", *COLLECTIONS])
        raise SpamftError(f"no file {str(path)!r}: expected {names} or a file")
    if layout == Layout() and is_collection(path):
        with tempfile.TemporaryDirectory() as unzipped:
            df = read_messages(download(unzipped, archive=path), lecture)
        return Messages(df, f"the SMS Spam Collection, {path.name}")
    lecture = lecture and is_uci(path, layout)  # a table is read in one way
    return Messages(read_messages(path, lecture, layout=layout), path.name)


def is_collection(path: Path) -> bool:
    """Whether the file is a zip with the SMS Spam Collection's file in it."""
    if not zipfile.is_zipfile(path):
        return False
    with open_zip(path) as file:
        return SMS_COLLECTION.member in file.namelist()
