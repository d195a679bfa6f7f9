from dataclasses import fields, replace

import pytest

from spamft.pretraining.config import PretrainConfig, Progress


@pytest.mark.parametrize("wrong", [{"steps": 0}, {"report_every": 0}, {"lr": 0.0}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        replace(PretrainConfig(), **wrong)


def test_every_setting_has_help_for_the_command_line():
    assert all(each.metadata["help"] for each in fields(PretrainConfig))


def test_a_line_of_the_log_has_its_units():
    line = str(Progress(7, 2_000_000, 1.5, 2.25, 9.0))
    assert "2.0M tokens" in line and "1.500 nats per token" in line
    assert "2.250 bits per byte" in line
