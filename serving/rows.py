"""A request's body -> batches of tensors for the graph, or an error that names each row, field and rule.

msgspec decodes a valid body straight into typed rows. Only an invalid body is decoded a second time, by `decoding.py`,
to name everything that is wrong with it.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple

import msgspec
import numpy as np

from serving.decoding import decode_with_errors, request_error
from serving.errors import InputValueError, RequestError
from serving.inputs import InputField, TextField
from serving.lists import MAX_TENSOR_CELLS, StringListField
from serving.signature import InputMatrix
from serving.structs import make_struct
from serving.tensors import TensorBuilder

Array = np.ndarray[Any, Any]
Values = tuple[Any, ...]

MAX_ROWS = 10_000
MAX_REQUEST_ITEMS = 2**20  # of all lists of strings of a request; a task of level token predicts each of them
CELLS_PER_TOKEN = 16  # an item with a prediction counts as that many cells: the whole network runs for each item
CELLS_PER_CHARACTER = 32  # a character of a text: an encoder of tokens runs before the network


class RequestBatch(NamedTuple):
    """Rows of a request, enough for one call of the graph.

    tensors: the graph's inputs, by name. lengths: per input that has lengths, the length of each row: the items of its
    list, or the characters of its text. rows: indices of the rows in the request; None if they are all of its rows, in
    order.
    """

    tensors: Mapping[str, Array]
    lengths: Mapping[str, Sequence[int]]
    rows: Sequence[int] | None = None


class RequestDecoder:
    """Decoder of bodies `[{...}, ...]` whose rows have exactly the inputs of one signature; null means missing.

    matrices: the tensors that hold several inputs.
    token_inputs: names of the inputs whose items have predictions.
    max_cells: limit of rows times the longest row; a request that needs more becomes several batches.
    has_lengths: whether any input has lengths.
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
        self._cells_per_item = {field.name: _cells_per_item(field, token_inputs) for field in inputs}
        self._max_rows = max_rows
        self._max_cells = max_cells
        self.has_lengths = any(field.has_lengths for field in inputs)
        self._builder = TensorBuilder(inputs, matrices)
        row = make_struct({field.name: field.json_type for field in inputs}, strict=True)
        bounds = msgspec.Meta(min_length=1, max_length=max_rows)
        self._decoder: msgspec.json.Decoder[list[Any]] | None = None
        if row is not None:
            self._decoder = msgspec.json.Decoder(Annotated[list[row], bounds])  # type: ignore[valid-type]  # defined at run time

    def decode(self, body: bytes) -> Iterable[RequestBatch]:
        """Batches with each row once; raises RequestError before the first. Inputs with lengths are built by batch."""
        try:
            rows = self._rows(body)
            tensors = self._builder.fixed_size(rows)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, InputValueError) as error:
            raise request_error(body, self._inputs, max_rows=self._max_rows, reason=str(error)) from error
        return self._split(tensors, rows) if self.has_lengths else (RequestBatch(tensors, {}),)

    def _rows(self, body: bytes) -> list[Values]:
        if self._decoder is not None:
            return list(map(msgspec.structs.astuple, self._decoder.decode(body)))
        rows = decode_with_errors(body, self._inputs, max_rows=self._max_rows)
        return [tuple(row[field.name] for field in self._inputs) for row in rows]

    def _split(self, tensors: dict[str, Array], rows: Sequence[Values]) -> Iterable[RequestBatch]:
        """Split the rows so that no batch has more than `max_cells` cells. `tensors`: those of inputs without lengths.

        Rows are sorted by length first: otherwise a long one would pad the short ones around it.
        """
        inputs = [(field, values, field.lengths(values)) for field, values in self._builder.with_lengths(rows)]
        items = sum(sum(lengths) for field, _, lengths in inputs if isinstance(field, StringListField))
        if items > MAX_REQUEST_ITEMS:
            raise RequestError(
                f"the lists of all rows must have at most {MAX_REQUEST_ITEMS:,} items together, found {items:,}; send "
                "the rows in several requests",
                status=413,
            )
        cells = ([length * self._cells_per_item[field.name] for length in lengths] for field, _, lengths in inputs)
        widths = [max(row) for row in zip(*cells, strict=True)]
        if len(rows) * max(widths) <= self._max_cells:
            padded = {field.name: field.to_tensor(values) for field, values, _ in inputs}
            return (RequestBatch(tensors | padded, {field.name: lengths for field, _, lengths in inputs}),)
        order = sorted(range(len(rows)), key=widths.__getitem__)
        return (
            RequestBatch(
                {name: tensor[batch] for name, tensor in tensors.items()}
                | {field.name: field.to_tensor([values[row] for row in batch]) for field, values, _ in inputs},
                {field.name: [lengths[row] for row in batch] for field, _, lengths in inputs},
                batch,
            )
            for batch in (order[rows] for rows in split_rows([widths[row] for row in order], self._max_cells))
        )


def _cells_per_item(field: InputField, token_inputs: Collection[str]) -> int:
    if isinstance(field, TextField):
        return CELLS_PER_CHARACTER
    return CELLS_PER_TOKEN if field.name in token_inputs else 1


def split_rows(widths: Sequence[int], max_cells: int) -> list[slice]:
    """Slices of consecutive rows with at most `max_cells` cells: rows times widest row. A single row may have more."""
    starts, widest = [0], 0
    for row, width in enumerate(widths):
        widest = max(widest, width)
        if row > starts[-1] and (row - starts[-1] + 1) * widest > max_cells:
            starts.append(row)
            widest = width
    return [slice(start, end) for start, end in zip(starts, [*starts[1:], len(widths)], strict=True)]
