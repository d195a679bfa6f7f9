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


def test_no_token_and_no_label_can_act_or_begin_a_line():
    evil = Explanation(("a\nham", "\x1b[2J"), (1.0, 1.0), "x\ny<b>", 1.0, 0.0)
    assert str(evil) == "x␊y<b> +1.00: a␊ham++ ␛[2J++"
    page = evil._repr_html_()
    assert "\x1b" not in page and "<b>x␊y&lt;b&gt; +1.00</b>" in page
