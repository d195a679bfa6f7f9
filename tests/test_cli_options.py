import argparse
from dataclasses import dataclass

import pytest

from spamft.cli.options import (
    add_data_options,
    add_options,
    given,
    open_data,
    share_of,
)
from spamft.plumbing.options import option


@dataclass(frozen=True)
class Some:
    size: int = option(3, "how large, 5 % say", "N")
    name_of_it: str | None = option(None, "a name")
    loud: bool = option(False, "shout")
    inner: int = 7  # no help, so no option


def parse(*arguments: str, **options):
    parser = argparse.ArgumentParser()
    add_options(parser, Some, **options)
    return parser, parser.parse_args(arguments)


def test_a_field_with_help_is_an_option_of_its_type_and_default():
    parser, args = parse("--name-of-it", "x", "--loud")
    assert (args.size, args.name_of_it, args.loud) == (3, "x", True)
    assert not hasattr(args, "inner")
    shown = " ".join(parser.format_help().split())
    assert "how large, 5 % say (default 3)" in shown
    assert Some(**given(args, Some)) == Some(3, "x", True)


def test_without_defaults_only_what_was_named_is_given():
    _, args = parse("--size", "9", keep_defaults=False)
    assert given(args, Some) == {"size": 9}


@pytest.mark.parametrize(
    "text, share", [("0.2%", 0.002), ("0.002", 0.002), (" 1 %", 0.01), ("2e-3", 0.002)]
)
def test_a_share_is_read_as_people_write_it(text, share):
    assert share_of(text) == share


@pytest.mark.parametrize("text", ["0", "1", "100%", "-1%", "x", "", "%", "nan", "inf"])
def test_what_is_no_share_is_named(text):
    with pytest.raises(argparse.ArgumentTypeError, match="is no share between 0 and 1"):
        share_of(text)


def opened(*arguments: str):
    parser = argparse.ArgumentParser()
    add_data_options(parser)
    return open_data(parser.parse_args(arguments), progress=False)


def test_the_options_of_data_open_it(message_file):
    prepared = opened("--data", str(message_file), "--no-balance")
    assert sum(map(len, prepared.splits)) == 40 and not prepared.balanced
    with pytest.raises(ValueError, match="no file"):
        opened("--data", "nowhere")
