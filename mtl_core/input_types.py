"""Input types: the tensor of a raw column in the exported graph, and its JSON values in a request.

The signature, the graph's inputs, batch scoring, the parity check and the demo all use them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core import arrow_compute as pc
from mtl_core.arrow import as_numbers, as_string_lists, as_strings, list_items
from mtl_core.errors import DataError
from mtl_core.timestamps import as_seconds, as_timestamps

if TYPE_CHECKING:
    from mtl_core.config import Csv
    from mtl_core.graphs.builder import GraphBuilder

Array = NDArray[Any]

ADVERSARIAL_NUMBERS = (None, np.nan, np.inf, -np.inf, 1e308, -1e308, 5e-324, 0.5, -0.0, 2.0**63, 1e15 + 0.5)
ADVERSARIAL_STRINGS = (None, "", " ", "never seen before", "\u00e9\U0001f6e9", "0", "NaN", "x" * 10_000)


class InputType(ABC):
    """The type of one input. `name` is its name in signature.json."""

    name: ClassVar[str]
    is_string: ClassVar[bool] = False
    """True for a string tensor; otherwise float64."""
    is_sequence: ClassVar[bool] = False
    """True if a row is a list of any length; its items can have labels."""
    has_tokens: ClassVar[bool] = False
    """True if a row is a text whose tokens can have labels; answers then name parts of the text."""

    @property
    def raw_type(self) -> pa.DataType:
        """The Arrow type of the values of `adversarial`."""
        return pa.float64()

    def dimensions(self, column: str) -> tuple[int | str, ...]:
        """Dimensions of the tensor after the rows; () where a row is a single value."""
        return ()

    def signature(self) -> dict[str, Any]:
        """The input's entry in signature.json, without its name."""
        return {"type": self.name}

    def text_options(self, csv: Csv, date_format: str | None) -> dict[str, Any]:
        """Options for parsing text in such a column, where they differ from the defaults."""
        return {"nulls": list(csv.nulls)} if csv.nulls else {}

    @abstractmethod
    def tensor(self, values: pa.Array) -> Array:
        """(rows,) raw column -> (rows, ...) input of the graph: str objects or float64."""

    def lengths(self, values: pa.Array) -> NDArray[np.int64]:
        """(rows,) raw column -> (rows,) numbers of items; 1 where the type is no sequence."""
        return np.ones(len(values), dtype=np.int64)

    def cells(self, values: pa.Array, lengths: NDArray[np.int64]) -> NDArray[np.int64]:
        """(rows,) raw column and its `lengths` -> (rows,) cells of a row in a call of the graph, as in `Block`."""
        return lengths

    def token_nodes(self, graph: GraphBuilder, value: str) -> str:
        """Add nodes that cut the input `value` into tokens, (rows, L) strings; of types with tokens only."""
        raise NotImplementedError

    def json(self, values: pa.Array) -> list[Any]:
        """(rows,) raw column -> JSON values of a request; None if a value is missing."""
        return _none_unless_finite(as_numbers(values))

    def adversarial(self) -> pa.Array:
        """Raw values on which graph and network could differ."""
        return pa.array(ADVERSARIAL_NUMBERS, pa.float64())


@dataclass(frozen=True)
class StringInput(InputType):
    """A string; the empty one where it is missing."""

    name: ClassVar[str] = "string"
    is_string: ClassVar[bool] = True

    @property
    def raw_type(self) -> pa.DataType:
        return pa.string()

    def tensor(self, values: pa.Array) -> Array:
        return np.asarray(as_strings(values).to_numpy(zero_copy_only=False))

    def json(self, values: pa.Array) -> list[Any]:
        return [value or None for value in as_strings(values).to_pylist()]

    def adversarial(self) -> pa.Array:
        return pa.array(ADVERSARIAL_STRINGS, pa.string())


@dataclass(frozen=True)
class NumberInput(InputType):
    """A float64; NaN where it is missing."""

    name: ClassVar[str] = "number"

    def text_options(self, csv: Csv, date_format: str | None) -> dict[str, Any]:
        separators = csv.model_dump(include={"decimal", "thousands"}, exclude_defaults=True)
        return super().text_options(csv, date_format) | separators

    def tensor(self, values: pa.Array) -> Array:
        return as_numbers(values)


@dataclass(frozen=True)
class BooleanInput(InputType):
    """1, 0, or NaN where it is missing."""

    name: ClassVar[str] = "boolean"

    def tensor(self, values: pa.Array) -> Array:
        return as_numbers(values)

    def json(self, values: pa.Array) -> list[Any]:
        return [None if np.isnan(value) else bool(value) for value in as_numbers(values).tolist()]


