"""The page's JavaScript beside the Python that it repeats, in Node if that is here."""

import base64
import csv
import io
import json
import random
import re
import shutil
import subprocess
import sys
import unicodedata
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import tiktoken
import torch
from torch import nn

from spamft.classifier import GPTClassifier
from spamft.export import page
from spamft.export.page import write_page
from spamft.export.page_form import FORMS, in_form
from spamft.export.page_html import ASSETS
from spamft.gpt import GPT, GPTConfig
from spamft.insight.alarms import count_alarms
from spamft.insight.explain import by_block, leave_one_out
from spamft.models.attention import with_attention
from spamft.models.normalizer import Normalizer, NormalizingEncoding
from spamft.models.prompted import PromptClassifier
from spamft.plumbing.display import mark_formula, visible
from spamft.plumbing.errors import SpamftError
from spamft.plumbing.scores import wilson
from spamft.tokenizer import PATTERN, load_tokenizer
from spamft.use.predict import predict_in_order
from spamft.use.saved import load, save
from spamft.use.tables import classify_table
from spamft.use.verdict import NO_CLASS, DecisionRule, Threshold

NODE = shutil.which("node")
node = pytest.mark.skipif(not NODE, reason="Node.js is not here")
GPT_JS = (ASSETS / "gpt.js").read_text()
DOM = Path(__file__).parent / "page_dom.js"
HOSTILE = (
    '</script><script>alert(1)</script><img src=x onerror="alert(1)">&lt;b&gt;{{app}}'
)
TEXTS = [
    "WIN CASH NOW",
    "see you at 8",
    "",
    " ",
    HOSTILE,
    "é\u0301 👍🏽 \u202e",
    "a" * 99,
]


def javascript(code: str, ask: object, source: str = GPT_JS, **options) -> object:
    """What `code`, the body of a function of `ask`, returns, after `source` has run."""
    program = f"""{source}
    const ask = JSON.parse(require("fs").readFileSync(0, "utf8"));
    (async () => {{ {code} }})().then((answer) =>
      require("fs").writeSync(1, JSON.stringify(answer)) && process.exit(0));"""
    done = subprocess.run(
        [NODE, "-e", f"eval({json.dumps(program)})"],
        input=json.dumps(ask).encode(),
        capture_output=True,
        timeout=120,
        **options,
    )
    assert done.returncode == 0, done.stderr.decode()[-2000:]
    return json.loads(done.stdout)


def on_page(path: Path, code: str, ask: object = None) -> object:
    """The same on an open page, whose first message is `message`."""
    opened = f"""
    const {{ openPage }} = require({json.dumps(str(DOM))});
    openPage(require("fs").readFileSync({json.dumps(str(path))}, "utf8"));
    const until = async (isTrue) => {{
      while (!isTrue()) await new Promise((done) => setTimeout(done, 2));
    }};
    const run = (code) => require("vm").runInThisContext(code);
    const message = run("messages[0]");
    const settled = () => until(() => message.padded && message.edited.length === 5);"""
    return javascript(f"await settled(); {code}", ask, opened)


def random_classifier(
    pooling: str = "last_real", names: tuple[str, ...] = ("ham", "spam")
) -> GPTClassifier:
    gpt = GPT(GPTConfig(257, 64, 24, 3, 3))
    for name, parameter in gpt.named_parameters():
        nn.init.normal_(parameter, float("norm" in name and "weight" in name), 0.2)
    return GPTClassifier(gpt, names, pooling, max_length=48).eval()


def some_texts(count: int, seed: int = 0) -> list[str]:
    """Words, all kinds of Unicode, bytes decoded, and what tokenizers stumble over."""
    draw = random.Random(seed)
    known = [
        chr(i) for i in range(0x20000) if unicodedata.category(chr(i)) not in "Cn Cs"
    ]
    blanks = " \t\n\r\x0b\x0c\x85\xa0\u2003\u2028\u3000\ufeff\u200b"
    parts = [
        lambda: draw.choice(["WIN", " the", "'re", "'S", "don't", " 20", "...", "<b>"]),
        lambda: "".join(draw.choices(known, k=3)),
        lambda: "".join(draw.choices(blanks, k=draw.randrange(4))),
        lambda: draw.randbytes(4).decode("utf-8", "replace"),
        lambda: "".join(map(chr, draw.choices(range(32, 127), k=6))),
        lambda: draw.choice(["\ud800", "\udc00x", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "<|endoftext|>"]),
    ]
    return [
        "".join(draw.choice(parts)() for _ in range(draw.randrange(12)))
        for _ in range(count)
    ]


