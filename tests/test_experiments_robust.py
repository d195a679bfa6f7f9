"""A robust run learns edited copies of its messages, and reads what is seen."""

import random

import pandas as pd
import pytest
from made_messages import clean

from spamft.data import Splits, encode_labels
from spamft.experiments import robust as robust_module
from spamft.experiments.checkpoints import Checkpoints
from spamft.experiments.finetune import finetune
from spamft.experiments.robust import (
    DRAWN,
    Robustness,
    edits_of,
    plan_robustness,
    with_edited_copies,
)
from spamft.insight.edits import EDITS
from spamft.insight.patterns import PLACES
from spamft.methods.method import METHODS
from spamft.plumbing.errors import SpamftError
from spamft.sources import open_splits
from spamft.sources.notices import notices
from spamft.use.saved import load

HELD_OUT = {
    *("leetspeak", "thanks at the end", "numbers in words", "link in words"),
    *("sentences shuffled", "look-alike letters", "full-width letters"),
    *("zero-width spaces", "soft hyphens"),
}
QUICK = {"epochs": 2, "lr": 1e-3}
NOTICES = 4  # of the 570, so that the tests are quick

pytestmark = pytest.mark.usefixtures("small_scratch")


@pytest.fixture(autouse=True)
def few_notices(monkeypatch):
    monkeypatch.setattr(robust_module, "notices", lambda: notices()[:NOTICES])


def full_stop(text: str, draw: random.Random) -> str:
    return text + "."


def nothing(text: str, draw: random.Random) -> str:
    return text


def test_what_stress_measures_is_held_out_from_training():
    assert set(EDITS) - set(DRAWN) == HELD_OUT


def test_the_messages_come_first_and_each_copy_has_its_label():
    df = encode_labels(clean(20))
    larger = with_edited_copies(df, {"stop": full_stop}, 3, seed=1)
    assert larger[:20].equals(df) and len(larger) == 80
    for start in (20, 40, 60):
        copies = larger[start : start + 20].reset_index(drop=True)
        assert copies["Label"].equals(df["Label"])
        assert copies["Text"].equals(df["Text"] + ".")


def test_an_edit_is_drawn_among_those_that_change_the_message():
    df = encode_labels(clean(20))
    edits = {"none": nothing, "stop": full_stop, "also none": nothing}
    larger = with_edited_copies(df, edits, 1, seed=1)
    assert larger["Text"][20:].str.endswith(".").all()
    same = with_edited_copies(df, {"none": nothing}, 1, seed=1)
    assert same["Text"].tolist() == 2 * df["Text"].tolist()


@pytest.mark.parametrize("place", PLACES)
def test_a_beginning_or_ending_is_turned_round_and_so_tells_nothing(place):
    texts = ["Are you home?", "WIN at prize-city.example", "£5 is yours!", "10 to 4"]
    edit = edits_of(pd.DataFrame({"Text": texts}))[f"{place}, or not"]
    changed = [(text, edit(text, random.Random(1))) for text in texts]
    changed = [(before, after) for before, after in changed if after != before]
    holds = PLACES[place].holds
    assert changed and all(holds(before) != holds(after) for before, after in changed)


def test_an_address_that_is_added_is_one_of_these_messages():
    df = pd.DataFrame({"Text": ["see prize-city.example/win", "home at 10"]})
    added = edits_of(df)["ends with: web address, or not"]("home", random.Random(1))
    assert added == "home prize-city.example/win"


def test_each_measure_may_be_left_out(message_file):
    copies = Robustness(None, {"stop": full_stop}, copies=1)
    run = finetune(message_file, "scratch", robust=copies, config=QUICK)
    told = run.metrics()["robust"]
    assert told["drawn"] == ["stop"] and not told["normalizes"]


def test_a_head_reads_the_mean_of_all_tokens_unless_told_otherwise(message_file):
    for asked, read in ((None, "mean"), ("last_real", "last_real")):
        run = robust(message_file, pooling=asked)
        assert run.model.pooling == read == run.metrics()["robust"]["pooling"]
        assert run.data.notes[-1] == f"robust: a class head reads by pooling {read}"


def test_copies_are_the_seeds():
    df = encode_labels(clean(20))
    edits = edits_of(df)
    one, again, other = (with_edited_copies(df, edits, 2, seed=s) for s in (1, 1, 2))
    assert one.equals(again) and not one.equals(other)