@dataclass(frozen=True)
class DatetimeInput(InputType):
    """Seconds since 1970-01-01T00:00:00 as float64: of the wall clock, or in UTC where it is `zoned`.

    NaN where it is missing. A client sends ISO 8601 text, with an offset exactly where it is zoned.
    """

    zoned: bool = False

    @property
    def name(self) -> str:  # type: ignore[override]  # by instance
        """Name of the type, which depends on `zoned`."""
        return "zoned_datetime" if self.zoned else "datetime"

    def text_options(self, csv: Csv, date_format: str | None) -> dict[str, Any]:
        return super().text_options(csv, date_format) | ({"format": date_format} if date_format else {})

    @property
    def raw_type(self) -> pa.DataType:
        return pa.timestamp("us", tz="UTC" if self.zoned else None)

    def tensor(self, values: pa.Array) -> Array:
        return as_seconds(values, zoned=self.zoned)

    def json(self, values: pa.Array) -> list[Any]:
        timestamps = pc.cast(as_timestamps(values, zoned=self.zoned), self.raw_type, safe=False)
        return [None if timestamp is None else timestamp.isoformat() for timestamp in timestamps.to_pylist()]

    def adversarial(self) -> pa.Array:
        texts = ("0001-01-01T00:00:00", "1969-12-31T23:59:59.5", "2000-02-29T12:00:00", "9999-12-31T23:59:59")
        return pc.cast(pa.array([None, *texts]).cast(pa.timestamp("us")), self.raw_type, safe=False)


@dataclass(frozen=True)
class StringsInput(InputType):
    """A list of strings, padded with empty ones to the longest row. A list column, or text with a separator."""

    name: ClassVar[str] = "strings"
    is_string: ClassVar[bool] = True
    is_sequence: ClassVar[bool] = True
    separator: str | None = None

    @property
    def raw_type(self) -> pa.DataType:
        return pa.list_(pa.string()) if self.separator is None else pa.string()

    def dimensions(self, column: str) -> tuple[int | str, ...]:
        return (f"{column}/length",)

    def text_options(self, csv: Csv, date_format: str | None) -> dict[str, Any]:
        return {} if self.separator is None else super().text_options(csv, date_format) | {"separator": self.separator}

    def tensor(self, values: pa.Array) -> Array:
        return as_string_lists(values, self.separator).padded("")

    def lengths(self, values: pa.Array) -> NDArray[np.int64]:
        return list_items(values, self.separator)[1]

    def json(self, values: pa.Array) -> list[Any]:
        lists = as_string_lists(values, self.separator)
        ends = zip(lists.offsets[:-1].tolist(), lists.offsets[1:].tolist(), strict=True)
        return [lists.values[start:end].tolist() for start, end in ends]

    def adversarial(self) -> pa.Array:
        words: list[str | None] = [word for word in ADVERSARIAL_STRINGS if word]
        lists: list[list[str | None] | None] = [None, [], [""], [None], words, words[::-1], ["a"] * 300]
        if self.separator is None:
            return pa.array(lists, self.raw_type)
        texts = [None if items is None else self.separator.join(item or "" for item in items) for items in lists]
        return pa.array(texts, self.raw_type)


@dataclass(frozen=True)
class VectorInput(InputType):
    """`size` numbers a row, NaN where a number or the whole list is missing."""

    name: ClassVar[str] = "vector"
    size: int

    @property
    def raw_type(self) -> pa.DataType:
        return pa.list_(pa.float64())

    def dimensions(self, column: str) -> tuple[int | str, ...]:
        return (self.size,)

    def signature(self) -> dict[str, Any]:
        return {"type": self.name, "size": self.size}

    def text_options(self, csv: Csv, date_format: str | None) -> dict[str, Any]:
        return {}

    def tensor(self, values: pa.Array) -> Array:
        lengths = np.unique(pc.list_value_length(values).drop_null().to_numpy(zero_copy_only=False))
        if (others := lengths[lengths != self.size]).size:
            raise DataError(f"a vector must have {self.size} numbers, found one of {others[0]}; repair the row")
        out = np.full((len(values), self.size), np.nan)
        valid = pc.is_valid(values).to_numpy(zero_copy_only=False)
        out[valid] = as_numbers(pc.list_flatten(values)).reshape(-1, self.size)
        return out

    def json(self, values: pa.Array) -> list[Any]:
        rows = _none_unless_finite(self.tensor(values))
        return [row if valid else None for row, valid in zip(rows, pc.is_valid(values).to_pylist(), strict=True)]

    def adversarial(self) -> pa.Array:
        numbers = [[number] * self.size for number in ADVERSARIAL_NUMBERS]
        mixture = [ADVERSARIAL_NUMBERS[index % len(ADVERSARIAL_NUMBERS)] for index in range(self.size)]
        return pa.array([None, mixture, *numbers], self.raw_type)


def _none_unless_finite(numbers: Array) -> list[Any]:
    """The numbers as nested lists, with None if one is not finite."""
    values = numbers.astype(object)
    values[~np.isfinite(numbers)] = None
    nested: list[Any] = values.tolist()
    return nested
