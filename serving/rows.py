"""A request's body -> batches of tensors for the graph, or an error that names each row, field and rule.

A body that is right takes the fast path: msgspec decodes it straight into typed rows. Only a body that is wrong is
decoded a second time, by `decoding.py`, to name everything that is wrong with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec
import numpy as np

from serving.decoding import decode_with_errors, refusal
from serving.errors import InputValueError, RequestError
from serving.inputs import MAX_PADDED
from serving.structs import make_struct
from serving.tensors import TensorMaker

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

    from serving.inputs import InputField
    from serving.signature import InputMatrix

    Array = np.ndarray[Any, Any]
    Values = tuple[Any, ...]

MAX_ROWS = 10_000
MAX_REQUEST_ITEMS = 2**20  # of all lists of strings of a request; a task of level token answers each of them
TOKEN_CELLS = 16  # cells that an item counts as where a task answers it: the whole network runs for each item


class RequestBatch(NamedTuple):
    """Consecutive rows of a request, enough for one call of the graph.

    columns: the tensors that the graph takes, by name. lengths: per input whose tensor is of rank 2, the cells that
    each row fills: the items of its list.
    """

    columns: dict[str, Array]
    lengths: dict[str, list[int]]


class RowReader:
    """Decoder of bodies `[{...}, ...]` whose rows hold exactly the inputs of one signature; null means missing.

    matrices: the tensors that hold several inputs.
    answered: the inputs whose items have answers of their own.
    max_padded: cells of one tensor of rank 2; a request that needs more becomes several batches.
    has_lists: whether there is such a tensor.
    """

    def __init__(
        self,
        inputs: tuple[InputField, ...],
        matrices: tuple[InputMatrix, ...] = (),
        *,
        answered: Collection[str] = (),
        max_rows: int = MAX_ROWS,
        max_padded: int = MAX_PADDED,
    ) -> None:
        self._inputs = inputs
        self._cells = {column.name: TOKEN_CELLS if column.name in answered else 1 for column in inputs}
        self._max_rows = max_rows
        self._max_padded = max_padded
        self.has_lists = any(column.rank == 2 for column in inputs)
        self._maker = TensorMaker(inputs, matrices)
        row = make_struct({column.name: column.json_type for column in inputs}, strict=True)
        bounds = msgspec.Meta(min_length=1, max_length=max_rows)
        self._decoder: msgspec.json.Decoder[list[Any]] | None = None
        if row is not None:
            self._decoder = msgspec.json.Decoder(Annotated[list[row], bounds])  # type: ignore[valid-type]  # made at run time

    def read(self, body: bytes) -> Iterable[RequestBatch]:
        """The rows in order; raises RequestError before the first batch. Padded tensors are made batch by batch."""
        rows = self._decode_carefully(body) if self._decoder is None else self._decode(self._decoder, body)
        try:
            flat = self._maker.flat(rows)
            return self._padded(flat, rows) if self.has_lists else (RequestBatch(flat, {}),)
        except InputValueError as error:
            raise self._refusal(body, error) from error

    def _decode(self, decoder: msgspec.json.Decoder[list[Any]], body: bytes) -> list[Values]:
        try:
            rows = decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise self._refusal(body, error) from error
        return list(map(msgspec.structs.astuple, rows))

    def _decode_carefully(self, body: bytes) -> list[Values]:
        rows = decode_with_errors(body, self._inputs, max_rows=self._max_rows)
        return [tuple(row[column.name] for column in self._inputs) for row in rows]

    def _refusal(self, body: bytes, error: Exception) -> Exception:
        return refusal(body, self._inputs, max_rows=self._max_rows, reason=str(error))

    def _padded(self, flat: dict[str, Array], rows: Sequence[Values]) -> Iterator[RequestBatch]:
        """Split the rows so that no padded tensor has more than `max_padded` cells. `flat`: the other tensors."""
        lists = [(column, values, column.lengths(values)) for column, values in self._maker.lists(rows)]
        items = sum(sum(lengths) for column, _, lengths in lists if column.is_sequence)
        if items > MAX_REQUEST_ITEMS:
            raise RequestError(
                f"the lists of all rows must have at most {MAX_REQUEST_ITEMS:,} items together, found {items:,}; send "
                "the rows in several requests",
                status=413,
            )
        cells = ([length * self._cells[column.name] for length in lengths] for column, _, lengths in lists)
        widths = [max(row) for row in zip(*cells, strict=True)]
        return (
            RequestBatch(
                {name: tensor[part] for name, tensor in flat.items()}
                | {column.name: column.to_tensor(values[part]) for column, values, _ in lists},
                {column.name: lengths[part] for column, _, lengths in lists},
            )
            for part in consecutive(widths, self._max_padded)
        )


def consecutive(widths: Sequence[int], max_cells: int) -> list[slice]:
    """Slices of consecutive rows, each as long as rows times widest row allows; a row alone is always allowed."""
    if len(widths) * max(widths) <= max_cells:
        return [slice(0, len(widths))]
    starts, widest = [0], 0
    for row, width in enumerate(widths):
        widest = max(widest, width)
        if row > starts[-1] and (row - starts[-1] + 1) * widest > max_cells:
            starts.append(row)
            widest = width
    return [slice(start, end) for start, end in zip(starts, [*starts[1:], len(widths)], strict=True)]
