"""Inputs whose values are lists; their tensors are of rank 2."""

import math
from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import msgspec
import numpy as np

from serving.field import Field
from serving.value_rules import MAX_ITEMS, BoundedText, Violation, item_violation, number_violation, string_violation

Array = np.ndarray[Any, Any]

MAX_TENSOR_CELLS = 2**20  # of one tensor (rows, longest) in one call of the graph


class StringListField(Field, frozen=True, kw_only=True, tag="strings"):
    """A list of strings; tensor(string) of shape (rows, longest), padded with "". A null item is ""."""

    tensor_type: ClassVar[str] = "tensor(string)"
    rank: ClassVar[int] = 2
    is_sequence: ClassVar[bool] = True
    has_lengths: ClassVar[bool] = True
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
    has_lengths: ClassVar[bool] = True

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
