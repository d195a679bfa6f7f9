from matplotlib import rc_context
from matplotlib.font_manager import FontProperties, findfont, get_font

from spamft.plots.fonts import fallbacks

NOBODYS = "\U0010fffd"  # the last private character: fonts have no sign for it


def test_what_the_usual_font_has_needs_no_other():
    assert fallbacks("Grüße, Привет, ελ ✓ 😀 …\u200b\ufffd") == ((), frozenset())
    assert fallbacks("") == ((), frozenset())


def test_what_the_usual_font_lacks_is_found_in_the_installed_ones():
    own = get_font(findfont("DejaVu Sans")).get_charmap()
    other = get_font(findfont("STIXGeneral")).get_charmap()  # matplotlib's, too
    rare = chr(min(set(other) - set(own)))
    families, lacking = fallbacks(f"a{rare}")
    assert families and not lacking
    for family in families:
        path = findfont(FontProperties(family=[family]), fallback_to_default=False)
        assert ord(rare) in get_font(path).get_charmap()


def test_what_no_font_has_is_told():
    assert fallbacks(f"a{NOBODYS}")[1] == {NOBODYS}


def test_fonts_of_formulas_are_not_taken_for_text():
    with rc_context({"font.family": ["cmr10"]}):  # it has no umlauts
        families, lacking = fallbacks("ü")
    assert families == ("DejaVu Sans",) and not lacking
