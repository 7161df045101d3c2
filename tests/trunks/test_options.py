"""Accepted and refused values of `model.trunk`, on both sides of every bound."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from mtl_core.config import AnyTrunk
from tests.trunks.cases import KINDS

TRUNK: TypeAdapter[Any] = TypeAdapter(AnyTrunk)
ACCEPTED = nullcontext()


def refused(path: str) -> AbstractContextManager[Any]:
    return pytest.raises(ValidationError, match=path)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("options", "expectation"),
    [
        ({}, ACCEPTED),
        ({"dropout": 0}, ACCEPTED),
        ({"dropout": 0.999}, ACCEPTED),
        ({"dropout": 1}, refused("dropout")),
        ({"dropout": -0.001}, refused("dropout")),
        ({"dropout": float("nan")}, refused("dropout")),
        ({"widths": [4]}, ACCEPTED),
        ({"widths": [65_536]}, ACCEPTED),
        ({"widths": [65_540]}, refused("widths.0")),
        ({"widths": [8, 0]}, refused("widths.1")),
        ({"widths": []}, refused("widths")),
        ({"width": 8}, refused("width")),
    ],
)
def test_options_of_every_kind(kind: str, options: dict[str, Any], expectation: AbstractContextManager[Any]) -> None:
    with expectation:
        TRUNK.validate_python({"kind": kind} | options)


@pytest.mark.parametrize(
    ("kind", "field", "minimum", "maximum"),
    [
        ("adatt", "experts", 1, 64),
        ("adatt", "shared_experts", 0, 64),
        ("adatt", "levels", 1, 64),
        ("cgc", "experts", 1, 64),
        ("cgc", "shared_experts", 1, 64),
        ("message_passing", "layers", 1, 64),
        ("message_passing", "heads", 1, 64),
        ("mmoe", "experts", 1, 64),
        ("ple", "experts", 1, 64),
        ("ple", "shared_experts", 1, 64),
        ("ple", "levels", 1, 64),
        ("task_vectors", "vector", 1, 65_536),
    ],
)
def test_bounds_of_counts(kind: str, field: str, minimum: int, maximum: int) -> None:
    for value in (minimum, maximum):
        assert getattr(TRUNK.validate_python({"kind": kind, field: value}), field) == value
    for wrong in (minimum - 1, maximum + 1, 1.5, "many"):
        with refused(field):
            TRUNK.validate_python({"kind": kind, field: wrong})


def test_bounds_of_the_initial_weight_of_cross_stitch() -> None:
    for weight in (0, 1):
        TRUNK.validate_python({"kind": "cross_stitch", "same": weight})
    for wrong in (-0.1, 1.1):
        with refused("same"):
            TRUNK.validate_python({"kind": "cross_stitch", "same": wrong})


def test_heads_divide_the_last_width() -> None:
    TRUNK.validate_python({"kind": "message_passing", "widths": [7, 6], "heads": 3})
    with refused("`heads` must divide .* found 4 heads for a width of 6"):
        TRUNK.validate_python({"kind": "message_passing", "widths": [8, 6], "heads": 4})


def test_unknown_kinds_and_options_of_another_kind_are_refused() -> None:
    for wrong in ({"kind": "mixture"}, {}, {"kind": "shared_bottom", "experts": 2}, {"kind": "cgc", "levels": 2}):
        with pytest.raises(ValidationError):
            TRUNK.validate_python(wrong)
