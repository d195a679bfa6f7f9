from dataclasses import dataclass, fields

from spamft.plumbing.options import option


@dataclass(frozen=True)
class Some:
    size: int = option(3, "how large", "N")
    names: tuple = option((), "which", several=True)


def test_an_option_is_a_field_with_its_default_and_its_help():
    assert Some() == Some(3, ())
    size, names = (each.metadata for each in fields(Some))
    assert (size["help"], size["metavar"], size["several"]) == ("how large", "N", False)
    assert names["several"]
