"""A machine that fails: the work is done, or one line says what to do.

Then the exit code is 2, there is no traceback, and the old result is there whole, with
nothing beside it. `SPAMFT_FAULTS` adds the costly ones: whole processes with little
room for addresses.
"""

import errno
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("the limits are those of Linux", allow_module_level=True)

from killing import ENDED, run, tree  # noqa: E402
from machine import Shown, address_space, command, file_size, ordinary  # noqa: E402

from spamft.classifier import GPTClassifier  # noqa: E402
from spamft.cli.main import main  # noqa: E402
from spamft.gpt import GPT, GPTConfig  # noqa: E402
from spamft.methods.lora import LoRAConfig, add_lora  # noqa: E402
from spamft.methods.lora_files import save_adapter  # noqa: E402
from spamft.plumbing.checkpoint import save_checkpoint  # noqa: E402
from spamft.pretrained import save_gpt2  # noqa: E402
from spamft.use.saved import save  # noqa: E402

COSTLY = "SPAMFT_FAULTS" in os.environ
SHAPE = GPTConfig(vocab_size=257, context_length=64, emb_dim=16, n_layers=2, n_heads=2)
WORDS = ("alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota")
MB = 2**20
FINETUNE = "finetune --data t.csv --model scratch --epochs 1 --overwrite --output"
COMMANDS = {
    "finetune": f"{FINETUNE} out/run",
    "last block": f"{FINETUNE} out/run --method last_block",
    "classify": "classify --model model --file t.csv --overwrite --output out/o.csv",
    "compare": "compare --data t.csv --model scratch --seeds 1 --epochs 1 --only head "
    "--output out/compared",
}
PLACES = ("t.csv", "model", "out/run", "out/o.csv", "out/compared")
ADVICE = (
    "free space|choose another|smaller|change to another|change its permissions|"
    "is missing|expected"
)
# how libraries in C and Rust end a process that has no memory: no Python sees it
ABORTS = "OpenBLAS error|bad_alloc|memory allocation of|thread-local data"


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """60 messages, a classifier, and in `out` an earlier result of each command.

    Made in this process, which imports for the forks, too.
    """
    place, draw = tmp_path_factory.mktemp("finished"), random.Random(0)
    rows = [("ham", "see"), ("spam", "WIN")] * 30
    lines = [
        f"{label},{word} {' '.join(draw.sample(WORDS, 4))}" for label, word in rows
    ]
    (place / "t.csv").write_text("\n".join(["Label,Text", *lines, ""]))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        small = GPTConfig(4096, 160, 16, 2, 2)
        patch.setattr("spamft.sources.models.SCRATCH", small)
        assert main(f"{COMMANDS['last block']} --seed 7".split()) == 0
        shutil.copytree("out/run/model", "model")
        assert main(COMMANDS["classify"].split()) == 0
        (place / "out" / "o.csv").write_text("old\n")
        assert main(COMMANDS["compare"].split()) == 0  # draws a picture
        shutil.rmtree("out/compared")
        yield place


@pytest.fixture
def place(finished, tmp_path) -> Path:
    """A copy, to work in."""
    return shutil.copytree(finished, tmp_path / "place")


def hidden(folder: Path, progress: str = "") -> list[Path]:
    """What is left of an unfinished work, but for what ends with `progress`."""
    found = [path for path in folder.rglob(".*") if tree(path)]
    return [path for path in found if not (progress and path.name.endswith(progress))]


def check(shown: Shown, place: Path, before: dict, *, aborts: bool = False) -> str:
    """The law, but for what the command has yet to do; how it ended in a word.

    With `aborts` a library may have ended the process.
    """
    assert "Traceback" not in shown.err
    if aborts and re.search(ABORTS, shown.err):
        return "aborted"
    assert shown.code in (0, 2), shown
    if shown.code == 0:
        assert not hidden(place)
        return "done"
    # what --resume and the same command continue with may stay, and nothing else
    assert not hidden(place, ".progress")
    *others, line = shown.err.splitlines()
    assert not others or aborts  # a library may have said something before
    assert line.startswith("spamft: ") and re.search(ADVICE, line), line
    there = tree(place)
    assert {name: there.get(name) for name in before} == before
    kept = ("out/compared/", "out/.run.progress/", "out/.o.csv.progress/")
    assert all(name.startswith(kept) for name in there.keys() - before)
    return "refused"


def outcome(
    name: str, place: Path, limit: Callable[[], None], *, aborts: bool = False
) -> str:
    """Run a command under a limit; check the law, and that it continues without."""
    before = tree(place)
    shown = command(COMMANDS[name].split(), limit, place)
    found = check(shown, place, before, aborts=aborts)
    if found != "done" and tree(place) != before:
        again = command(COMMANDS[name].split(), cwd=place)
        assert again.code == 0 and again.err == "" and not hidden(place)
    return found