def tokens_of(tokenizer: tiktoken.Encoding) -> list[str]:
    ranks = sorted(tokenizer._mergeable_ranks.items(), key=lambda pair: pair[1])
    return [base64.b64encode(token).decode() for token, _ in ranks]


def vocabularies() -> dict:
    shuffled = list(load_tokenizer("tiny")._mergeable_ranks)
    random.Random(1).shuffle(shuffled)  # so that merges do not ascend
    ranks = {token: rank for rank, token in enumerate(shuffled)}
    odd = tiktoken.Encoding(
        "odd", pat_str=PATTERN, mergeable_ranks=ranks, special_tokens={}
    )
    return {"tiny": load_tokenizer("tiny"), "odd": odd}


@node
@pytest.mark.parametrize("name", ["tiny", "odd"])
def test_the_tokenizer_gives_the_same_ids(name):
    tokenizer = vocabularies()[name]
    texts = [*TEXTS, *some_texts(4000), "ab" * 3000, " " * 3000 + "x", "x" + " " * 3000]
    code = (
        "const t = new Tokenizer(ask.tokens); return ask.texts.map((x) => t.encode(x));"
    )
    found = javascript(code, {"tokens": tokens_of(tokenizer), "texts": texts})
    assert found == [tokenizer.encode_ordinary(text) for text in texts]


def save_run(folder: Path, model, tokenizer, rule=DecisionRule(), rows=()) -> Path:  # noqa: B008
    """A run's folder, as far as a page needs it."""
    save(model, folder / "model", tokenizer, rule=rule)
    if rows:
        df = pd.DataFrame(rows, columns=["Label", "Text"])
        df.to_csv(folder / "test.csv", index=False)
    return folder


ROWS = [("ham", f"see you at {hour}") for hour in range(9)] + [
    ("spam", f"WIN {hour} NOW") for hour in range(9)
]


@pytest.fixture
def lenient(monkeypatch):
    """Random models are near no verdict at all, so few bits flip many."""
    monkeypatch.setattr(page, "MOST_FLIPPED", 1.0)


@pytest.fixture
def written(tmp_path, tokenizer, lenient) -> Path:
    """The page of a random model with a threshold."""
    rule = DecisionRule(1.7, 0, Threshold("spam", 0.6))
    run = save_run(tmp_path / "run", random_classifier(), tokenizer, rule, ROWS)
    return write_page(run, tmp_path / "page.html").path


CARD = """const card = JSON.parse(ask.card);
const model = new GPTClassifier(card, readTensors(fromBase64(ask.weights)));"""


def parts_of(path: Path) -> dict[str, str]:
    found = re.findall(
        r'<script type="[^"]+" id="(\w+)">(.*?)</script>', path.read_text()
    )
    return dict(found)


@node
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("pooling", ["last_real", "mean"])
@pytest.mark.parametrize("names", [("ham", "spam"), ("a", "b", "c")])
def test_the_logits_are_those_of_torch(
    form, pooling, names, tmp_path, tokenizer, lenient, monkeypatch
):
    monkeypatch.setattr(page, "FORMS", {form: FORMS[form]})
    model = random_classifier(pooling, names)
    run = save_run(tmp_path / "run", model, tokenizer)
    write_page(run, tmp_path / "page.html")
    texts = [*TEXTS, *some_texts(200, seed=2)]
    small, _ = in_form(model, form)
    whole = predict_in_order(small, model.encode(texts, tokenizer))
    code = f"""{CARD} const states = model.states();
    return ask.texts.map((text) => model.forward(text, states));"""
    asked = {**parts_of(tmp_path / "page.html"), "texts": texts}
    found = torch.tensor(javascript(code, asked))
    torch.testing.assert_close(found, whole, atol=1e-4, rtol=1e-4)
    assert (found.argmax(1) == whole.argmax(1)).all()


