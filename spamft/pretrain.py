"""Texts -> a byte-level BPE and a small GPT: how assets/tiny was made.

    train_bpe -> Corpus -> pretrain -> a folder that `load_gpt2` opens

Killed at any moment, the same call goes on from the last checkpoint and ends
with the same weights.
"""

import gzip
import json
import math
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import tiktoken
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from spamft.gpt import GPT, GPTConfig
from spamft.pretrained import save_gpt2
from spamft.tokenizer import (
    END_OF_TEXT,
    PATTERN,
    VOCABULARY,
    open_bpe,
    save_bpe,
)

__all__ = ["Corpus", "PretrainConfig", "Progress", "pretrain", "train_bpe"]

HELD_OUT = 0.005  # share of every text that only validation reads


@dataclass(frozen=True)
class PretrainConfig:
    """How to pretrain. The model's size is a GPTConfig's matter."""

    steps: int = 6000  # optimizer steps
    batch_size: int = 32  # windows of context_length tokens
    lr: float = 2e-3
    warmup_steps: int = 100
    cooldown: float = 0.3  # share of the steps in which lr falls to 0
    weight_decay: float = 0.1
    report_every: int = 100  # steps between two reports and checkpoints
    seed: int = 123

    def __post_init__(self):
        for name in ("steps", "batch_size", "report_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name}={getattr(self, name)} must be at least 1")
        if self.lr <= 0:
            raise ValueError(f"lr={self.lr} must be positive")


@dataclass(frozen=True)
class Progress:
    """One line of the pretraining log."""

    step: int
    tokens: int  # read so far
    train_loss: float  # nats per token since the last line
    validation_bits: float  # per byte of the held-out text
    seconds: float  # spent so far, over all sittings

    def __str__(self) -> str:
        return (
            f"step {self.step:6d}  {self.tokens / 1e6:6.1f}M tokens  "
            f"train {self.train_loss:.3f} nats a token  "
            f"held out {self.validation_bits:.3f} bits a byte  {self.seconds:.0f} s"
        )


