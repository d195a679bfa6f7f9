import numpy as np
import pandas as pd
import pytest

from spamft.data import balance, encode_labels, label_names
from spamft.plumbing.errors import SpamftError
from spamft.reading.frame import check_frame
from spamft.sources.duplicates import duplicate_groups

GOOD = pd.DataFrame({"Label": ["a", "b"] * 3, "Text": list("uvwxyz")})


@pytest.mark.parametrize("dtype", [object, "string", "category"])
def test_words_pass_whatever_their_dtype_and_so_do_class_ids(dtype):
    check_frame(GOOD.astype(dtype), "Label", "Text")
    check_frame(GOOD.assign(Label=range(6)), "Label", "Text")


@pytest.mark.parametrize("cell", [None, np.nan, pd.NA, 1.5, True, b"a", ["a"], 7])
@pytest.mark.parametrize("name", ["Label", "Text"])
def test_what_is_no_word_is_named_with_its_row_and_a_way_out(name, cell):
    column = GOOD[name].astype(object).tolist()
    column[2] = cell
    bad = GOOD.assign(**{name: pd.Series(column, dtype=object)})
    with pytest.raises(SpamftError, match=rf"column '{name}', row 2: .*df\.dropna"):
        check_frame(bad, "Label", "Text")


@pytest.mark.parametrize(
    "labels",
    [pd.Series([True, False] * 3), pd.Series([1.0] * 6), pd.Series([None] * 6)],
)
def test_every_step_of_the_labels_checks_them(labels):
    bad = GOOD.assign(Label=labels)
    for step in (label_names, balance, encode_labels):
        with pytest.raises(SpamftError, match="column 'Label', row 0"):
            step(bad)


def test_a_frame_with_other_columns_or_no_frame_is_named():
    with pytest.raises(SpamftError, match="no column 'Label', only .*rename yours"):
        balance(GOOD.rename(columns=str.lower))
    with pytest.raises(SpamftError, match="no column 'Text'"):
        duplicate_groups(GOOD[["Label"]])
    with pytest.raises(SpamftError, match="expected a DataFrame, not dict"):
        check_frame({}, "Label")
