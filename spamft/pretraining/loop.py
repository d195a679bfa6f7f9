"""Texts -> a vocabulary and a small GPT, with a checkpoint now and then.

    train_bpe -> Corpus -> pretrain -> a folder that `load_gpt2` opens

Killed at any moment, the same call resumes at the last checkpoint and ends with the
same weights. So does one with more steps, as long as the rate has not begun to fall.
"""

import json
import math
import platform
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from spamft.gpt import GPT, GPTConfig
from spamft.plumbing.checkpoint import load_checkpoint, save_checkpoint
from spamft.plumbing.device import describe_device, has_bf16, pick_device
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.files import clear_up, sha256, whole_folder
from spamft.plumbing.locks import only_one
from spamft.pretrained import save_gpt2
from spamft.pretraining.bpe import train_bpe
from spamft.pretraining.card import Pretraining, model_card
from spamft.pretraining.config import PretrainConfig, Progress
from spamft.pretraining.corpus import Corpus
from spamft.tokenizer import VOCABULARY, open_bpe, save_bpe

__all__ = ["bits_per_byte", "pretrain", "rate"]

CHECKPOINT = "checkpoint.safetensors"


def pretrain(
    texts: Sequence[Path | str],
    output: Path | str,
    config: PretrainConfig,
    shape: GPTConfig,
    log: Callable[[Progress], None] | None = None,
    licences: str = "",  # Markdown for the card, on where the texts come from
    *,
    device: str = "auto",
) -> list[Progress]:
    """Train a vocabulary and a GPT on `texts`, from random weights, into `output`.

    Leaves `vocabulary.tiktoken`, `config.json`, `model.safetensors` (float16),
    `history.json`, a model card, README.md, and `checkpoint.safetensors`, at which the
    same call resumes; another call's is refused with SpamftError. Computes in
    bfloat16 where the device has instructions for it.
    """
    gpt = GPT(shape, seed=config.seed).to(pick_device(device))
    texts, output = [Path(text) for text in texts], Path(output).absolute()
    with only_one(output):
        output.mkdir(exist_ok=True)
        return _pretrain(gpt, texts, output, config, shape, log, licences)


def _pretrain(
    gpt: GPT,
    texts: list[Path],
    output: Path,
    config: PretrainConfig,
    shape: GPTConfig,
    log: Callable[[Progress], None] | None,
    licences: str,
) -> list[Progress]:
    call = _identity(texts, config, shape)
    checkpoint = _open_checkpoint(output, call, config)
    corpus = _read(texts, output, shape, new=checkpoint is None)
    vocabulary = sha256(output / VOCABULARY)
    state = checkpoint  # stays so if nothing is left to do
    for state in _steps(gpt, corpus, config, checkpoint):
        about = {"call": call, "vocabulary": vocabulary, "config": asdict(config)}
        save_checkpoint(output / CHECKPOINT, state | about)
        if log:
            log(Progress(**state["history"][-1]))
    records = [Progress(**line) for line in state["history"]]
    done = Pretraining(
        output.name,
        texts,
        corpus.held_out_text,
        config,
        shape,
        records[-1],
        _hardware(next(gpt.parameters()).device),
        licences,
    )
    _write(gpt, output, state["history"], model_card(done))
    return records


def _write(gpt: GPT, output: Path, history: list[dict], card: str) -> None:
    """What a finished pretraining leaves beside vocabulary and checkpoint: at once, so
    that model, history and card always belong together."""
    with whole_folder(output) as made:
        save_gpt2(gpt, made, torch.float16)
        (made / "history.json").write_text(json.dumps(history))
        (made / "README.md").write_text(card, encoding="utf-8")


def _steps(
    gpt: GPT, corpus: Corpus, config: PretrainConfig, checkpoint: dict | None
) -> Iterator[dict]:
    """Train, giving at each report all that is needed to resume there."""
    optimizers = _optimizers(gpt, config)
    step, history = 0, []
    if checkpoint is not None:
        gpt.load_state_dict(checkpoint["gpt"])
        for optimizer, state in zip(optimizers, checkpoint["optimizers"], strict=True):
            optimizer.load_state_dict(state)
        history = checkpoint["history"]
        step = history[-1]["step"]
    # a compiler makes it half as fast again, and is not everywhere
    loss_of = torch.compile(_loss) if shutil.which("c++") else _loss
    began = time.perf_counter() - (history[-1]["seconds"] if history else 0.0)
    losses: list[Tensor] = []
    while step < config.steps:
        losses.append(_step(gpt, optimizers, loss_of, corpus, config, step))
        step += 1
        if step % config.report_every == 0 or step == config.steps:
            progress = Progress(
                step,
                step * config.batch_size * gpt.config.context_length,
                torch.stack(losses).mean().item(),
                bits_per_byte(gpt, corpus),
                time.perf_counter() - began,
            )
            losses.clear()
            history = [*history, asdict(progress)]
            states = [optimizer.state_dict() for optimizer in optimizers]
            yield {"gpt": gpt.state_dict(), "optimizers": states, "history": history}