SIZES = {
    "finetune": (0, 100, 3000, 30_000, 200_000),
    "last block": (0, 1000, 30_000, 200_000),
    "classify": (0, 10, 3000),
    "compare": (0, 300, 1000, 30_000),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_disk_that_gets_full_is_one_line_and_leaves_the_old_result(place, name):
    shutil.copytree(place, place.parent / "whole")
    for size in SIZES[name]:
        shutil.rmtree(place)
        shutil.copytree(place.parent / "whole", place)
        assert outcome(name, place, file_size(size)) == "refused"
    assert outcome(name, place, file_size(2 * MB)) == "done"


WRITERS = {
    "save": lambda model, at, tokenizer: save(model, at, tokenizer),
    "weights": lambda model, at, tokenizer: save_gpt2(model.gpt, at),
    "adapter": lambda model, at, tokenizer: save_adapter(model, at),
    "checkpoint": lambda model, at, tokenizer: save_checkpoint(at, model.state_dict()),
}


@pytest.mark.parametrize("name", WRITERS)
def test_what_the_library_writes_onto_a_full_disk_is_refused(tmp_path, tokenizer, name):
    at, models = (
        tmp_path / "it",
        [GPTClassifier(GPT(SHAPE, seed=s), seed=s) for s in (1, 2)],
    )
    if name == "adapter":
        for model in models:
            add_lora(model, LoRAConfig(2))
    WRITERS[name](models[0], at, tokenizer)
    before, refused = tree(tmp_path), 0

    def work(size: int) -> None:
        file_size(size)()
        try:
            WRITERS[name](models[1], at, tokenizer)
        except OSError as error:
            assert re.search("too large", str(error)) and str(tmp_path) in str(error)
            os._exit(2)

    for size in (0, 10, 100, 1000, 5000, 20_000, MB):
        code = os.waitstatus_to_exitcode(run(lambda size=size: work(size))[0])
        assert code in (2, ENDED)
        assert (tree(tmp_path) == before) == (code == 2)
        assert [path.name for path in tmp_path.iterdir()] == ["it"]
        refused += code == 2
    assert refused >= 3 and code == ENDED


def no_space(*arguments, **options):
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def without(function: str) -> Callable[[], None]:
    """A disk on which this call finds no room; the fork alone has it."""
    return lambda: pytest.MonkeyPatch().setattr(function, no_space)


@pytest.mark.parametrize("function", ["tempfile.mkdtemp", "os.mkdir"])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_disk_that_was_full_before_is_one_line(place, name, function):
    outcome(name, place, without(function))


@pytest.fixture
def small_disk(tmp_path):
    """A mounted disk of some pages, for the few who may mount."""
    folder, options = tmp_path / "disk", ["-t", "tmpfs", "-o", "size=300k"]
    folder.mkdir()
    try:
        subprocess.run(["mount", *options, "tmpfs", folder], check=True, timeout=9)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"no disk can be mounted here: {error}")
    yield folder
    subprocess.run(["umount", folder], check=True)


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("free", [0, 1, 10, 40])  # pages
def test_a_disk_that_is_really_full_is_one_line(place, small_disk, name, free):
    shutil.copytree(place / "out", small_disk / "out", ignore=_no_model)
    shutil.rmtree(place / "out")
    (place / "out").symlink_to(small_disk / "out")
    with (small_disk / "filled").open("wb", buffering=0) as file:
        status = os.statvfs(small_disk)
        file.write(bytes((status.f_bavail - free) * status.f_frsize))
    before, there = tree(place), tree(small_disk)
    shown = command(COMMANDS[name].split(), cwd=place)
    if check(shown, place, before) == "refused":
        now = tree(small_disk)
        assert {name: now.get(name) for name in there} == there
    assert not hidden(small_disk, ".progress")


def _no_model(folder: str, names: list[str]) -> list[str]:
    return [name for name in names if name == "model"]


@pytest.mark.parametrize("owner", ["root", "another"])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_folder_that_may_only_be_read_is_one_line(place, name, owner):
    if owner == "another" and os.geteuid() != 0:
        pytest.skip("only root can give a folder away")
    closed = place / "out"
    os.chmod(closed, 0o555 if owner == "root" else 0o755)
    if owner == "another":
        os.chown(closed, 65534, 65534)
    before = tree(place)
    shown = command(COMMANDS[name].split(), ordinary, place)
    os.chmod(closed, 0o755)
    assert check(shown, place, before) == "refused" and tree(place) == before


def test_a_download_into_a_folder_that_may_only_be_read_is_one_line(place):
    (place / "data").mkdir(mode=0o555)
    arguments = (
        "finetune --data uci --model scratch --output out/other --cache-dir data"
    )
    before = tree(place)
    shown = command(arguments.split(), ordinary, place)
    assert check(shown, place, before) == "refused" and tree(place) == before


