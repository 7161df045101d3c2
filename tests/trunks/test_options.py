"""Accepted and refused values of `model.trunk`, on both sides of every border."""

from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from mtl_core.config import AnyTrunk
from tests.trunks.every import KINDS

TRUNK: TypeAdapter[Any] = TypeAdapter(AnyTrunk)
FINE = nullcontext()


def refused(place: str) -> AbstractContextManager[Any]:
    return pytest.raises(ValidationError, match=place)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("options", "outcome"),
    [
        ({}, FINE),
        ({"dropout": 0}, FINE),
        ({"dropout": 0.999}, FINE),
        ({"dropout": 1}, refused("dropout")),
        ({"dropout": -0.001}, refused("dropout")),
        ({"dropout": float("nan")}, refused("dropout")),
        ({"widths": [4]}, FINE),
        ({"widths": [65_536]}, FINE),
        ({"widths": [65_540]}, refused("widths.0")),
        ({"widths": [8, 0]}, refused("widths.1")),
        ({"widths": []}, refused("widths")),
        ({"width": 8}, refused("width")),
    ],
)
def test_what_all_of_them_take(kind: str, options: dict[str, Any], outcome: AbstractContextManager[Any]) -> None:
    with outcome:
        TRUNK.validate_python({"kind": kind} | options)


@pytest.mark.parametrize(
    ("kind", "field", "least", "most"),
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
def test_counts(kind: str, field: str, least: int, most: int) -> None:
    for value in (least, most):
        assert getattr(TRUNK.validate_python({"kind": kind, field: value}), field) == value
    for wrong in (least - 1, most + 1, 1.5, "many"):
        with refused(field):
            TRUNK.validate_python({"kind": kind, field: wrong})


def test_what_a_task_takes_of_itself_is_a_share() -> None:
    for share in (0, 1):
        TRUNK.validate_python({"kind": "cross_stitch", "same": share})
    for wrong in (-0.1, 1.1):
        with refused("same"):
            TRUNK.validate_python({"kind": "cross_stitch", "same": wrong})


def test_heads_divide_the_last_width() -> None:
    TRUNK.validate_python({"kind": "message_passing", "widths": [7, 6], "heads": 3})
    with pytest.raises(ValidationError, match=r"`heads` must divide .* found 4 heads for a width of 6; change either"):
        TRUNK.validate_python({"kind": "message_passing", "widths": [8, 6], "heads": 4})


def test_a_kind_that_is_none_and_options_of_another_kind() -> None:
    for wrong in ({"kind": "mixture"}, {}, {"kind": "shared_bottom", "experts": 2}, {"kind": "cgc", "levels": 2}):
        with pytest.raises(ValidationError):
            TRUNK.validate_python(wrong)


@pytest.mark.parametrize("kind", KINDS)
def test_options_are_frozen(kind: str) -> None:
    options = TRUNK.validate_python({"kind": kind})
    with pytest.raises(ValidationError, match="frozen"):
        options.dropout = 0.5
