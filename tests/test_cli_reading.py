"""Every command reads a file in the same way, by the same options."""

import json

import pytest

from spamft.cli.main import main
from spamft.experiments.finetune import finetune
from spamft.gpt import GPTConfig
from spamft.sources import open_splits

WORDS = [f"{a}{b}{c}" for a in "bcdfghj" for b in "aeiou" for c in "klmnprst"]


@pytest.fixture(scope="module")
def classifier(tmp_path_factory):
    folder = tmp_path_factory.mktemp("classifier")
    rows = "".join(f"ham\tsee you {w}\nspam\tWIN {w}\n" for w in WORDS[:20])
    (folder / "data.tsv").write_text(rows)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("spamft.sources.models.SCRATCH", GPTConfig(4096, 160, 16, 2, 2))
        opened = open_splits(folder / "data.tsv")
        run = finetune(opened, "scratch", config={"epochs": 1})
    return run.save(folder / "run")


def write(template: str, labels=("ham", "spam"), count=24, encoding="utf-8"):
    """So many rows of a template with `label`, `word` in it."""
    lines = [
        template.format(label=labels[i % len(labels)], word=WORDS[i])
        for i in range(count)
    ]
    return "\n".join(lines).encode(encoding)


CASES = {
    "an encoding": ("{label},é {word}", "Label,Text", "--encoding cp1252", "cp1252"),
    "no header": ("{label};{word}", "", "--no-header", "utf-8"),
    "columns": ("{word},{label},x", "body,team,n", "--text body --label team", "utf-8"),
    "two columns": ("{label},a,{word}", "Label,b,c", "--text b --text c", "utf-8"),
    "by number": ("1,{label},{word}", "", "--no-header --text 3 --label 2", "utf-8"),
    "quotes": ('{label}\t"{word}', "Label\tText", "--quotes text", "utf-8"),
    "wide": ("{label},{word}", "\ufeffLabel,Text", "", "utf-16-le"),
}


@pytest.mark.parametrize("name", CASES)
def test_options_mean_the_same_to_each_command(
    file, classifier, tmp_path, capsys, small_scratch, name
):
    template, header, options, encoding = CASES[name]
    lines = write(template).decode()
    path = str(file(f"{header}\n{lines}\n".lstrip("\n").encode(encoding)))
    given, model = options.split(), ["--model", str(classifier)]
    assert main(["audit", path, *given, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 24
    assert main(["evaluate", *model, "--data", path, *given, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert sum(map(sum, found["confusion"])) == 24 and found["notes"] == []
    unlabelled = options.partition(" --label")[0].split()
    assert main(["classify", *model, "--file", path, *unlabelled]) == 0
    assert capsys.readouterr().out.count("\n") == 25
    run = ["--model", "scratch", "--epochs", "1", "--output", str(tmp_path / "run")]
    assert main(["finetune", *run, "--data", path, *given, "--method", "head"]) == 0
    assert "24 messages (12 ham, 12 spam)" in capsys.readouterr().out


RULES = {
    "--drop-unlabelled": ("n/a", "12 of 36 labels look missing"),
    "--merge-case": ("HAM", "labels that differ in case or blanks"),
    "--trust-labels": ("ham,spam", "look like lists of labels"),
    "--min-per-class 9": ("eggs", None),
}


@pytest.mark.parametrize("rule", RULES)
def test_rules_for_labels_mean_the_same_to_finetune_and_evaluate(
    file, classifier, capsys, tmp_path, small_scratch, rule
):
    odd, complaint = RULES[rule]
    labels = ("ham", "spam", f'"{odd}"')
    count = 26 if complaint is None else 36
    lines = write("{label},{word}", labels, 36).decode().splitlines()
    if complaint is None:  # few of the third
        lines = [line for line in lines if odd not in line] + ["eggs,fried", "eggs,raw"]
    path = str(file("Label,Text\n" + "\n".join(lines)))
    output = ["--output", str(tmp_path / "run"), "--model", "scratch", "--epochs", "1"]
    finetuning = ["finetune", "--data", path, *output, "--method", "head"]
    evaluation = ["evaluate", "--model", str(classifier), "--data", path]
    if complaint:
        for command in (finetuning, evaluation):
            assert main(command) == 2
            said = capsys.readouterr().err
            assert complaint in said and rule in said and said.count("\n") == 1
    assert main([*finetuning, *rule.split()]) == 0
    capsys.readouterr()
    code = main([*evaluation, *rule.split()])
    shown = capsys.readouterr()
    if rule == "--trust-labels":  # a class that this model does not know
        assert code == 2 and "unknown label 'ham,spam'" in shown.err
    else:
        kept = count - {"--drop-unlabelled": 12, "--min-per-class 9": 2}.get(rule, 0)
        assert code == 0 and f"{kept} examples" in shown.out
        assert "note: " in shown.out


def test_own_parts_reach_the_run_and_their_faults_are_one_line(
    file, tmp_path, capsys, small_scratch
):
    data = file(write("{label}\t{word}"), "data.tsv")
    test = file('{"label": "SPAM", "text": "new"}\n', "test.jsonl")
    output = ["--output", str(tmp_path / "run"), "--model", "scratch", "--epochs", "1"]
    command = ["finetune", "--data", str(data), "--test", str(test), *output]
    assert main(command) == 2
    said = capsys.readouterr().err
    assert "test.jsonl" in said and "--merge-case" in said and said.count("\n") == 1
    assert main([*command, "--merge-case", "--method", "head"]) == 0
    metrics = json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert sum(map(sum, metrics["test"]["confusion"])) == 1


@pytest.mark.parametrize(
    "labels, complaint",
    [
        ("0", "expected CELL=NAME, such as 0=ham"),
        ("0=no", "'no' is no class of the model"),
    ],
)
def test_meanings_that_mean_nothing_are_refused(
    file, classifier, capsys, labels, complaint
):
    path = str(file("Label,Text\n0,a\n1,b\n"))
    command = ["evaluate", "--model", str(classifier), "--data", path, "--labels"]
    assert main([*command, labels]) == 2
    assert complaint in capsys.readouterr().err
    assert main([*command, "0=spam", "1=ham"]) == 0