@pytest.mark.parametrize("closed", ["out/run", "t.csv", "model/model.safetensors"])
def test_what_may_not_be_read_or_replaced_is_refused_before_the_work(place, closed):
    name = "classify" if closed.startswith("model") else "finetune"
    before = tree(place)
    os.chmod(place / closed, 0o555 if closed == "out/run" else 0)
    shown = command(COMMANDS[name].split(), ordinary, place)
    os.chmod(place / closed, 0o755)
    assert shown.code == 2 and shown.err.count("\n") == 1 and closed in shown.err
    assert tree(place) == before and "epoch" not in shown.out


def whole_process(
    name: str, place: Path, limit: Callable[[], None] | None = None, **changes: str
) -> Shown:
    """The command as a user starts it; a change of None takes a variable away."""
    source = str(Path(__file__).parents[2])
    variables = {**os.environ, "PYTHONPATH": source, "OMP_NUM_THREADS": "1"} | changes
    shown = subprocess.run(
        [sys.executable, "-m", "spamft", *COMMANDS[name].split()],
        cwd=place,
        env={key: value for key, value in variables.items() if value is not None},
        preexec_fn=limit,
        capture_output=True,
        text=True,
        timeout=60,
    )
    return Shown(shown.returncode, shown.stdout, shown.stderr)


NOWHERE = {
    "no HOME": {"HOME": None, "XDG_CACHE_HOME": None, "XDG_CONFIG_HOME": None},
    "no such HOME": {"HOME": "closed/nowhere"},
    "no such TMPDIR": {"TMPDIR": "closed/nowhere"},
    "neither": {"HOME": "closed/nowhere", "TMPDIR": "closed/nowhere"},
}


@pytest.mark.parametrize("name", COMMANDS if COSTLY else ["finetune"])
@pytest.mark.parametrize("case", NOWHERE if COSTLY else ["no HOME", "neither"])
def test_no_home_and_no_place_for_temporary_files_do_no_harm(place, case, name):
    (place / "closed").mkdir(mode=0o555)
    changes = {
        key: value and str(place / value) for key, value in NOWHERE[case].items()
    }
    before = tree(place)
    shown = whole_process(name, place, ordinary, **changes)
    assert check(shown, place, before) == "done"


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("more", [4, 20, 28, 60])
def test_little_memory_is_one_line(place, name, more):
    """Python waits for ever for a thread that finds room for its stack, often 8 MB,
    and then none at all: so the limits lie between whole stacks."""

    def limit() -> None:
        pages = int(Path("/proc/self/statm").read_text().split()[0])
        address_space(pages * os.sysconf("SC_PAGE_SIZE") + more * MB)()

    if not Path("/proc/self/statm").exists():
        pytest.skip("the system does not tell how many addresses are taken")
    outcome(name, place, limit, aborts=True)


GIGABYTES = (1, 1.1, 1.2, 1.35, 1.5, 2, 2.5, 3) if COSTLY else (1.5,)


@pytest.mark.parametrize("gigabytes", GIGABYTES)
@pytest.mark.parametrize("name", COMMANDS if COSTLY else ["finetune"])
def test_a_process_with_few_addresses_ends_in_time(place, name, gigabytes):
    before = tree(place)
    shown = whole_process(name, place, address_space(int(gigabytes * 2**30)))
    check(shown, place, before, aborts=True)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_working_folder_that_is_gone_does_no_harm(place, name):
    def leave() -> None:
        os.mkdir("left")
        os.chdir("left")
        os.rmdir(place / "left")

    before = tree(place)
    shown = command(COMMANDS[name].split(), leave, place)
    assert check(shown, place, before) == "refused"
    words = COMMANDS[name].split()
    absolute = [place / word if word in PLACES else word for word in words]
    assert check(command(absolute, leave, place), place, before) == "done"


@pytest.mark.parametrize("deleted", ["out", "out/run"])
@pytest.mark.parametrize(
    "function, name",
    [
        ("spamft.experiments.finetune._reports", "finetune"),
        ("spamft.experiments.run.add_pictures", "finetune"),
        ("spamft.experiments.finetune._reports", "last block"),
        ("spamft.use.tables.mark_formula", "classify"),
        ("spamft.experiments.compare.summarize", "compare"),
    ],
)
def test_an_output_folder_that_is_deleted_meanwhile_does_no_harm(
    place, deleted, function, name
):
    module, _, attribute = function.rpartition(".")
    original = getattr(sys.modules[module], attribute)

    def delete_first(*arguments):
        shutil.rmtree(place / deleted, ignore_errors=True)
        return original(*arguments)

    def limit() -> None:
        pytest.MonkeyPatch().setattr(function, delete_first)

    shown = command(COMMANDS[name].split(), limit, place)
    assert "Traceback" not in shown.err and not hidden(place, ".progress")
    assert shown.code == 0 or (shown.code == 2 and shown.err.count("\n") == 1)
    assert command(COMMANDS[name].split(), cwd=place).code == 0