def _step(
    gpt: GPT,
    optimizers: list[torch.optim.Optimizer],
    loss_of: Callable[[GPT, Tensor], Tensor],
    corpus: Corpus,
    config: PretrainConfig,
    step: int,
) -> Tensor:
    """Change `gpt` by one step; return its loss, in nats per token."""
    for optimizer in optimizers:
        for group in optimizer.param_groups:
            group["lr"] = config.lr * rate(step, config)
        optimizer.zero_grad()
    device, length = next(gpt.parameters()).device, gpt.config.context_length
    ids = corpus.windows(step, config.batch_size, length, config.seed).to(device)
    with torch.autocast(device.type, torch.bfloat16, enabled=has_bf16(device)):
        loss = loss_of(gpt, ids)
    loss.backward()
    torch.nn.utils.clip_grad_norm_(gpt.parameters(), 1.0)
    for optimizer in optimizers:
        optimizer.step()
    return loss.detach()


def _identity(texts: list[Path], config: PretrainConfig, shape: GPTConfig) -> str:
    """Everything that affects the weights at a given step, but for what may change:
    the reporting interval, and within limits the number of steps and their cooldown."""
    settings = asdict(config)
    for free in ("steps", "report_every", "cooldown"):
        del settings[free]
    read = [(path.name, sha256(path)) for path in texts]
    return json.dumps([read, settings, asdict(shape)])


def _open_checkpoint(output: Path, call: str, config: PretrainConfig) -> dict | None:
    """The checkpoint that the same call left, or None."""
    path = output / CHECKPOINT
    clear_up(path)  # if no step is left, nothing is written that would do so
    if not path.exists():
        return None
    checkpoint = load_checkpoint(path)
    if checkpoint.get("call") != call:
        raise SpamftError(
            f"{path} is of another call, with other texts, sizes or settings: "
            "choose another output folder"
        )
    if checkpoint["vocabulary"] != sha256(output / VOCABULARY):
        raise SpamftError(
            f"{output / VOCABULARY} is not the one that {path} was trained with: "
            "bring it back, or choose another output folder"
        )
    then, done = PretrainConfig(**checkpoint["config"]), checkpoint["history"][-1]
    if any(rate(s, then) != rate(s, config) for s in range(done["step"])):
        raise SpamftError(
            f"{path} is at step {done['step']:,} of {then.steps:,}, where the learning "
            f"rate had begun to fall: {config.steps:,} steps from there would not be "
            "the same as so many at once; choose another output folder"
        )
    return checkpoint


def _read(texts: list[Path], output: Path, shape: GPTConfig, *, new: bool) -> Corpus:
    """The texts as tokens, with enough of them held out for one window."""
    if new:  # one that is there may be of other texts
        save_bpe(train_bpe(texts, shape.vocab_size), output / VOCABULARY)
    path = output / VOCABULARY
    corpus = Corpus(texts, open_bpe(path, str(path)))
    if len(corpus.held_out) <= shape.context_length:
        raise SpamftError(
            f"{len(corpus.held_out)} tokens held out for validation are fewer than a "
            f"window of {shape.context_length}: give more text or a shorter context"
        )
    return corpus


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


def rate(step: int, config: PretrainConfig) -> float:
    """The learning rate as a share of its peak: up, level, and down to 0."""
    up = (step + 1) / config.warmup_steps if config.warmup_steps else 1.0
    falling = max(1, round(config.steps * config.cooldown))
    return min(1.0, up, (config.steps - step) / falling)


def _loss(gpt: GPT, ids: Tensor) -> Tensor:
    """(B, T + 1) ids -> mean nats per predicted token."""
    return F.cross_entropy(gpt(ids[:, :-1]).flatten(0, 1), ids[:, 1:].flatten())


@torch.inference_mode()
def bits_per_byte(gpt: GPT, corpus: Corpus) -> float:
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


def _hardware(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    if device.type == "cpu":
        return f"{torch.get_num_threads()} threads of a {platform.machine()} processor"
    return describe_device(device)
