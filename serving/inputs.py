"""Inputs of a served graph: the entries of `inputs` in signature.json, one class per type.

Each decodes and validates the JSON values of its field, and builds the field's tensor. To add a type: write its class
here, or in lists.py if its values are lists, and add it to `InputField`.
"""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import msgspec
import numpy as np

from serving.field import Field
from serving.iso_datetime import seconds_since_epoch
from serving.lists import StringListField, VectorField
from serving.value_rules import MAX_DOCUMENT, BoundedText, Violation, number_violation, string_violation

Array = np.ndarray[Any, Any]


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


class TextField(StringField, frozen=True, kw_only=True, tag="text"):
    """A text that the graph cuts into tokens; tensor(string) of shape (rows,), null is "".

    max_tokens: the tokens of a row that the graph reads; it ignores the others.
    """

    max_tokens: Annotated[int, msgspec.Meta(ge=1)]

    is_sequence: ClassVar[bool] = True
    has_lengths: ClassVar[bool] = True
    example: ClassVar[object] = "a text"

    @property
    def json_type(self) -> Any:
        return Annotated[str, msgspec.Meta(max_length=MAX_DOCUMENT)] | None

    def lengths(self, values: Sequence[Any]) -> list[int]:
        return [len(value or "") for value in values]

    def violation(self, value: object) -> Violation:
        return string_violation(value, max_length=MAX_DOCUMENT)


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


InputField = (
    StringField
    | TextField
    | NumberField
    | BooleanField
    | DatetimeField
    | ZonedDatetimeField
    | StringListField
    | VectorField
)
