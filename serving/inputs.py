"""Inputs of a served graph: the entries of `inputs` in signature.json, one class per type.

Each decodes and validates the JSON values of its field, and builds the field's tensor. To add a type: write its class
here and add it to `InputField`. No other file depends on the type of an input.
"""

import math
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import msgspec
import numpy as np

from serving.field import Field
from serving.iso_datetime import seconds_since_epoch
from serving.value_rules import MAX_ITEMS, BoundedText, Violation, item_violation, number_violation, string_violation

Array = np.ndarray[Any, Any]

MAX_TENSOR_CELLS = 2**20  # of one tensor (rows, longest) in one call of the graph


class StringField(Field, frozen=True, kw_only=True, tag="string"):
    """A string; tensor(string) of shape (rows,), null is ""."""

    tensor_type: ClassVar[str] = "tensor(string)"

    @property
    def json_type(self) -> Any:
        return BoundedText | None

    def to_tensor(self, values: Sequence[Any]) -> Array:
        if self.text is not None and self.text.nulls:
            values = ["" if value in self.text.nulls else value for value in values]
        return np.array([value or "" for value in values], object)

    def violation(self, value: object) -> Violation:
        return string_violation(value)


class _PlainField(Field, frozen=True, kw_only=True):
    """A value that is the cell of the tensor itself, unless it is sent as text."""

    is_plain: ClassVar[bool] = True
    value_type: ClassVar[Any]

    @property
    def json_type(self) -> Any:
        return self.value_type | None if self.text is None else self.value_type | BoundedText | None

    def to_tensor(self, values: Sequence[Any]) -> Array:
        return np.array(values if self.text is None else self._parse_texts(values), np.float64)

    def violation(self, value: object) -> Violation:
        if self.text is not None and isinstance(value, str):
            return self._text_violation(value)
        return self._value_violation(value)

    def _value_violation(self, value: object) -> Violation:
        raise NotImplementedError


class NumberField(_PlainField, frozen=True, kw_only=True, tag="number"):
    """A finite number."""

    value_type: ClassVar[Any] = float

    def _parse(self, text: str) -> float | None:
        assert self.text is not None
        return self.text.number(text)

    def _value_violation(self, value: object) -> Violation:
        return number_violation(value)


class BooleanField(_PlainField, frozen=True, kw_only=True, tag="boolean"):
    """True (1.0) or false (0.0)."""

    value_type: ClassVar[Any] = bool

    def _parse(self, text: str) -> bool:
        assert self.text is not None
        return self.text.boolean(text)

    def _value_violation(self, value: object) -> Violation:
        return None if isinstance(value, bool) else ("must be true, false or null", value)


class DatetimeField(Field, frozen=True, kw_only=True, tag="datetime"):
    """ISO 8601 text without a zone; seconds of that wall clock since its 1970-01-01T00:00:00."""

    zoned: ClassVar[bool] = False

    @property
    def json_type(self) -> Any:
        return str | None

    def violation(self, value: object) -> Violation:
        if not isinstance(value, str):
            return f"must be a string ({(self.text and self.text.format) or 'ISO 8601'}) or null", value
        return self._text_violation(value)

    def _parse(self, text: str) -> float:
        if self.text is not None and self.text.format is not None:
            return self.text.seconds(text, zoned=self.zoned)
        return seconds_since_epoch(text, zoned=self.zoned)


class ZonedDatetimeField(DatetimeField, frozen=True, kw_only=True, tag="zoned_datetime"):
    """ISO 8601 text with `Z` or an offset; seconds since 1970-01-01T00:00:00 UTC."""

    zoned: ClassVar[bool] = True


class StringListField(Field, frozen=True, kw_only=True, tag="strings"):
    """A list of strings; tensor(string) of shape (rows, longest), padded with "". A null item is ""."""

    tensor_type: ClassVar[str] = "tensor(string)"
    rank: ClassVar[int] = 2
    is_sequence: ClassVar[bool] = True
    example: ClassVar[object] = (None, None)

    @property
    def json_type(self) -> Any:
        items = Annotated[list[BoundedText | None], msgspec.Meta(max_length=MAX_ITEMS)]
        return items | BoundedText | None if self._is_text else items | None

    def to_tensor(self, values: Sequence[Any]) -> Array:
        lists = self._lists(values)
        lengths = np.array([len(items or ()) for items in lists])
        tensor = np.full((len(lists), max(1, lengths.max())), "", dtype=object)
        tensor[np.arange(tensor.shape[1]) < lengths[:, None]] = [item or "" for items in lists for item in items or ()]
        return tensor

    def lengths(self, values: Sequence[Any]) -> list[int]:
        return [len(items or ()) for items in self._lists(values)]

    @property
    def _is_text(self) -> bool:
        return self.text is not None and self.text.separator is not None

    def _lists(self, values: Sequence[Any]) -> Sequence[Any]:
        return self._parse_texts(values) if self._is_text else values

    def _parse(self, text: str) -> list[str]:
        assert self.text is not None
        return self.text.items(text)

    def violation(self, value: object) -> Violation:
        if self._is_text and isinstance(value, str):
            return string_violation(value)
        if not isinstance(value, list):
            return "must be a list of strings or null", value
        if len(value) > MAX_ITEMS:
            return f"must have at most {MAX_ITEMS:,} items (it has {len(value):,})", value
        return item_violation(value, string_violation)


class VectorField(Field, frozen=True, kw_only=True, tag="vector"):
    """A list of exactly `size` finite numbers; float64 of shape (rows, size). A null item is NaN, null is all NaN."""

    size: Annotated[int, msgspec.Meta(ge=1, le=MAX_TENSOR_CELLS)]

    rank: ClassVar[int] = 2

    @property
    def json_type(self) -> Any:
        return Annotated[list[float | None], msgspec.Meta(min_length=self.size, max_length=self.size)] | None

    def to_tensor(self, values: Sequence[Any]) -> Array:
        missing = [math.nan] * self.size
        return np.array([missing if row is None else row for row in values], dtype=np.float64)

    def lengths(self, values: Sequence[Any]) -> list[int]:
        return [self.size] * len(values)

    def violation(self, value: object) -> Violation:
        if not isinstance(value, list) or len(value) != self.size:
            return f"must be a list of exactly {self.size:,} numbers or null", value
        return item_violation(value, number_violation)


InputField = (
    StringField | NumberField | BooleanField | DatetimeField | ZonedDatetimeField | StringListField | VectorField
)
