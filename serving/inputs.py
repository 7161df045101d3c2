"""Types of the graph's inputs: the JSON of a value, the tensor of a column, and the rules in words. One class per type.

To add a type: write its class here and add it to `InputField`. No other file asks which type an input has.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

import msgspec
import numpy as np

from serving.cells import TextForm
from serving.errors import InputValueError
from serving.iso_datetime import seconds_since_epoch

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    Array = np.ndarray[Any, Any]
    Violation = tuple[str, object] | None

MAX_TEXT = 1_000  # characters of one string
MAX_ITEMS = 1_000  # items of one list of strings
MAX_PADDED = 2**20  # cells of one tensor (rows, longest) in one call of the graph

_Text = Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]


class _Input(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", omit_defaults=True
):
    """A raw column: by default a float64 tensor of shape (rows,), NaN where the value is null."""

    name: Annotated[str, msgspec.Meta(min_length=1)]
    text: TextForm | None = None
    """Options of reading a value sent as text; None where the type has none."""

    tensor_type: ClassVar[str] = "tensor(double)"
    rank: ClassVar[int] = 1
    is_sequence: ClassVar[bool] = False  # whether a token-level output may refer to it
    is_plain: ClassVar[bool] = False  # whether a value that is no text is the cell of the tensor itself
    example: ClassVar[object] = None

    @property
    def json_type(self) -> Any:
        """Type as which msgspec decodes a value.

        It may accept more than `violation` where `to_tensor` then refuses it.
        """
        raise NotImplementedError

    def to_tensor(self, values: Sequence[Any]) -> Array:
        """The graph's tensor for decoded values, one per row; raises InputValueError (types of rank 1 only)."""
        return np.array(values, np.float64)

    def lengths(self, values: Sequence[Any]) -> list[int]:
        """Cells that each row fills in the tensor of a type of rank 2, before it is padded."""
        raise NotImplementedError

    def violation(self, value: object) -> Violation:
        """The first broken rule of a value that is not null, and the part of the value that breaks it."""
        raise NotImplementedError


class StringField(_Input, frozen=True, kw_only=True, tag="string"):
    """A string; tensor(string) of shape (rows,), null is ""."""

    tensor_type: ClassVar[str] = "tensor(string)"

    @property
    def json_type(self) -> Any:
        return _Text | None

    def to_tensor(self, values: Sequence[Any]) -> Array:
        if self.text is not None and self.text.nulls:
            values = ["" if value in self.text.nulls else value for value in values]
        return np.array([value or "" for value in values], object)

    def violation(self, value: object) -> Violation:
        return _string_violation(value)


class NumberField(_Input, frozen=True, kw_only=True, tag="number"):
    """A finite number."""

    is_plain: ClassVar[bool] = True

    @property
    def json_type(self) -> Any:
        return float | None if self.text is None else float | _Text | None

    def to_tensor(self, values: Sequence[Any]) -> Array:
        return np.array(values if self.text is None else _read(values, self.text, self.text.number), np.float64)

    def violation(self, value: object) -> Violation:
        if self.text is not None and isinstance(value, str):
            return _text_violation(value, self.text, self.text.number)
        return _number_violation(value)


class BooleanField(_Input, frozen=True, kw_only=True, tag="boolean"):
    """True (1.0) or false (0.0)."""

    is_plain: ClassVar[bool] = True

    @property
    def json_type(self) -> Any:
        return bool | None if self.text is None else bool | _Text | None

    def to_tensor(self, values: Sequence[Any]) -> Array:
        return np.array(values if self.text is None else _read(values, self.text, self.text.boolean), np.float64)

    def violation(self, value: object) -> Violation:
        if self.text is not None and isinstance(value, str):
            return _text_violation(value, self.text, self.text.boolean)
        return None if isinstance(value, bool) else ("must be true, false or null", value)


