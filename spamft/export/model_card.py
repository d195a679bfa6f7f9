"""What a run's metrics.json says, as the README.md of an exported model."""

import json
import re
from collections.abc import Iterator
from typing import Any

from spamft.evaluate import report
from spamft.export.finished import Finished
from spamft.models.normalizer import normalizer_of
from spamft.models.smollm2 import SMOLLM2
from spamft.plumbing.display import in_counts, in_markdown
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.scores import wilson
from spamft.pretrained import PUBLISHED
from spamft.use.verdict import show_share

__all__ = ["in_code", "model_card"]

MANY = 20  # classes: a table of more of them is no help

# how a source begins -> its licence
_DATA = {
    "the bundled": "CC0 1.0, written for spamft",
    "the SMS Spam Collection": "CC BY 4.0, Almeida and Gómez Hidalgo, 2011",
}
_BASES = {
    "tiny": "CC0 1.0; its texts are public domain, CC BY 2.0 and CC BY 4.0, see spamft",
    "scratch": "none: its weights were random",
    **dict.fromkeys(PUBLISHED, "MIT, OpenAI, 2019"),
    **dict.fromkeys(SMOLLM2, "Apache 2.0, Hugging Face"),
}
UNKNOWN = "not known to spamft: see to it before you share this"


def model_card(run: Finished, library: str, use: str, checked: str) -> str:
    """The README.md, in Markdown with the hub's header.

    `use` is code that opens the folder, `checked` what the export compared. Raises
    SpamftError for a metrics.json that lacks something.
    """
    sections = (_data, _method, _scores, _calibration, _limits, _licences)
    try:
        lines = [*_head(run, library, use, checked)]
        for section in sections:
            lines += ["", *section(run)]
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise SpamftError(
            f"metrics.json is not that of a run: {type(error).__name__} {error}"
        ) from error
    return "\n".join(lines) + "\n"


def in_code(value: Any) -> str:
    """A text or a list of texts as it stands in the card's code: it cannot end that."""
    return json.dumps(value).replace("`", "\\u0060")


def _head(run: Finished, library: str, use: str, checked: str) -> Iterator[str]:
    names = ", ".join(map(in_markdown, run.model.label_names))
    yield f"---\nlibrary_name: {library}\npipeline_tag: text-classification"
    yield "tags:\n- text-classification\n- spamft\n---\n"
    yield f"# A classifier of texts: {names}\n"
    base, data = run.metrics["model"]["source"], run.metrics["data"]["source"]
    yield f"Base: {_source(base)}. Data: {_source(data)}. Finetuned with spamft.\n"
    yield f"## Use\n\n```python\n{use}\n```\n\n{checked}"


def _data(run: Finished) -> Iterator[str]:
    data = run.metrics["data"]
    parts = ", ".join(f"{count:,} {name}" for name, count in data["parts"].items())
    yield (
        f"## Data\n\n{_source(data['source'])}: "
        f"{in_markdown(in_counts(data['classes']))}. Parts, "
        f"drawn with seed {data['split_seed']}: {parts}.\n"
    )
    yield from (f"- {in_markdown(note)}" for note in data["notes"])


def _method(run: Finished) -> Iterator[str]:
    model, recipe = run.metrics["model"], run.metrics["recipe"]
    name, versions = in_markdown(run.metrics["method"]["name"]), model["versions"]
    steps = f"{recipe['steps']:,} steps, "
    if "lr" in recipe:  # a regression has no batches and no rate
        steps += f"batches of {recipe['batch_size']}, learning rate {recipe['lr']:g}, "
    yield (
        f"## Method\n\n{name}: {model['trained_parameters']:,} of "
        f"{model['parameters']:,} parameters trained "
        f"({', '.join(model['trained_parts'])}); {steps}seed {recipe['seed']}; "
        f"spamft {versions['spamft']}, PyTorch {versions['torch']}."
    )


def _scores(run: Finished) -> Iterator[str]:
    test = run.metrics["test"]
    low, high = map(show_share, test["interval"])
    yield (
        f"## Scores\n\nOn {test['examples']:,} messages of the test part, which were "
        f"used for nothing else: accuracy {show_share(test['accuracy'])} (95 % "
        f"interval {low} to {high}), Matthews' correlation {test['mcc']:.3f}.\n"
    )
    yield "| class | recall (95 % interval) | precision (95 % interval) | messages |"
    yield "|---|---|---|---|"
    classes = test["classes"]
    for name in sorted(classes, key=lambda name: classes[name]["f1"])[:MANY]:
        yield _row(name, **classes[name])
    if len(classes) > MANY:
        yield f"\nThese are the {MANY} classes of the lowest F1 of {len(classes):,}."


def _row(name: str, precision: float, recall: float, f1: float, support: int) -> str:
    hits = round(recall * support)
    claims = round(hits / precision) if precision else 0
    cells = (in_markdown(name), _rate(hits, support), _rate(hits, claims), support)
    return f"| {' | '.join(map(str, cells))} |"


def _rate(hits: int, of: int) -> str:
    if not of:
        return "no message"
    low, high = wilson(hits, of)
    return f"{show_share(hits / of)} ({show_share(low)} to {show_share(high)})"


def _calibration(run: Finished) -> Iterator[str]:
    rule, error = run.saved.rule, run.metrics["test"]["calibration_error"]
    after = report(run.logits / rule.temperature, run.labels).calibration_error
    yield (
        "## Calibration\n\nProbabilities are softmax(logits / temperature). The mean "
        "gap of confidence and accuracy on the test part is then "
        f"{show_share(after)}; as trained it was {show_share(error)}.\n"
    )
    yield from (f"- {in_markdown(line)}" for line in str(rule).splitlines())
    if rule.threshold:
        label = in_markdown(rule.threshold.label)
        yield (
            f"\nWhere {label} is most probable, but below the threshold, spamft says "
            "`unsure`. A program that takes the most probable class does not."
        )


def _limits(run: Finished) -> Iterator[str]:
    yield f"## Limits\n\n- It reads {run.model.max_length:,} tokens and no more."
    yield (
        "- The scores are those on messages from the source that it learned from. "
        "Messages of another year, language or kind may be judged worse."
    )
    if normalizer_of(run.saved.tokenizer):
        yield (
            "- Texts are read as people see them: look-alike letters as Latin ones, "
            "without what nobody sees. Between a letter and its accent, a mark that "
            "`tokenizers` is too old to know keeps them apart, and spamft does not."
        )
    if run.metrics["data"]["balanced"]:
        yield (
            "- Its classes were made equally frequent. Where one is rare, more of what "
            "is predicted as it is wrong than the precision above says."
        )
    for part, leaks in run.metrics["leaks"].items():
        if found := sum(leaks.values()):
            yield (
                f"- {found:,} messages of the {part} part repeat one that it learned "
                "from: scores there are too high."
            )


def _licences(run: Finished) -> Iterator[str]:
    data, model = run.metrics["data"]["source"], run.metrics["model"]
    known = [licence for begin, licence in _DATA.items() if data.startswith(begin)]
    base = _BASES.get(model["name"], UNKNOWN)
    yield "## Licences\n\n| what | licence |\n|---|---|"
    yield f"| data: {_source(data)} | {known[0] if known else UNKNOWN} |"
    yield f"| base: {_source(model['source'])} | {base} |\n| spamft | MIT |"


def _source(line: str) -> str:
    """A line on an origin, without the folders of the machine that it was on."""
    return in_markdown(re.sub(r"\S*[/\\]", "", line))
