import copy

import pytest
import torch
from torch import nn

from spamft.models.layout import Layout, open_weights
from spamft.plumbing.errors import SpamftError


class Model(nn.Module):
    """Two linear blocks and a table."""

    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(5, 3)
        self.blocks = nn.ModuleList(nn.Sequential(nn.Linear(3, 3)) for _ in range(2))


LAYOUT = Layout(
    top=(("table", "wte", False),),
    block=(("0", "dense", True),),
    blocks="h",
    prefix="model.",
    not_weights=(".mask",),
    tied=("head.weight", "wte.weight"),
)


def test_export_undoes_fill_and_transposes_what_the_table_says():
    one, other = Model(), Model()
    theirs = LAYOUT.export(one)
    assert set(theirs) == {
        "model.wte.weight",
        *(f"model.h.{i}.dense.{kind}" for i in (0, 1) for kind in ("weight", "bias")),
    }
    assert theirs["model.h.1.dense.weight"].equal(one.blocks[1][0].weight.T)
    LAYOUT.fill(other, theirs, "here")
    for name, tensor in one.state_dict().items():
        assert tensor.equal(other.state_dict()[name])


def test_the_prefix_is_optional_and_masks_are_passed_over():
    theirs = {n.removeprefix("model."): t for n, t in LAYOUT.export(Model()).items()}
    LAYOUT.fill(Model(), theirs | {"h.0.mask": torch.ones(2)}, "here")


def test_every_tensor_that_does_not_fit_is_named_and_nothing_is_changed():
    model = Model()
    before = copy.deepcopy(model.state_dict())
    theirs = LAYOUT.export(Model())
    theirs.pop("model.wte.weight")
    theirs |= {"model.h.0.dense.bias": torch.zeros(4), "model.more": torch.zeros(1)}
    with pytest.raises(SpamftError) as error:
        LAYOUT.fill(model, theirs, "here")
    for part in ("here: missing wte.weight", "extra more", "bias has shape (4,)"):
        assert part in str(error.value)
    assert all(t.equal(before[n]) for n, t in model.state_dict().items())


@pytest.mark.parametrize(
    "tensor",
    [
        torch.ones(()),
        torch.ones(1, 1, 1),
        torch.ones(3, 3, dtype=torch.complex64),
        torch.ones(3, 3, dtype=torch.float8_e5m2),
        torch.full((3, 3), 1e300, dtype=torch.float64),
    ],
    ids=str,
)
def test_tensors_of_odd_shapes_and_types_are_named(tensor):
    theirs = LAYOUT.export(Model()) | {"model.h.0.dense.weight": tensor}
    with pytest.raises(SpamftError, match="here: h.0.dense.weight"):
        LAYOUT.fill(Model(), theirs, "here")


def test_a_second_copy_of_a_shared_matrix_must_be_the_same():
    theirs = LAYOUT.export(Model())
    LAYOUT.fill(Model(), theirs | {"head.weight": theirs["model.wte.weight"]}, "here")
    with pytest.raises(SpamftError, match="head.weight differs from wte.weight"):
        LAYOUT.fill(Model(), theirs | {"head.weight": torch.zeros(5, 3)}, "here")


def test_a_folder_without_weights_is_refused(tmp_path):
    with pytest.raises(SpamftError, match="holds neither"):
        open_weights(tmp_path)
    index = tmp_path / "model.safetensors.index.json"
    for text, complaint in (
        ("[]", "expected an object, found list"),
        ("{}", "expected an entry 'weight_map'"),
        ('{"weight_map": {"a": "../b"}}', "names '../b', which is not in the folder"),
        ('{"weight_map": {"a": ".."}}', "names '..', which is not in the folder"),
        ('{"weight_map": {"a": 5}}', "names 5, which is not in the folder"),
        ('{"weight_map": {"a": [], "b": ""}}', "expected an entry 'weight_map'"),
    ):
        index.write_text(text)
        with pytest.raises(SpamftError, match=complaint):
            open_weights(tmp_path)
