import pytest

from spamft.plumbing.errors import SpamftError
from spamft.reading.layout import Layout
from spamft.reading.pairs import read_pairs

HEADLESS = Layout(no_header=True)


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("mark", ["", "\ufeff", "\n\n"])
def test_a_table_is_read_by_its_header(file, delimiter, mark):
    rows = [["id", "team", "body"], ["1", "bug", '"a\nb"'], ["2", "praise", "good"]]
    path = file(mark + "\n".join(delimiter.join(row) for row in rows))
    pairs = read_pairs(path, Layout(text="body", label="team"))
    assert pairs == [("bug", "a\nb"), ("praise", "good")]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|", " ", ":"])
def test_the_first_line_may_say_the_delimiter_as_excel_does(file, delimiter):
    path = file(f"sep={delimiter}\r\nLabel{delimiter}Text\r\nham{delimiter}hi\r\n")
    assert read_pairs(path) == [("ham", "hi")]


def test_decimal_commas_do_not_cut_a_file_with_semicolons(file):
    path = file("score;Label;Text\n3,5;ham;a, b\n4,5;spam;c\n")
    assert read_pairs(path) == [("ham", "a, b"), ("spam", "c")]


@pytest.mark.parametrize("above", ["My export", "My export,,", "# made today, by me\n"])
def test_a_title_above_the_header_is_named(file, above):
    path = file(f"{above}\nLabel,Text,id\nham,a,1\n")
    with pytest.raises(SpamftError, match=r"the header stands in line \d: remove"):
        read_pairs(path)


@pytest.mark.parametrize(
    "header", ['"La\nbel",Text', 'Label,Text,"a\nb"', 'Label\tText\t"a\nb"']
)
def test_a_header_of_several_lines_is_named(file, header):
    with pytest.raises(SpamftError, match=":1: the header opens a quotation mark"):
        read_pairs(file(f"{header}\nham,a,1\n"))


@pytest.mark.parametrize(
    "content, pairs",
    [
        ("login,a\nbilling,b\n", [("login", "a"), ("billing", "b")]),
        (
            "login\ta, b; c\nbilling\tb, c; d\n",
            [("login", "a, b; c"), ("billing", "b, c; d")],
        ),
        ("login,a; b; c\nbilling,b\n", [("login", "a; b; c"), ("billing", "b")]),
        ('login,"a\nb"\nbilling,b\n', [("login", "a\nb"), ("billing", "b")]),
        ('login\t"a\tb"\nbilling\tb\n', [("login", "a\tb"), ("billing", "b")]),
        ('login, "a, b"\nbilling, b\n', [("login", "a, b"), ("billing", "b")]),
    ],
)
def test_without_a_header_the_first_of_two_columns_is_the_label(file, content, pairs):
    assert read_pairs(file(content), HEADLESS) == pairs


def test_two_delimiters_that_fit_are_not_guessed_between(file):
    content = "login;a, b\nbilling;c, d\n"
    with pytest.raises(SpamftError, match="',' and ';' cut the lines equally well"):
        read_pairs(file(content), HEADLESS)
    path = file(f"sep=;\n{content}")
    assert read_pairs(path, HEADLESS) == [("login", "a, b"), ("billing", "c, d")]


def test_of_more_columns_the_numbers_are_asked_for(file):
    path = file("1,login,a\n2,billing,b\n")
    with pytest.raises(SpamftError, match="add --text NUMBER --label NUMBER, of "):
        read_pairs(path, HEADLESS)
    layout = Layout(no_header=True, text="3", label="2")
    assert read_pairs(path, layout) == [("login", "a"), ("billing", "b")]


def test_a_header_is_no_message(file):
    with pytest.raises(
        SpamftError, match=":1: this is a header: leave out --no-header"
    ):
        read_pairs(file("label,text\nham,a\n"), HEADLESS)


@pytest.mark.parametrize("content", ["Label,Text", "Label,Text\n\n , \n"])
def test_a_header_alone_is_no_file_of_messages(file, content):
    with pytest.raises(SpamftError, match="contains a header but no messages"):
        read_pairs(file(content))
