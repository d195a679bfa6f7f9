import pandas as pd
import pytest

from spamft.plumbing.errors import SpamftError
from spamft.sources.lessons import lesson_names


def messages(**counts: int) -> pd.DataFrame:
    labels = [name for name, count in counts.items() for _ in range(count)]
    return pd.DataFrame({"Label": labels, "Text": "hello"})


def test_names_come_by_class_id():
    assert lesson_names(messages(login=100, billing=300)) == ("billing", "login")


def test_one_class_is_refused():
    with pytest.raises(SpamftError, match="at least 2 classes, found only"):
        lesson_names(messages(login=500))


def test_a_third_class_is_refused_only_where_a_lesson_is_about_two():
    three = messages(login=100, billing=300, sales=100)
    with pytest.raises(SpamftError, match="about 2 classes, .* 3 .300 billing, 100"):
        lesson_names(three)
    assert lesson_names(three, most=None) == ("billing", "login", "sales")


def test_a_class_with_few_messages_is_named_with_its_count():
    with pytest.raises(SpamftError, match="100 messages of each .* are 99 login: add"):
        lesson_names(messages(login=99, billing=300))


@pytest.mark.parametrize("odd", ["", "nan", "Login", " login", "billing, login"])
def test_doubtful_labels_are_refused_before_they_count_as_classes(odd):
    with pytest.raises(SpamftError, match="labels?.*: correct that in the file first"):
        lesson_names(messages(**{"login": 100, "billing": 100, odd: 200}))


def test_errors_stay_on_one_line_whatever_the_labels_are():
    odd = {f"{number}\n{'long' * 500}": 100 for number in range(50)}
    for counts in (odd, dict.fromkeys(odd, 3)):
        for most in (2, None):
            try:
                lesson_names(messages(**counts), most=most)
            except SpamftError as error:
                assert "\n" not in str(error) and len(str(error)) < 400
