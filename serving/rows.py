"""A request's body -> batches of tensors for the graph, or an error that names each row, field and rule.

msgspec decodes a valid body straight into typed rows. Only an invalid body is decoded a second time, by `decoding.py`,
to name everything that is wrong with it.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Annotated, Any, NamedTuple

import msgspec
import numpy as np

from serving.decoding import decode_with_errors, request_error
from serving.errors import InputValueError, RequestError
from serving.inputs import MAX_TENSOR_CELLS, InputField
from serving.signature import InputMatrix
from serving.structs import make_struct
from serving.tensors import TensorBuilder

Array = np.ndarray[Any, Any]
Values = tuple[Any, ...]

MAX_ROWS = 10_000
MAX_REQUEST_ITEMS = 2**20  # of all lists of strings of a request; a task of level token predicts each of them
CELLS_PER_TOKEN = 16  # an item with a prediction counts as that many cells: the whole network runs for each item


class RequestBatch(NamedTuple):
    """Consecutive rows of a request, enough for one call of the graph.

    tensors: the graph's inputs, by name. lengths: per input whose tensor is of rank 2, the cells of each row: the items
    of its list.
    """

    tensors: dict[str, Array]
    lengths: dict[str, list[int]]


class RequestDecoder:
    """Decoder of bodies `[{...}, ...]` whose rows have exactly the inputs of one signature; null means missing.

    matrices: the tensors that hold several inputs.
    token_inputs: names of the inputs whose items have predictions.
    max_cells: limit of one tensor of rank 2; a request that needs more becomes several batches.
    has_lists: whether there is a tensor of rank 2.
    """

    def __init__(
        self,
        inputs: tuple[InputField, ...],
        matrices: tuple[InputMatrix, ...] = (),
        *,
        token_inputs: Collection[str] = (),
        max_rows: int = MAX_ROWS,
        max_cells: int = MAX_TENSOR_CELLS,
    ) -> None:
        self._inputs = inputs
        self._cells_per_item = {field.name: CELLS_PER_TOKEN if field.name in token_inputs else 1 for field in inputs}
        self._max_rows = max_rows
        self._max_cells = max_cells
        self.has_lists = any(field.rank == 2 for field in inputs)
        self._builder = TensorBuilder(inputs, matrices)
        row = make_struct({field.name: field.json_type for field in inputs}, strict=True)
        bounds = msgspec.Meta(min_length=1, max_length=max_rows)
        self._decoder: msgspec.json.Decoder[list[Any]] | None = None
        if row is not None:
            self._decoder = msgspec.json.Decoder(Annotated[list[row], bounds])  # type: ignore[valid-type]  # defined at run time

    def decode(self, body: bytes) -> Iterable[RequestBatch]:
        """The rows in order; raises RequestError before the first batch. Padded tensors are built batch by batch."""
        try:
            rows = self._rows(body)
            tensors = self._builder.fixed_size(rows)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, InputValueError) as error:
            raise request_error(body, self._inputs, max_rows=self._max_rows, reason=str(error)) from error
        return self._padded(tensors, rows) if self.has_lists else (RequestBatch(tensors, {}),)

    def _rows(self, body: bytes) -> list[Values]:
        if self._decoder is not None:
            return list(map(msgspec.structs.astuple, self._decoder.decode(body)))
        rows = decode_with_errors(body, self._inputs, max_rows=self._max_rows)
        return [tuple(row[field.name] for field in self._inputs) for row in rows]

    def _padded(self, tensors: dict[str, Array], rows: Sequence[Values]) -> Iterator[RequestBatch]:
        """Split the rows so that no padded tensor has more than `max_cells` cells. `tensors`: those without padding."""
        lists = [(field, values, field.lengths(values)) for field, values in self._builder.lists(rows)]
        items = sum(sum(lengths) for field, _, lengths in lists if field.is_sequence)
        if items > MAX_REQUEST_ITEMS:
            raise RequestError(
                f"the lists of all rows must have at most {MAX_REQUEST_ITEMS:,} items together, found {items:,}; send "
                "the rows in several requests",
                status=413,
            )
        cells = ([length * self._cells_per_item[field.name] for length in lengths] for field, _, lengths in lists)
        widths = [max(row) for row in zip(*cells, strict=True)]
        return (
            RequestBatch(
                {name: tensor[batch] for name, tensor in tensors.items()}
                | {field.name: field.to_tensor(values[batch]) for field, values, _ in lists},
                {field.name: lengths[batch] for field, _, lengths in lists},
            )
            for batch in split_rows(widths, self._max_cells)
        )


def split_rows(widths: Sequence[int], max_cells: int) -> list[slice]:
    """Slices of consecutive rows with at most `max_cells` cells: rows times widest row. A single row may have more."""
    if len(widths) * max(widths) <= max_cells:
        return [slice(0, len(widths))]
    starts, widest = [0], 0
    for row, width in enumerate(widths):
        widest = max(widest, width)
        if row > starts[-1] and (row - starts[-1] + 1) * widest > max_cells:
            starts.append(row)
            widest = width
    return [slice(start, end) for start, end in zip(starts, [*starts[1:], len(widths)], strict=True)]