@node
def test_a_normalizer_writes_texts_as_in_python(tmp_path, tokenizer, lenient):
    normalizer = Normalizer({"а": "a", "е": "e", "о": "o", "Ω": "O", "𐊊": "x"})
    tokens = NormalizingEncoding(tokenizer, normalizer)
    run = save_run(tmp_path / "run", random_classifier(), tokens)
    path = write_page(run, tmp_path / "page.html").path
    pairs = [t.encode("utf-16", "surrogatepass") for t in some_texts(1000, seed=5)]
    texts = [pair.decode("utf-16", "surrogatepass") for pair in pairs]
    texts += ["Ｆ\u200bRее", "ﷺ", "e" + "\u0301\u0323" * 40, "\u1160x\ufe0f", "ﬁ½"]
    code = f"{CARD} return ask.texts.map((text) => normalize(text, card.normalizer));"
    found = javascript(code, {**parts_of(path), "texts": texts})
    assert found == list(map(normalizer, texts))


@node
def test_a_token_is_left_out_and_blocks_are_read_as_in_explain(written, tokenizer):
    model, _ = in_form(load(written.parent / "run").model, "int8")
    text = "WIN a prize, call now"
    code = f"""{CARD}
    const [states, other] = [model.states(), model.states()];
    const ids = model.encode(ask.text);
    finish(model.gpt.reading(ids, states));
    const found = [];
    const scoreOf = function* (some) {{
      yield* model.gpt.reading(some, other);
      return model.logits(other, some.length);
    }};
    finish(leaveOneOut(ids, 1, scoreOf, 256, (t, drop) => (found[t] = drop)));
    const at = (_, b) => score(model.logits(states, ids.length, b), 1);
    return [found, states.x.map(at)];"""
    found, blocks = javascript(code, {**parts_of(written), "text": text})
    explanation = leave_one_out(model, tokenizer, text, "spam")
    assert found == pytest.approx(explanation.contributions, abs=1e-4)
    assert blocks == pytest.approx(by_block(model, tokenizer, text, "spam"), abs=1e-4)


@node
def test_the_rule_decides_as_verdict_does():
    torch.manual_seed(3)
    logits, names = torch.randn(400, 3).double() * 2, ("a", "b", "c")
    for rule in (
        DecisionRule(0.7),
        *(DecisionRule(1.3, 0, Threshold("b", p)) for p in (0.2, 0.5, 0.8)),
    ):
        k = names.index(rule.threshold.label) if rule.threshold else NO_CLASS
        value = rule.threshold.value if rule.threshold else 0
        code = """const rule = new DecisionRule(...ask[0]);
        return ask[1].map((row) => rule.decide(rule.probabilities(row)));"""
        found = javascript(code, [[rule.temperature, k, value], logits.tolist()])
        assert found == rule.predict(logits, names).tolist()


@node
def test_what_was_read_before_does_not_matter(written):
    """Beginnings are kept between texts, and work that was given up leaves no trace."""
    texts = ["WIN CASH", "WIN CASH NOW", "WIN", "see you", "WIN CASH NOW or never"] * 2
    code = f"""{CARD}
    const kept = model.states();
    return ask.texts.map((text) => {{
      model.gpt.reading(model.encode(`WIN ${{text}}`), kept).next(); // and no further
      return [model.forward(text, kept), model.forward(text)];
    }});"""
    for kept, fresh in javascript(code, {**parts_of(written), "texts": texts}):
        assert kept == fresh


@node
def test_the_last_column_changes_with_padding_and_the_last_token_does_not(
    written, tokenizer
):
    model, _ = in_form(load(written.parent / "run").model, "int8")
    found = on_page(written, "return [message.ids, message.padded];")
    ids, padded = found
    columns = [ids + [256] * n for n in range(len(padded))]
    whole = predict_in_order(model, columns)
    torch.testing.assert_close(torch.tensor(padded), whole, atol=1e-4, rtol=1e-4)
    code = """run("settings").padding = 5;
    run("onSettings")(true);
    await settled();
    return [message.logits, message.all.length, message.ids.length];"""
    logits, columns, tokens = on_page(written, code)
    assert (logits, columns) == (padded[0], tokens + 5)
    logits, *_ = on_page(written, f'run("settings").readsAll = true; {code}')
    assert logits == pytest.approx(padded[5])


