"""Accepted and refused values of `model.text`, on both sides of every bound."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from mtl_core.config import AnyTextEncoder, Model
from mtl_core.config.text import LSTM
from mtl_core.schema import tagged

TEXT: TypeAdapter[Any] = TypeAdapter(AnyTextEncoder)
KINDS = tuple(tagged(AnyTextEncoder))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("field", "accepted", "refused"),
    [
        ("embedding", (1, 1_024), (0, 1_025, 1.5)),
        ("width", (64, 65_536), (0, 65_537, 1.5)),
        ("layers", (1, 64), (0, 65, 1.5)),
        ("dropout", (0, 0.999), (-0.001, 1, float("nan"))),
        ("word_dropout", (0, 0.999), (-0.001, 1, float("nan"))),
    ],
)
def test_bounds_of_every_kind(kind: str, field: str, accepted: tuple[float, ...], refused: tuple[float, ...]) -> None:
    for value in accepted:
        assert getattr(TEXT.validate_python({"kind": kind, field: value}), field) == value
    for wrong in refused:
        with pytest.raises(ValidationError, match=field):
            TEXT.validate_python({"kind": kind, field: wrong})


def test_a_kernel_is_odd() -> None:
    for kernel in (1, 3, 63):
        TEXT.validate_python({"kind": "conv", "kernel": kernel})
    for wrong in (0, 2, 64, 65):
        with pytest.raises(ValidationError, match="kernel"):
            TEXT.validate_python({"kind": "conv", "kernel": wrong})


def test_heads_divide_the_width() -> None:
    TEXT.validate_python({"kind": "transformer", "width": 6, "heads": 3})
    with pytest.raises(ValidationError, match="`heads` must divide `width`, found 4 heads for a width of 6"):
        TEXT.validate_python({"kind": "transformer", "width": 6, "heads": 4})


def test_unknown_kinds_and_options_of_another_kind_are_refused() -> None:
    for wrong in ({"kind": "rnn"}, {}, {"kind": "lstm", "heads": 2}, {"kind": "transformer", "kernel": 3}):
        with pytest.raises(ValidationError):
            TEXT.validate_python(wrong)


def test_the_default_is_an_lstm() -> None:
    assert Model().text == LSTM()
