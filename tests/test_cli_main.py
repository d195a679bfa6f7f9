import errno
import re
import subprocess
import sys

import pytest

from spamft.cli.main import COMMANDS, main


@pytest.mark.parametrize(
    "arguments, complaint",
    [
        ("", "required: COMMAND"),
        ("finetune", "the following arguments are required: --output"),
        ("finetune --data x --model scratch --output o", "no file 'x'"),
        ("finetune --data x --model scratch --output o --lr fast", "invalid float"),
        ("finetune --data sample --model tiny --output o --epochs 0", "epochs=0 must"),
        ("finetune --data sample --output o --method x", "unknown method 'x': choose"),
        ("finetune --data sample --output o --device tpu", "device 'tpu' must be one"),
        ("classify --model nowhere hello", "nowhere holds no saved classifier"),
        ("classify --model m a --file b", "give texts or --file, not both"),
        ("classify --model m a --output b", "--output goes with --file"),
        ("evaluate --model nowhere --data x", "nowhere holds no saved classifier"),
        ("audit nowhere.csv", "no file 'nowhere.csv'"),
        ("stress nowhere", "nowhere holds no saved classifier"),
        ("compare --data sample --output o --only x", "unknown method 'x': choose"),
        ("finetune --data x --output o --threads 0", "threads=0 must lie in 1.."),
        ("audit x --threads two", "argument --threads: invalid int value: 'two'"),
        ("pretrain --texts nowhere.txt --output o", "nowhere.txt"),
    ],
)
def test_an_error_is_one_line_and_code_2(
    arguments, complaint, capsys, tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    assert main(arguments.split()) == 2
    shown = capsys.readouterr()
    assert complaint in shown.err and shown.err.count("\n") == 1
    assert shown.err.startswith("spamft: ") and shown.out == ""


def test_debug_shows_the_traceback():
    arguments = ["finetune", "--data", "x", "--model", "scratch", "--output", "o"]
    with pytest.raises(ValueError, match="no file"):
        main([*arguments, "--debug"])


def test_a_bug_shows_its_traceback(monkeypatch):
    def bug(*args, **kwargs):
        raise TypeError("a bug")

    monkeypatch.setattr("spamft.use.saved.load", bug)
    with pytest.raises(TypeError, match="a bug"):
        main(["classify", "--model", "m", "hello"])


def test_ctrl_c_ends_with_130_and_one_line(monkeypatch, capsys):
    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr("spamft.use.saved.load", interrupt)
    assert main(["classify", "--model", "m", "hello"]) == 130
    assert capsys.readouterr().err == "spamft: interrupted: nothing was saved\n"


@pytest.mark.parametrize("command", ["", *(c.rpartition(".")[2] for c in COMMANDS)])
def test_help_is_there_for_every_command(command, capsys):
    with pytest.raises(SystemExit) as stopped:
        main([*command.split(), "--help"])
    assert stopped.value.code == 0
    assert f"usage: spamft {command}".strip() in capsys.readouterr().out


def test_the_list_of_commands_imports_nothing_heavy():
    script = (
        "import sys; from spamft.cli.main import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: print('torch' in sys.modules, 'pandas' in sys.modules)"
    )
    shown = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    assert shown.stdout.splitlines()[-1] == "False False"


def test_the_module_is_the_command():
    shown = subprocess.run(
        [sys.executable, "-m", "spamft", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert shown.stdout.strip() == __import__("spamft").__version__


@pytest.mark.parametrize(
    "error, words",
    [
        (OSError(errno.ENOSPC, "No space left on device"), "no room to write: free"),
        (OSError("a: I/O error: File too large (os error 27)"), "no room to write"),
        (PermissionError(errno.EACCES, "denied", "a"), "not allowed: choose another"),
        (FileNotFoundError(errno.ENOENT, "No such"), "the folder you are in is gone"),
        (RuntimeError("can't start new thread"), "out of memory: use a smaller"),
        (SystemError("error return without exception set"), "out of memory: use a"),
        (MemoryError(), "out of memory: use a smaller .*(MemoryError)"),
    ],
)
def test_what_the_machine_lacks_is_one_line_with_advice(
    error, words, monkeypatch, capsys
):
    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr("spamft.use.saved.load", fail)
    assert main(["classify", "--model", "m", "hello"]) == 2
    shown = capsys.readouterr().err
    assert re.match(f"spamft: {words}", shown) and shown.count("\n") == 1
