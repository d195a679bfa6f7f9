"""A run -> a folder for onnxruntime, which needs no PyTorch.

    model.onnx or model.int8.onnx    tokens and lengths in, calibrated probabilities out
    tokenizer.json                   ids of a text, cut, and one for an empty text
    config.json                      the classes, the temperature, the threshold
    README.md                        the model card

onnxruntime opens it before the folder gets its name, and judges the run's test part; if
it does not agree with spamft, nothing is written.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from spamft.export.agreement import (
    Measured,
    check_ids,
    check_numbers,
    largest_gap,
    odd_texts,
    rate,
)
from spamft.export.finished import Finished
from spamft.export.hf_tokenizer import hf_tokenizer, with_limits
from spamft.export.int8 import Attempt, attempts, layers_by_error, quantise
from spamft.export.model_card import in_code, model_card
from spamft.export.onnx_graph import onnx_model
from spamft.export.onnx_runner import Runner, batch
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.extras import needed
from spamft.plumbing.files import whole_folder
from spamft.plumbing.jsonfile import write_json
from spamft.use.predict import classify

__all__ = ["FILES", "PLAIN", "SMALL", "export_onnx", "measure"]

PLAIN, SMALL = "model.onnx", "model.int8.onnx"
FILES = (PLAIN, SMALL, "tokenizer.json", "config.json", "README.md")
MOST_FLIPPED = 0.005  # of the test part's verdicts, in 8 bits
SOME = 16  # messages that tell which layers lose most

USE = """\
import numpy, onnxruntime, tokenizers

tokenizer = tokenizers.Tokenizer.from_file({folder} + "/tokenizer.json")
session = onnxruntime.InferenceSession({folder} + "/{name}")

tokens = [each.ids for each in tokenizer.encode_batch(["a message", "another"])]
lengths = numpy.array([len(ids) for ids in tokens])
ids = numpy.zeros((len(tokens), lengths.max()), numpy.int64)
for row, each in zip(ids, tokens):
    row[: len(each)] = each
probabilities = session.run(None, {{"ids": ids, "lengths": lengths}})[0]
# a row for each text; its columns: {names}"""


def export_onnx(
    run: Finished,
    folder: Path | str,
    *,
    int8: bool = False,
    log: Callable[[str], None] = lambda line: None,
) -> Measured:
    """Write `run` for onnxruntime, which must be there and agree; say how far.

    In float32 every probability agrees to 1e-4. With `int8`, at most 0.5 % of the
    verdicts on the test part are others; layers that lose too much stay in float32, and
    `log` hears of them. Raises SpamftError, and writes nothing, where that fails.
    """
    onnx = needed("onnx", "to export to ONNX", "export")
    end = run.saved.tokenizer.eot_token
    model = onnx_model(run.model, run.saved.rule.temperature, end)
    with whole_folder(folder, FILES) as made:
        _write_companions(made, run)
        onnx.save(model, made / PLAIN)
        name, how = PLAIN, "float32"
        measured = _check(Runner(made, PLAIN), made / PLAIN, run)
        log(f"{how}: {measured}")
        if int8:
            (made / PLAIN).unlink()
            name = SMALL
            measured, attempt = _quantised(model, made, run, log)
            how = f"int8, {attempt}"
        place, names = in_code(Path(folder).name), in_code(run.model.label_names)
        use = USE.format(folder=place, name=name, names=names)
        checked = f"onnxruntime opened this folder ({how}), against spamft in float32:"
        card = model_card(run, "onnx", use, f"{checked} {measured.agreement}.")
        (made / "README.md").write_text(card, encoding="utf-8")
    return measured


def _write_companions(folder: Path, run: Finished) -> None:
    model, encoding = run.model, run.saved.tokenizer
    made = with_limits(hf_tokenizer(encoding), model.max_length, encoding.eot_token)
    (folder / "tokenizer.json").write_text(made.to_str(), encoding="utf-8")
    config = {
        "id2label": dict(enumerate(model.label_names)),
        "max_length": model.max_length,
        "end_token_id": encoding.eot_token,
        "rule": run.saved.rule.to_dict(),
    }
    write_json(folder / "config.json", config)


def _check(runner: Runner, path: Path, run: Finished) -> Measured:
    """How a float32 graph does; raises SpamftError unless it agrees."""
    model, encoding = run.model, run.saved.tokenizer
    odd = odd_texts(model.max_length)
    texts = [*odd, *run.texts]
    check_ids(texts, runner.encode(texts), model.encode(texts, encoding))
    verdicts = classify(model, encoding, odd, run.saved.rule)
    wanted = torch.tensor([list(each.probabilities.values()) for each in verdicts])
    check_numbers(runner.probabilities(odd), wanted, "probabilities of onnxruntime")
    measured, found = measure(runner.probabilities, path, run)
    check_numbers(found, run.probabilities, "probabilities of onnxruntime")
    return measured


def measure(
    probabilities: Callable[[list[str]], Tensor], path: Path, run: Finished
) -> tuple[Measured, Tensor]:
    """How a program with the weights of `path` does on the test part, and what it gives
    there."""
    test, rule, names = list(run.test), run.saved.rule, run.model.label_names
    found, per_second = rate(probabilities, test)
    flipped = rule.decide(found.double(), names) != rule.decide(
        run.probabilities, names
    )
    measured = Measured(
        texts=len(test),
        difference=largest_gap(found, run.probabilities),
        flipped=int(flipped.sum()),
        size=path.stat().st_size,
        per_second=per_second,
    )
    return measured, found


def _quantised(
    model: Any, folder: Path, run: Finished, log: Callable[[str], None]
) -> tuple[Measured, Attempt]:
    """Write the graph in 8 bits, as little of it in float32 as the bound allows."""

    def layers() -> list[str]:
        some = run.model.encode(run.texts[:SOME], run.saved.tokenizer)
        return layers_by_error(model, batch(some))

    for attempt in attempts(layers):
        quantise(model, folder / SMALL, attempt)
        runner = Runner(folder, SMALL)
        measured, _ = measure(runner.probabilities, folder / SMALL, run)
        log(f"int8, {attempt}: {measured}")
        if measured.flipped <= MOST_FLIPPED * measured.texts:
            return measured, attempt
    raise SpamftError(
        f"not exported: in int8 more than {MOST_FLIPPED:.1%} of the verdicts on the "
        "test part are others, even with its layers in float32: leave out --int8"
    )
