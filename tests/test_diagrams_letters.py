from drawn import width_of

from spamft.diagrams.letters import NORMAL, SMALL, breadth, fitted, shortened, xml


def test_no_line_is_wider_than_its_breadth_says_even_in_a_wide_font():
    printable = [chr(code) for code in range(32, 127)] + list("→×·αéß…␣↵−“”⋮")
    for character in printable:
        for size in (SMALL, NORMAL):  # many of one, so that rounding does not count
            assert width_of(character * 50, size) <= breadth(character * 50, size)


def test_what_fits_stays_and_what_does_not_is_cut_to_fit():
    assert fitted("ham", 80) == "ham"
    for room in (20, 40, 60, 90):
        for text in ("W" * 300, "i" * 300, "漢字" * 60, "congratulations"):
            assert breadth(fitted(text, room), SMALL) <= room
            assert fitted(text, room).endswith("…")


def test_control_characters_are_shown_and_none_acts():
    assert fitted("a\nb\x1b", 200) == "a␊b␛"


def test_of_many_items_the_ends_stay():
    assert shortened("abc", 3) == ["a", "b", "c"]
    for most in range(3, 9):
        items = list(range(20))
        some = shortened(items, most)
        assert len(some) == most and some.count(None) == 1
        assert (some[0], some[-1]) == (0, 19)


def test_xml_holds_any_text():
    from xml.etree import ElementTree

    text = "<b>&\ufffe\uffff\x00\n\ud800"
    assert ElementTree.fromstring(f"<a>{xml(text)}</a>").text.startswith("<b>&")
