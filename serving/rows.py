"""A request's body -> columns for the graph, or an error that names each row, field and rule.

A body that is right takes the fast path: msgspec decodes it straight into typed rows. Only a body that is wrong is read
a second time, by `faults.py`, to say everything that is wrong with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import numpy as np

from serving.faults import explain, read_carefully
from serving.structs import struct_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from serving.signature import Input

__all__ = ["MAX_ROWS", "MAX_TEXT", "RowReader"]

MAX_ROWS = 10_000
MAX_TEXT = 1_000  # characters of one string value

_TYPES: dict[str, Any] = {
    "string": Annotated[str, msgspec.Meta(max_length=MAX_TEXT)] | None,
    "number": float | None,
    "boolean": bool | None,
}


class RowReader:
    """Reads bodies `[{...}, ...]` whose rows hold exactly the inputs of one signature; null means missing."""

    def __init__(self, inputs: tuple[Input, ...], *, max_rows: int = MAX_ROWS) -> None:
        self._inputs = inputs
        self._max_rows = max_rows
        row = struct_of({column.name: _TYPES[column.type] for column in inputs}, strict=True)
        bounds = msgspec.Meta(min_length=1, max_length=max_rows)
        self._decoder: msgspec.json.Decoder[list[Any]] | None = None
        if row is not None:
            self._decoder = msgspec.json.Decoder(Annotated[list[row], bounds])  # type: ignore[valid-type]  # made at run time

    def read(self, body: bytes) -> dict[str, np.ndarray[Any, Any]]:
        """One array of shape (rows,) per input, as the graph takes them; raises RequestError."""
        columns = self._carefully(body) if self._decoder is None else self._fast(self._decoder, body)
        return {
            column.name: _strings(values) if column.type == "string" else np.array(values, dtype=np.float64)
            for column, values in zip(self._inputs, columns, strict=True)
        }

    def _fast(self, decoder: msgspec.json.Decoder[list[Any]], body: bytes) -> Iterable[tuple[Any, ...]]:
        try:
            rows = decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise explain(body, self._inputs, max_rows=self._max_rows, max_text=MAX_TEXT, reason=str(error)) from error
        return zip(*map(msgspec.structs.astuple, rows), strict=True)

    def _carefully(self, body: bytes) -> Iterable[tuple[Any, ...]]:
        rows = read_carefully(body, self._inputs, max_rows=self._max_rows, max_text=MAX_TEXT)
        return (tuple(row[column.name] for row in rows) for column in self._inputs)


def _strings(values: tuple[str | None, ...]) -> np.ndarray[Any, Any]:
    return np.array([value or "" for value in values], dtype=object)