@node
def test_hostile_texts_stay_texts(tmp_path, tokenizer, lenient):
    model = random_classifier(names=(HOSTILE, "<!--<script>"))
    run = save_run(tmp_path / "run", model, tokenizer)
    path = write_page(run, tmp_path / "page.html").path
    code = """message.write(ask);
    await settled();
    run("compare")();
    const count = (...tags) =>
      document.root.all().filter(({ tag }) => tags.includes(tag)).length;
    const [tokens, verdict] = ["contributions", "verdict"].map(message.part);
    const [images, scripts] = [count("img", "b"), count("script")];
    return [tokens.textContent, verdict.textContent, images, scripts];"""
    tokens, verdict, images, scripts = on_page(path, code, HOSTILE)
    assert tokens == HOSTILE[:48] and images == 0
    assert scripts == 3  # the card and the two that run; the weights are used up
    assert verdict.startswith((HOSTILE, "<!--<script>"))


def test_no_message_of_the_run_is_in_its_page(written):
    weights = parts_of(written)["weights"]
    text = written.read_text() + base64.b64decode(weights).decode("latin-1")
    assert not [message for _, message in ROWS if message in text]


@node
def test_the_test_part_is_counted_as_by_alarms(written):
    saved = load(written.parent / "run")
    small, _ = in_form(saved.model, "int8")
    logits = predict_in_order(
        small, small.encode([t for _, t in ROWS], saved.tokenizer)
    )
    labels = torch.tensor([name == "spam" for name, _ in ROWS]).long()
    alarms = count_alarms(saved.rule, logits, labels, ("ham", "spam"), "spam")
    code = """const c = run("countAlarms")(1);
    const found = run("precision")(c.caught / c.own, c.alarms / c.others, 0.1);
    return [c, found, run("wilson")(3, 17)];"""
    counted, precision, interval = on_page(written, code)
    assert (counted["caught"], counted["alarms"]) == (alarms.caught, alarms.false)
    assert counted["unsure"] == alarms.own_unsure + alarms.others_unsure
    if alarms.caught + alarms.false:
        assert precision == pytest.approx(alarms.precision_at(0.1).share)
    assert interval == pytest.approx(wilson(3, 17), abs=1e-6)


@node
def test_a_file_is_classified_as_by_the_command(written, tmp_path, tokenizer):
    """The same columns, labels, marks of formulas; quotes and line ends survive."""
    rows = [["id", "text"], ["1", 'WIN "cash", now'], ["2", "=1+1"], ["3", "a\r\nb,c"]]
    rows += [["4", ""], ["5", HOSTILE], ["6", "-5"], ["7", "WIN ü"]]
    source, target = tmp_path / "in.csv", tmp_path / "out.csv"
    with source.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
    saved = load(written.parent / "run")
    saved = replace(saved, model=in_form(saved.model, "int8")[0])
    classify_table(saved, source, target)
    code = """const bytes = new TextEncoder().encode(ask);
    await run("openFile")({ name: "in.csv", arrayBuffer: async () => bytes.buffer });
    await run("scoreTable")();
    document.getElementById("save").click();
    return [saved.name, await saved.blob.text()];"""
    name, text = on_page(written, code, source.read_bytes().decode())
    found, expected = (
        list(csv.reader(io.StringIO(t))) for t in (text, target.read_bytes().decode())
    )
    assert name == "in-predicted.csv"
    assert [row[:3] for row in found] == [row[:3] for row in expected]
    for ours, theirs in zip(found[1:], expected[1:], strict=True):
        assert list(map(float, ours[3:])) == pytest.approx(
            list(map(float, theirs[3:])), abs=1e-4
        )


@node
def test_cells_and_controls_are_shown_and_marked_as_in_python(written):
    pairs = [text.encode("utf-16", "surrogatepass") for text in some_texts(500, seed=4)]
    texts = [pair.decode("utf-16", "surrogatepass") for pair in pairs]
    texts += ["=1", "+1", "-x", "\t=", "'@a", "1e5", "'", *TEXTS]
    code = 'return ask.map((x) => [run("visible")(x), run("markFormula")(x)]);'
    expected = [[visible(text), mark_formula(text)] for text in texts]
    assert on_page(written, code, texts) == expected