@pytest.mark.parametrize(
    ("texts", "maps"),
    [
        (["see you at 10", "caf\u00e9"], True),
        (["ｆｕｌｌ ｗｉｄｔｈ"], True),
        (["увидимся в 10", "see you"], False),
        (["12 !"], False),
    ],
)
def test_look_alikes_are_latin_letters_only_where_those_are_the_language(texts, maps):
    plan = plan_robustness(pd.DataFrame({"Text": texts}), ("a", "b"))
    assert bool(plan.normalizer.table) == maps == ("read as" in plan.notes[0])
    assert plan.to_dict()["look_alikes"] == len(plan.normalizer.table)


def test_notices_are_learned_where_the_classes_are_ham_and_spam():
    train = pd.DataFrame({"Text": ["see you at 10"], "Label": [0]})
    plan = plan_robustness(train, ("spam", "ham"))
    learned = plan.splits(Splits(train, train, train), seed=1).train
    names = [("spam", "ham")[code] for code in learned["Label"][1 : 1 + NOTICES]]
    assert names == notices()["Label"].tolist()[:NOTICES]
    assert len(learned) == 3 * (1 + NOTICES) and plan.to_dict()["notices"] == NOTICES
    assert f"{NOTICES} notices" in " ".join(plan.notes)
    for other in (("ham", "other"), ("ham", "spam", "news")):
        assert plan_robustness(train, other).notices is None


def robust(file, method="last_block", **options):
    return finetune(file, "scratch", method, config=QUICK, robust=True, **options)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_reads_and_saves_what_is_seen(message_file, tmp_path, method):
    run = robust(message_file, method)
    saved = load(run.save(tmp_path / "run"))
    plain, disguised = run.classify(["WIN A NOW", "ＷІ\u200bN Ａ ΝО\u00adW"])
    assert plain == disguised
    again = saved.classify("ＷІ\u200bN Ａ ΝО\u00adW").probabilities
    assert again == pytest.approx(plain.probabilities, abs=1e-5)


def test_only_what_is_learned_grows(message_file):
    plain = finetune(message_file, "scratch", "full", config=QUICK)
    run = robust(message_file, "full")
    learned = plain.history[-1].examples + QUICK["epochs"] * NOTICES
    assert run.history[-1].examples == 3 * learned
    for part, same in zip(run.data.splits, plain.data.splits, strict=True):
        assert part.equals(same)
    for name, logits in run.logits.items():
        assert logits.shape == plain.logits[name].shape
        assert run.reports[name].examples == len(logits)


def test_logits_are_those_of_the_messages_in_their_order(message_file):
    run = robust(message_file)
    texts = run.data.splits.train["Text"]
    for text, row in zip(texts, run.logits["train"], strict=True):
        alone = run.classify(text).probabilities.values()
        temperature = run.rule.temperature
        assert (row / temperature).softmax(-1).tolist() == pytest.approx(
            list(alone), abs=1e-5
        )


def test_what_was_done_is_told_and_kept(message_file):
    lines = []
    run = robust(message_file, log=lines.append)
    drawn = run.metrics()["robust"]["drawn"]
    assert drawn == [*DRAWN, *(f"{place}, or not" for place in PLACES)]
    told = [line for line in lines if line.startswith("note: robust")]
    assert len(told) == 4 and "2 edited copies" in told[1]
    assert [f"note: {note}" for note in run.data.notes[-4:]] == told
    plain = finetune(message_file, "scratch", config=QUICK)
    assert plain.metrics()["robust"] is None


def test_a_robust_run_resumes_as_such_alone(message_file, tmp_path):
    whole = robust(message_file)
    first = Checkpoints(tmp_path / "progress", first=0.0)
    robust(message_file, checkpoints=first)
    again = Checkpoints(tmp_path / "progress", resume=True)
    resumed = robust(message_file, checkpoints=again)
    assert resumed.logits["test"].equal(whole.logits["test"])
    with pytest.raises(SpamftError, match="of a run with another data, .*robust"):
        finetune(message_file, "scratch", "last_block", config=QUICK, checkpoints=again)


def test_the_lecture_is_not_robust(message_file):
    with pytest.raises(SpamftError, match="the lecture knows no robust training"):
        finetune(message_file, "scratch", lecture=True, robust=True)


def test_messages_of_another_script_are_not_damaged(tmp_path):
    rows = [f"ham\tувидимся в {chr(1072 + i)}" for i in range(20)]
    rows += [f"spam\tВЫИГРАЙ {chr(1040 + i)} СЕЙЧАС" for i in range(20)]
    path = tmp_path / "russian.tsv"
    path.write_text("\n".join(rows), encoding="utf-8")
    run = robust(open_splits(path))
    text = "увидимся в а"
    assert run.tokenizer.decode(run.tokenizer.encode_ordinary(text)) == text