def train_bpe(texts: Sequence[Path], vocab_size: int) -> dict[bytes, int]:
    """Learn a byte-level BPE: token -> rank, for END_OF_TEXT to come after them.

    Needs the `tokenizers` library. Bytes come first, then the merges in order.
    """
    try:
        from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers
    except ImportError as error:
        raise ValueError("pretraining needs: pip install tokenizers") from error
    if not 257 <= vocab_size <= 65536:
        raise ValueError(f"{vocab_size=} must lie in 257..65536: bytes, end, uint16")
    tokenizer = Tokenizer(models.BPE())
    # possessive quantifiers only make tiktoken faster; tokenizers does not know them
    pattern = Regex(PATTERN.replace("++", "+").replace("|\\s+$|", "|"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(pattern, behavior="isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size - 1, initial_alphabet=alphabet, show_progress=False
    )
    lines = (line for path in texts for line in _documents(path)[0].split("\n"))
    tokenizer.train_from_iterator(lines, trainer)
    byte_of = _byte_of_character()
    learned = sorted(tokenizer.get_vocab().items(), key=lambda item: item[1])
    tokens = [bytes(byte_of[c] for c in token) for token, _ in learned]
    merges = [token for token in tokens if len(token) > 1]
    ordered = [bytes([b]) for b in range(256)] + merges
    return {token: rank for rank, token in enumerate(ordered)}


class Corpus:
    """The texts as token ids, with a tail of each held out for validation.

    A text named twice is read twice as often.
    """

    def __init__(self, texts: Sequence[Path], encoding: tiktoken.Encoding):
        ids: dict[Path, np.ndarray] = {}
        held_out = []
        for path in dict.fromkeys(texts):
            train, validation = _documents(path)
            ids[path] = _encode(train, encoding)
            held_out.append(validation)
        self.train = np.concatenate([ids[path] for path in texts])
        self.held_out_text = "\n".join(held_out)
        self.held_out = _encode(self.held_out_text, encoding)

    def windows(self, step: int, batch_size: int, length: int, seed: int) -> Tensor:
        """(batch_size, length + 1) ids at random places that only `step` decides."""
        starts = np.random.default_rng([seed, step]).integers(
            0, len(self.train) - length, batch_size
        )
        picked = np.stack([self.train[s : s + length + 1] for s in starts])
        return torch.from_numpy(picked.astype(np.int64))


def pretrain(
    texts: Sequence[Path | str],
    output: Path | str,
    config: PretrainConfig,
    shape: GPTConfig,
    log: Callable[[Progress], None] | None = None,
    licences: str = "",
) -> list[Progress]:
    """Train tokenizer and GPT on `texts`, from nothing, into the folder `output`.

    Leaves `vocabulary.tiktoken`, `config.json`, `model.safetensors` (float16),
    `history.json` and a model card, README.md, and `checkpoint.safetensors`, which
    the same call goes on from; one of another call is refused with ValueError.
    Computes in bfloat16. `licences` is Markdown for the card, on where the texts come
    from.
    """
    texts, output = [Path(text) for text in texts], Path(output)
    output.mkdir(parents=True, exist_ok=True)
    of_call = _identity(texts, config, shape)
    _refuse_other(output, of_call)
    encoding = _vocabulary(texts, output, shape.vocab_size)
    corpus = Corpus(texts, encoding)
    if len(corpus.held_out) <= shape.context_length:
        raise ValueError(
            f"{len(corpus.held_out)} tokens held out for validation are fewer than a "
            f"window of {shape.context_length}: give more text or a shorter context"
        )
    device = "cuda" if torch.cuda.is_available() else "cpu"
    gpt = GPT(shape, seed=config.seed).to(device)
    optimizers = _optimizers(gpt, config)
    step, history = _resume(output, gpt, optimizers)
    # a compiler makes it half as fast again, and is not everywhere
    loss_of = torch.compile(_loss) if shutil.which("c++") else _loss
    began = time.perf_counter() - (history[-1].seconds if history else 0.0)
    losses: list[Tensor] = []
    while step < config.steps:
        for optimizer in optimizers:
            for group in optimizer.param_groups:
                group["lr"] = config.lr * _rate(step, config)
        ids = corpus.windows(
            step, config.batch_size, shape.context_length, config.seed
        ).to(device)
        with torch.autocast(device, torch.bfloat16):
            loss = loss_of(gpt, ids)
        for optimizer in optimizers:
            optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(gpt.parameters(), 1.0)
        for optimizer in optimizers:
            optimizer.step()
        step += 1
        losses.append(loss.detach())
        if step % config.report_every == 0 or step == config.steps:
            progress = Progress(
                step,
                step * config.batch_size * shape.context_length,
                torch.stack(losses).mean().item(),
                _bits_per_byte(gpt, corpus),
                time.perf_counter() - began,
            )
            history.append(progress)
            losses.clear()
            _checkpoint(output, gpt, optimizers, history, of_call)
            if log:
                log(progress)
    save_gpt2(gpt, output, torch.float16)
    _write_card(output, texts, corpus, config, shape, history, licences)
    return history


def _identity(texts: list[Path], config: PretrainConfig, shape: GPTConfig) -> str:
    """What decides the weights at a step; more steps or other reports do not."""
    settings = asdict(config)
    for free in ("steps", "report_every", "cooldown"):
        del settings[free]
    read = [(path.name, path.stat().st_size) for path in texts]
    return json.dumps([read, settings, asdict(shape)])


def _refuse_other(output: Path, of_call: str) -> None:
    path = output / "checkpoint.safetensors"
    if path.exists():
        with safe_open(path, framework="pt") as file:
            if file.metadata().get("call") != of_call:
                raise ValueError(
                    f"{path} is of another call, with other texts, sizes or settings: "
                    "choose another output folder"
                )


def _vocabulary(texts: list[Path], output: Path, size: int) -> tiktoken.Encoding:
    path = output / VOCABULARY
    if not path.exists():
        part = path.with_suffix(".part")
        save_bpe(train_bpe(texts, size), part)
        part.replace(path)
    return open_bpe(path, str(path))


def _optimizers(gpt: GPT, config: PretrainConfig) -> list[torch.optim.Optimizer]:
    """Muon for the blocks' matrices, AdamW for what looks up, scales and shifts."""
    matrices = [p for p in gpt.blocks.parameters() if p.dim() == 2]
    chosen = {id(p) for p in matrices}
    others = [p for p in gpt.parameters() if id(p) not in chosen]
    return [
        torch.optim.Muon(
            matrices,
            lr=config.lr,
            weight_decay=config.weight_decay,
            adjust_lr_fn="match_rms_adamw",
        ),
        torch.optim.AdamW(others, lr=config.lr, weight_decay=0.0, betas=(0.9, 0.95)),
    ]


def _rate(step: int, config: PretrainConfig) -> float:
    """The learning rate as a share of its peak: up, level, and down to 0."""
    up = (step + 1) / config.warmup_steps if config.warmup_steps else 1.0
    falling = max(1, round(config.steps * config.cooldown))
    return min(1.0, up, (config.steps - step) / falling)


def _loss(gpt: GPT, ids: Tensor) -> Tensor:
    """(B, T + 1) ids -> mean nats per predicted token."""
    return F.cross_entropy(gpt(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())


@torch.inference_mode()
def _bits_per_byte(gpt: GPT, corpus: Corpus) -> float:
    """How many bits the model needs for a byte of the held-out text."""
    length = gpt.config.context_length
    device = next(gpt.parameters()).device
    ids = torch.from_numpy(corpus.held_out.astype(np.int64)).to(device)
    nats = 0.0
    whole = (len(ids) - 1) // length * length
    inputs, targets = ids[:whole].view(-1, length), ids[1 : whole + 1].view(-1, length)
    for x, y in zip(inputs.split(32), targets.split(32), strict=True):
        logits = gpt(x).flatten(0, 1)
        nats += F.cross_entropy(logits, y.flatten(), reduction="sum").item()
    share = whole / (len(ids) - 1)
    return nats / math.log(2) / (len(corpus.held_out_text.encode()) * share)


def _documents(path: Path) -> tuple[str, str]:
    """The text of a file, cut at a line's end into what trains and what is held out."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(f"{path}: not UTF-8: {error}") from error
    cut = text.rfind("\n", 0, int(len(text) * (1 - HELD_OUT))) + 1
    return text[:cut], text[cut:]


def _encode(text: str, encoding: tiktoken.Encoding) -> np.ndarray:
    """Token ids as uint16; a line END_OF_TEXT becomes the one token of that name."""
    documents = [part.strip("\n") for part in text.split(f"\n{END_OF_TEXT}\n")]
    encoded = encoding.encode_ordinary_batch(documents, num_threads=2)
    end = [encoding.eot_token]
    return np.concatenate([np.array(ids + end, dtype=np.uint16) for ids in encoded])


def _byte_of_character() -> dict[str, int]:
    """The printable stand-ins that byte-level BPE files use -> the bytes they mean."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [b for b in range(256) if b not in plain]
    return {chr(b): b for b in plain} | {chr(256 + i): b for i, b in enumerate(others)}


def _checkpoint(
    output: Path,
    gpt: GPT,
    optimizers: list[torch.optim.Optimizer],
    history: list[Progress],
    of_call: str,
) -> None:
    """Write weights, optimizer states and history as one file, whole or not at all."""
    tensors = {f"gpt.{name}": tensor for name, tensor in gpt.state_dict().items()}
    for which, number, key, value in _states(optimizers):
        tensors[f"optimizer.{which}.{number}.{key}"] = torch.as_tensor(value)
    part = output / "checkpoint.part"
    lines = json.dumps([asdict(progress) for progress in history])
    save_file(tensors, part, metadata={"history": lines, "call": of_call})
    part.replace(output / "checkpoint.safetensors")


def _states(
    optimizers: list[torch.optim.Optimizer],
) -> Iterator[tuple[int, int, str, Tensor]]:
    for which, optimizer in enumerate(optimizers):
        for number, state in optimizer.state_dict()["state"].items():
            for key, value in state.items():
                yield which, number, key, value


def _resume(
    output: Path, gpt: GPT, optimizers: list[torch.optim.Optimizer]
) -> tuple[int, list[Progress]]:
    """Fill model and optimizers from the checkpoint, if there is one."""
    path = output / "checkpoint.safetensors"
    if not path.exists():
        return 0, []
    with safe_open(path, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        history = [Progress(**line) for line in json.loads(file.metadata()["history"])]
    gpt.load_state_dict(
        {n.removeprefix("gpt."): t for n, t in tensors.items() if n.startswith("gpt.")}
    )
    for which, optimizer in enumerate(optimizers):
        states: dict[int, dict[str, Tensor]] = {}
        for name, tensor in tensors.items():
            if name.startswith(f"optimizer.{which}."):
                _, _, number, key = name.split(".")
                states.setdefault(int(number), {})[key] = tensor.clone()
        groups = optimizer.state_dict()["param_groups"]
        optimizer.load_state_dict({"state": states, "param_groups": groups})
    return history[-1].step, history


def _hardware() -> str:
    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    return f"{torch.get_num_threads()} threads of a {platform.machine()} processor"


def _write_card(
    output: Path,
    texts: list[Path],
    corpus: Corpus,
    config: PretrainConfig,
    shape: GPTConfig,
    history: list[Progress],
    licences: str,
) -> None:
    """Write README.md: what went in, what came out, and what gzip makes of the text."""
    held_out = corpus.held_out_text.encode()
    gzipped = 8 * len(gzip.compress(held_out, 9)) / len(held_out)
    read = "\n".join(
        f"| {path.name} | {path.stat().st_size / 1e6:.1f} | {texts.count(path)} |"
        for path in dict.fromkeys(texts)
    )
    last = history[-1]
    parameters = sum(p.numel() for p in GPT(shape).parameters())
    (output / "history.json").write_text(json.dumps([asdict(p) for p in history]))
    (output / "README.md").write_text(f"""# {output.name}

A GPT of {parameters:,} parameters ({shape.n_layers} layers, {shape.emb_dim} wide,
{shape.n_heads} heads, context {shape.context_length}, vocabulary {shape.vocab_size:,}),
pretrained from random weights by `python -m spamft pretrain`.

| text | MB | weight |
|---|---|---|
{read}

{last.step:,} steps, {last.tokens / 1e6:.1f} million tokens, {last.seconds / 60:.0f}
minutes on {_hardware()}.

| held-out text ({len(held_out):,} bytes) | bits per byte |
|---|---|
| this model | {last.validation_bits:.3f} |
| gzip -9 | {gzipped:.3f} |

{licences}
Seed {config.seed}, learning rate {config.lr}, batches of {config.batch_size} windows.
""")
