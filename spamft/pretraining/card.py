"""The model card of a pretrained GPT: what went in, and what came out."""

import gzip
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from spamft.gpt import GPT, GPTConfig
from spamft.plumbing.display import in_markdown
from spamft.pretraining.config import PretrainConfig, Progress

__all__ = ["Pretraining", "model_card"]


@dataclass(frozen=True)
class Pretraining:
    """A finished pretraining."""

    name: str
    texts: Sequence[Path]
    held_out_text: str
    config: PretrainConfig
    shape: GPTConfig
    last: Progress
    hardware: str
    licences: str = ""  # Markdown, on where the texts come from


def model_card(done: Pretraining) -> str:
    """README.md of the model: its texts and size, its bits per byte and gzip's."""
    held_out, shape, last = done.held_out_text.encode(), done.shape, done.last
    gzipped = 8 * len(gzip.compress(held_out, 9)) / len(held_out)
    rows = "\n".join(
        f"| {in_markdown(path.name)} | {path.stat().st_size / 1e6:.1f} | {count} |"
        for path, count in Counter(done.texts).items()
    )
    parameters = sum(p.numel() for p in GPT(shape).parameters())
    config = done.config
    return f"""# {in_markdown(done.name)}

A GPT of {parameters:,} parameters ({shape.n_layers} layers, {shape.emb_dim} wide,
{shape.n_heads} heads, context {shape.context_length}, vocabulary {shape.vocab_size:,}),
pretrained from random weights by `spamft pretrain`.

| text | MB | weight |
|---|---|---|
{rows}

{last.step:,} steps, {last.tokens / 1e6:.1f} million tokens, {last.seconds / 60:.0f}
minutes on {done.hardware}.

| held-out text ({len(held_out):,} bytes) | bits per byte |
|---|---|
| this model | {last.validation_bits:.3f} |
| gzip -9 | {gzipped:.3f} |

{done.licences}
Seed {config.seed}, learning rate {config.lr}, batches of {config.batch_size} windows.
"""