class DatetimeField(_Input, frozen=True, kw_only=True, tag="datetime"):
    """ISO 8601 text without a zone; seconds of that wall clock since its 1970-01-01T00:00:00."""

    zoned: ClassVar[bool] = False

    @property
    def json_type(self) -> Any:
        return str | None

    def to_tensor(self, values: Sequence[Any]) -> Array:
        return np.array(_read(values, self.text, self._seconds), dtype=np.float64)

    def violation(self, value: object) -> Violation:
        if not isinstance(value, str):
            return f"must be a string ({(self.text and self.text.format) or 'ISO 8601'}) or null", value
        return _text_violation(value, self.text, self._seconds)

    def _seconds(self, text: str) -> float:
        if self.text is None:
            return seconds_since_epoch(text, zoned=self.zoned)
        if self.text.format is None:  # cells of a file may have blanks around them
            return seconds_since_epoch(text.strip(), zoned=self.zoned)
        return self.text.seconds(text, zoned=self.zoned)


class ZonedDatetimeField(DatetimeField, frozen=True, kw_only=True, tag="zoned_datetime"):
    """ISO 8601 text with `Z` or an offset; seconds since 1970-01-01T00:00:00 UTC."""

    zoned: ClassVar[bool] = True


class StringListField(_Input, frozen=True, kw_only=True, tag="strings"):
    """A list of strings; tensor(string) of shape (rows, longest), padded with "". A null item is ""."""

    tensor_type: ClassVar[str] = "tensor(string)"
    rank: ClassVar[int] = 2
    is_sequence: ClassVar[bool] = True
    example: ClassVar[object] = (None, None)

    @property
    def json_type(self) -> Any:
        items = Annotated[list[_Text | None], msgspec.Meta(max_length=MAX_ITEMS)]
        return items | _Text | None if self._is_text else items | None

    def to_tensor(self, values: Sequence[Any]) -> Array:
        values = self._lists(values)
        lengths = np.array(self.lengths(values))
        tensor = np.full((len(values), max(1, lengths.max())), "", dtype=object)
        items = [item or "" for row in values if row for item in row]
        tensor[np.arange(tensor.shape[1]) < lengths[:, None]] = items
        return tensor

    def lengths(self, values: Sequence[Any]) -> list[int]:
        return [len(row or ()) for row in self._lists(values)]

    @property
    def _is_text(self) -> bool:
        return self.text is not None and self.text.separator is not None

    def _lists(self, values: Sequence[Any]) -> Sequence[Any]:
        return _read(values, self.text, self.text.items) if self.text is not None and self._is_text else values

    def violation(self, value: object) -> Violation:
        if self._is_text and isinstance(value, str):
            return _string_violation(value)
        if not isinstance(value, list):
            return "must be a list of strings or null", value
        if len(value) > MAX_ITEMS:
            return f"must have at most {MAX_ITEMS:,} items (it has {len(value):,})", value
        return _item_violation(value, _string_violation)


class VectorField(_Input, frozen=True, kw_only=True, tag="vector"):
    """A list of exactly `size` finite numbers; float64 of shape (rows, size). A null item is NaN, null is all NaN."""

    size: Annotated[int, msgspec.Meta(ge=1, le=MAX_PADDED)]

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
        return _item_violation(value, _number_violation)


InputField = (
    StringField | NumberField | BooleanField | DatetimeField | ZonedDatetimeField | StringListField | VectorField
)


def _read(values: Sequence[Any], form: TextForm | None, read: Callable[[str], Any]) -> list[Any]:
    """The values, with texts read; None for those that stand for a missing value."""
    if form is None:
        return [read(value) if isinstance(value, str) else value for value in values]
    return [value if not isinstance(value, str) else None if form.is_null(value) else read(value) for value in values]


def _text_violation(text: str, form: TextForm | None, read: Callable[[str], Any]) -> Violation:
    if form is not None and (broken := _string_violation(text)):
        return broken
    try:
        _read([text], form, read)
    except InputValueError as error:
        return str(error), text
    return None


def _string_violation(value: object) -> Violation:
    if not isinstance(value, str):
        return "must be a string or null", value
    if len(value) > MAX_TEXT:
        return f"must have at most {MAX_TEXT:,} characters (it has {len(value):,})", value
    return None if _is_unicode(value) else ("must be valid Unicode (it has an unpaired surrogate)", value)


def _number_violation(value: object) -> Violation:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "must be a number or null", value
    return None if math.isfinite(value) else ("must be within the range of a 64-bit float", value)


def _item_violation(items: list[object], violation: Callable[[object], Violation]) -> Violation:
    for index, item in enumerate(items):
        if item is not None and (broken := violation(item)):
            rule, part = broken
            return f"item {index} {rule}", part
    return None


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
