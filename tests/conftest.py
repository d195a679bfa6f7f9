"""Everything the tests share. No test leaves this machine."""

import os
import socket
import threading
from http.server import ThreadingHTTPServer

import pandas as pd
import pytest
import tiktoken
import torch

from spamft.gpt import GPT, GPTConfig
from spamft.tokenizer import PATTERN

collect_ignore_glob = ["browser/*"]  # needs a browser: `make browser`
os.environ["HF_HUB_OFFLINE"] = "1"  # the two tests of the hub speak to a loopback


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
