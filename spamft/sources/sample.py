"""The messages that come with the package, so that it runs with no network."""

from pathlib import Path

from spamft.sources.collection import bundled

__all__ = ["SAMPLE", "open_sample"]

SAMPLE = Path(__file__).parents[1] / "assets" / "sample" / "messages.tsv"

open_sample = bundled(SAMPLE, "the bundled sample")
