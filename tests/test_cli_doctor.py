import json

import pytest

from spamft.cli.main import main
from spamft.experiments.expected import Expected
from spamft.experiments.pinned import Check


@pytest.fixture
def quick(monkeypatch):
    """Nothing is measured; figures are those given."""

    def make(found: float = 1.0, one: float = 50.0):
        checks = [Check("logits", [1.0], [found], 0.1)]
        rates = {"one thread": one, "2 threads": 100.0}
        monkeypatch.setattr(
            "spamft.experiments.pinned.check_pinned", lambda device: checks
        )
        monkeypatch.setattr("spamft.cli.doctor._rates", lambda device: rates)
        monkeypatch.setattr(
            "spamft.experiments.expected.expect",
            lambda job, device: Expected(job.name, 90.0, 123.0),
        )

    return make


def test_it_says_in_lines_what_it_found_and_then_in_a_paragraph(quick, capsys):
    quick()
    assert main(["doctor"]) == 0
    lines, _, report = capsys.readouterr().out.partition("for a bug report:")
    names = [line.split()[0] for line in lines.splitlines()[1:] if line]
    assert names == [
        *("versions", "system", "device", "threads", "memory", "logits"),
        *("products", "trunk", "expect"),
    ]
    assert "gpt2 1.5 min, smollm2 1.5 min, tiny 1.5 min (last block, 5 epochs" in lines
    assert report.strip().count("\n") == 0
    assert all(f"{name}: " in report for name in names)


def test_figures_that_are_not_as_stored_end_with_1(quick, capsys):
    quick(found=2.0)
    assert main(["doctor", "--device", "cpu"]) == 1
    assert "logits    NOT AS STORED: off by 1.0e+00" in capsys.readouterr().out


def test_json_has_the_same(quick, capsys):
    quick(found=2.0)
    assert main(["doctor", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert not found["well"] and found["versions"]["torch"]
    assert found["checks"][0]["difference"] == 1 and found["matrix_gflops"]
    assert found["expected"][0] == {
        "name": "gpt2",
        "seconds": 90.0,
        "trunk_gflops": 123.0,
    }


def test_one_thread_is_advised_where_it_is_faster(quick, capsys):
    quick(one=200.0)
    main(["doctor"])
    assert "use --threads 1" in capsys.readouterr().out


def test_threads_are_as_they_were_after_the_rates(monkeypatch):
    import torch

    from spamft.cli.doctor import _rates

    seen, before = [], torch.get_num_threads()
    monkeypatch.setattr(
        "spamft.plumbing.machine.matrix_rate",
        lambda *how: seen.append(torch.get_num_threads()),
    )
    torch.set_num_threads(2)
    try:
        assert list(_rates(torch.device("cpu"))) == ["one thread", "2 threads"]
        assert seen == [1, 2] and torch.get_num_threads() == 2
        assert list(_rates(torch.device("cuda"))) == ["cuda"]
    finally:
        torch.set_num_threads(before)
