"""Everything the tests share. No test leaves this machine."""

import os
import socket
import threading
from dataclasses import replace
from http.server import ThreadingHTTPServer
from pathlib import Path

import pandas as pd
import pytest
import tiktoken
import torch
from hypothesis import HealthCheck, settings
from torch import nn

from spamft.gpt import GPT, GPTConfig
from spamft.models.llama import Llama, LlamaConfig
from spamft.plumbing.threads import usable_cpus
from spamft.tokenizer import PATTERN

collect_ignore_glob = ["browser/*"]  # needs a browser: `make browser`
os.environ["HF_HUB_OFFLINE"] = "1"  # the two tests of the hub speak to a loopback
if "SPAMFT_SMOLLM2" in os.environ:  # for its own tests alone: "auto" would take it
    os.environ["REAL_SMOLLM2"] = os.environ.pop("SPAMFT_SMOLLM2")
for switch in ("SPAMFT_DATA", "SPAMFT_MODEL"):  # they say what "auto" means
    os.environ.pop(switch, None)
os.environ["PIP_NO_INDEX"] = "1"  # "auto" would ask for a model there
os.environ["SPAMFT_CACHE"] = os.devnull  # or find one here
torch.set_num_threads(1)  # the models are tiny: a second thread would only wait
# beside other programs an example may take long, and that is no failure
settings.register_profile(
    "busy", deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("busy")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One process per processor whose time we have: pytest-xdist sees no quota."""
    return usable_cpus()


@pytest.fixture(autouse=True)
def _hermetic(monkeypatch):
    """Refuse connections beyond the loopback, and any look-up of a name."""
    torch.manual_seed(0)
    connect = socket.socket.connect

    def guarded(self, address):
        if self.family != socket.AF_UNIX and address[0] not in ("127.0.0.1", "::1"):
            raise OSError(f"a test tried to reach {address}")
        return connect(self, address)

    monkeypatch.setattr(socket.socket, "connect", guarded)


@pytest.fixture(scope="session")
def tokenizer() -> tiktoken.Encoding:
    """One token per byte and an end token: a whole tokenizer, nothing to download."""
    return tiktoken.Encoding(
        "bytes",
        pat_str=PATTERN,
        mergeable_ranks={bytes([b]): b for b in range(256)},
        special_tokens={"<|endoftext|>": 256},
    )


@pytest.fixture
def messages() -> pd.DataFrame:
    """12 ham, 4 spam: unbalanced like the real data, and trivially separable."""
    ham = [f"see you at {hour}" for hour in range(12)]
    spam = [f"WIN {prize} NOW" for prize in ("CASH", "A CAR", "GOLD", "A TRIP")]
    return pd.DataFrame({"Label": ["ham"] * 12 + ["spam"] * 4, "Text": ham + spam})


@pytest.fixture
def tiny_gpt() -> GPT:
    return GPT(
        GPTConfig(vocab_size=257, context_length=64, emb_dim=16, n_layers=2, n_heads=2)
    )


@pytest.fixture
def tiny_llama() -> Llama:
    """As many tokens and channels as tiny_gpt, with norms that are not all ones."""
    model = Llama(LlamaConfig(257, 64, 16, 2, 4, 2, 24))
    for name, parameter in model.named_parameters():
        if "norm" in name:
            nn.init.normal_(parameter, 1, 0.3)
    return model


@pytest.fixture(params=["gpt2", "llama"])
def any_gpt(request) -> GPT | Llama:
    """One of each architecture."""
    return request.getfixturevalue(
        {"gpt2": "tiny_gpt", "llama": "tiny_llama"}[request.param]
    )


@pytest.fixture
def three_blocks(tiny_gpt) -> GPT:
    """Large weights, so that errors show."""
    gpt = GPT(replace(tiny_gpt.config, n_layers=3))
    for parameter in gpt.parameters():
        nn.init.normal_(parameter, std=0.3)
    return gpt


@pytest.fixture
def every_instruction(monkeypatch):
    """A CPU that has all; where it has not, it computes the same, but slowly."""
    there = {"avx512_bf16": True, "avx512_vnni": True}
    monkeypatch.setattr("torch.cpu.get_capabilities", lambda: there)


@pytest.fixture
def serve():
    """Start a loopback server with a request handler; return its address."""
    servers = []

    def start(handler) -> str:
        server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
        servers.append(server)
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """No name is found and no cache has anything; the test works in an empty folder."""
    from huggingface_hub import constants

    def refuse(*args, **kwargs):
        raise OSError("Name or service not known")

    monkeypatch.setattr("socket.getaddrinfo", refuse)
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setenv("TIKTOKEN_CACHE_DIR", str(tmp_path / "tiktoken"))
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def small_scratch(monkeypatch):
    """A very small GPT behind the name "scratch"."""
    small = GPTConfig(4096, 160, 16, 2, 2)
    monkeypatch.setattr("spamft.sources.models.SCRATCH", small)


@pytest.fixture
def message_file(tmp_path) -> Path:
    """20 ham and 20 spam that anything can separate."""
    rows = [f"ham\tsee you at {chr(97 + i)}" for i in range(20)]
    rows += [f"spam\tWIN {chr(65 + i)} NOW" for i in range(20)]
    path = tmp_path / "messages.tsv"
    path.write_text("\n".join(rows))
    return path


@pytest.fixture
def file(tmp_path):
    """Write bytes or a text to a file, and give its path."""

    def write(content: str | bytes, name: str = "messages.csv") -> Path:
        path = tmp_path / name
        raw = content.encode() if isinstance(content, str) else content
        path.write_bytes(raw)
        return path

    return write


@pytest.fixture
def run_folder(message_file, tmp_path, small_scratch) -> Path:
    """The folder of a finished, well trained run."""
    from spamft.experiments.finetune import finetune

    config = {"epochs": 12, "lr": 0.003}
    run = finetune(str(message_file), "scratch", config=config)
    return run.save(tmp_path / "run")


@pytest.fixture
def careful_folder(tmp_path, small_scratch) -> Path:
    """The folder of a run with a threshold for spam; spam is rare in its file."""
    from spamft.experiments.finetune import finetune

    pairs = [a + b for a in "abcdefghijklmnopq" for b in "abcdefghijklmnopq"]
    rows = [f"ham\tsee you at {pair}" for pair in pairs]
    rows += [f"spam\tWIN {pair.upper()} NOW" for pair in pairs[:100]]
    rows += [f"spam\tsee you at {pair}" for pair in pairs[::7]]  # as ham, so not sure
    path = tmp_path / "uneven.tsv"
    path.write_text("\n".join(rows))
    config = {"epochs": 12, "lr": 0.003}
    run = finetune(path, "scratch", config=config, false_alarms=0.05)
    return run.save(tmp_path / "careful")


@pytest.fixture
def texts(tmp_path) -> list[Path]:
    """Two files of a few documents each."""
    paths = [tmp_path / "one.txt", tmp_path / "two.txt"]
    lines = [f"the cat number {i} sat on the mat\n" for i in range(400)]
    paths[0].write_text("".join(lines))
    paths[1].write_text("<|endoftext|>\n".join(f"ünï {i} 👍\n" * 3 for i in range(200)))
    return paths
