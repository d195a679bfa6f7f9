from spamft.insight.explanation import Explanation

FOUND = Explanation(("a", "<", " X"), (-0.5, 0.0, 2.0), "spam", 1.5, 0.0)


def test_text_marks_every_half_logit():
    assert str(FOUND) == repr(FOUND) == "spam +1.50: a- < X++++"


def test_html_colours_each_token_by_its_contribution():
    page = FOUND._repr_html_()
    assert "&lt;" in page and "rgba(232,135,30,1.00)" in page
    assert "rgba(59,111,212,0.25)" in page


def test_a_message_to_which_nothing_contributes_can_be_shown():
    assert "0.00" in Explanation(("a",), (0.0,), "ham", 0.0, 0.0)._repr_html_()
