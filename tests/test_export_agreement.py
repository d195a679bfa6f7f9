import pytest
import torch

from spamft.export.agreement import Measured, check_ids, check_numbers, odd_texts, rate
from spamft.plumbing.errors import SpamftError


def test_numbers_agree_up_to_the_bound_and_no_further():
    wanted = torch.tensor([[1.0, -2.0], [0.5, 3.0]])
    found = check_numbers(wanted + 9e-5, wanted, "logits")
    assert found.texts == 2 and found.difference == pytest.approx(9e-5, rel=1e-2)
    for wrong in (wanted + 2e-4, wanted * torch.nan, wanted * torch.inf):
        with pytest.raises(SpamftError, match="not exported: logits differ .* 1e-04"):
            check_numbers(wrong, wanted, "logits")


def test_the_first_text_with_other_ids_is_named():
    check_ids(["a", "b"], [[1], [2]], [[1], [2]])
    with pytest.raises(SpamftError, match=r"reads 'b' as \[2, 2\], spamft as \[2\]"):
        check_ids(["a", "b"], [[1], [2, 2]], [[1], [2]])


def test_among_odd_texts_are_an_empty_one_and_some_that_are_too_long(tokenizer):
    texts = odd_texts(50)
    assert "" in texts and any("<|endoftext|>" in text for text in texts)
    assert sum(len(tokenizer.encode_ordinary(text)) > 50 for text in texts) >= 3


def test_a_rate_comes_with_what_was_found():
    found, per_second = rate(lambda texts: [len(each) for each in texts], ["a", "bc"])
    assert found == [1, 2] and per_second > 0


def test_what_is_told_without_the_machine_has_no_speed_in_it():
    measured = Measured(200, 0.01, 1, 2_500_000, 123.4)
    assert "1 of 200 verdicts" in measured.agreement
    assert "second" not in measured.agreement
    assert str(measured).endswith("2.5 MB, 123 messages a second")