@node
def test_an_edit_flips_or_does_not_and_can_be_undone(written):
    code = """const seen = [];
    for (const [i, button] of message.editButtons.entries()) {
      const foretold = message.edited[i];
      button.click();
      await settled();
      seen.push([foretold, message.logits, message.text]);
      message.undo.click();
      await settled();
    }
    return [seen, message.text, run("card").example];"""
    seen, text, example = on_page(written, code)
    assert text == example and len({text for *_, text in seen} | {example}) >= 5
    for foretold, logits, _ in seen:
        assert logits == pytest.approx(foretold, abs=1e-6)


def test_the_bundled_gpt_fits_into_12_megabytes(tmp_path, lenient):
    from spamft.sources import open_model

    tiny = open_model("tiny")
    model = GPTClassifier(tiny.gpt, ("ham", "spam"))
    run = save_run(tmp_path / "run", model, tiny.tokenizer, rows=ROWS)
    facts = write_page(run, tmp_path / "page.html")
    assert facts.form == "int8" and facts.size == facts.path.stat().st_size <= 12e6


def refused(**changes) -> GPTClassifier:
    model = random_classifier(changes.pop("pooling", "last_real"))
    if changes.pop("full", False):
        model.gpt = with_attention(model.gpt, "full")
    return model


@pytest.mark.parametrize(
    "make, complaint",
    [
        (lambda gpt: refused(pooling="last"), "pooling last"),
        (lambda gpt: refused(full=True), "full attention"),
        (lambda gpt: GPTClassifier(gpt), "a llama"),
        (
            lambda gpt: PromptClassifier(refused().gpt, ("a", "b"), ([97], [98])),
            "answers a prompt",
        ),
    ],
)
def test_what_a_page_cannot_run_is_refused_by_name(
    make, complaint, tmp_path, tokenizer, tiny_llama
):
    run = save_run(tmp_path / "run", make(tiny_llama), tokenizer)
    with pytest.raises(SpamftError, match=f"cannot run .*{complaint}"):
        write_page(run, tmp_path / "page.html")
    assert not (tmp_path / "page.html").exists()


def test_a_model_that_is_too_large_is_refused_with_both_sizes(
    tmp_path, tokenizer, monkeypatch
):
    run = save_run(tmp_path / "run", random_classifier(), tokenizer)
    monkeypatch.setattr(page, "MOST", 20_000)
    with pytest.raises(SpamftError, match=r"would take 0\.\d MB, and 0 MB is the most"):
        write_page(run, tmp_path / "page.html")


def test_what_fits_in_8_bits_takes_8_and_what_does_not_4(
    tmp_path, tokenizer, monkeypatch, lenient
):
    run = save_run(tmp_path / "run", random_classifier(), tokenizer, rows=ROWS)
    large = write_page(run, tmp_path / "large.html")
    model = load(run).model
    monkeypatch.setattr(page, "_estimate", lambda _, form: page.MOST * form.bytes * 1.5)
    small = write_page(run, tmp_path / "small.html")
    assert (large.form, small.form) == ("int8", "NF4") and small.size < large.size
    assert next(model.parameters()).dtype == torch.float32


def test_verdicts_that_are_lost_are_refused_and_counted(
    tmp_path, tokenizer, monkeypatch
):
    run = save_run(tmp_path / "run", random_classifier(), tokenizer, rows=ROWS)
    monkeypatch.setattr(page, "_compare", lambda *_: (3, 0.4))
    with pytest.raises(SpamftError, match="3 of 18 verdicts differ .* more than 2 %"):
        write_page(run, tmp_path / "page.html")
    monkeypatch.setattr(page, "_compare", lambda *_: (0, 0.01))
    facts = write_page(run, tmp_path / "page.html")
    assert "of 18 messages 0 get another verdict" in str(facts)


@node
def test_a_model_without_a_test_part_says_so(tmp_path, tokenizer, lenient):
    run = save_run(tmp_path / "run", random_classifier(), tokenizer)
    path = write_page(run / "model", tmp_path / "page.html").path
    code = 'return document.getElementById("measured").textContent;'
    assert "without a test part" in on_page(path, code)


def test_the_gpt_in_javascript_runs_alone():
    if NODE:
        code = 'return new Tokenizer(["YQ==", "Yg==", "YWI="]).encode("aab", 9);'
        assert javascript(code, None) == [0, 2]
    assert "document" not in GPT_JS and sys.version_info >= (3, 10)
