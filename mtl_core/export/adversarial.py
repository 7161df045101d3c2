"""Adversarial rows for the parity check: ordinary rows with some values that graph and network may read differently."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from mtl_core import arrow_compute as pc
from mtl_core.arrow import decoded, is_text, null_if_empty
from mtl_core.data.encoder import Encoder

MAX_BLOCKS = 16
"""Maximum blocks of columns that are adversarial together, so that the rows do not grow with the columns."""
MAX_SINGLE_CELLS = 1 << 20
"""Maximum cells of all rows with a single adversarial column."""
MAX_ORDINARY_ROWS = 1_000
"""Maximum ordinary rows that are changed in turn."""

Row = list[tuple[int, int]]
"""(column, index of its adversarial value) of the adversarial cells."""


def adversarial_rows(table: pa.Table, encoder: Encoder) -> pa.Table:
    """Rows of `table` in which every adversarial value of every column occurs.

    For as many columns as fit into MAX_SINGLE_CELLS, each value has a row in which nothing else is adversarial. With
    more than MAX_BLOCKS columns, each value also occurs in a row in which a block of columns is adversarial. Rows in
    which all columns are adversarial would saturate the predictions and hide a difference.
    """
    values: dict[str, list[pa.Array]] = {}
    for feature in encoder.features:
        values.setdefault(feature.column, []).append(feature.adversarial())
    sizes = [sum(map(len, of_features)) for of_features in values.values()]
    rows = [*_single_columns(sizes), *_blocks(sizes)]
    ordinary = table.slice(0, MAX_ORDINARY_ROWS)
    indices = np.tile(np.arange(len(rows)) % ordinary.num_rows, (len(sizes), 1))  # (columns, rows)
    for row_index, row in enumerate(rows):
        for column, value_index in row:
            indices[column, row_index] = ordinary.num_rows + value_index
    inputs = encoder.inputs
    return pa.table(
        {
            name: pa.concat_arrays([_cast(ordinary[name], inputs[name].raw_type), *adversarial]).take(pa.array(taken))
            for (name, adversarial), taken in zip(values.items(), indices, strict=True)
        }
    )


def _single_columns(sizes: Sequence[int]) -> Iterator[Row]:
    """A row per adversarial value, of evenly spaced columns."""
    step = -(-sum(sizes) * len(sizes) // MAX_SINGLE_CELLS)  # rounded up
    for column in range(0, len(sizes), step):
        for value_index in range(sizes[column]):
            yield [(column, value_index)]


def _blocks(sizes: Sequence[int]) -> Iterator[Row]:
    """Rows in which all columns of a block are adversarial, neighbours with different values."""
    width = -(-len(sizes) // MAX_BLOCKS)  # rounded up
    if width == 1:  # the same as single columns
        return
    for start in range(0, len(sizes), width):
        block = list(enumerate(sizes[start : start + width], start=start))
        for shift in range(max(size for _, size in block)):
            yield [(column, (shift + column) % size) for column, size in block]


def _cast(values: pa.ChunkedArray, arrow_type: pa.DataType) -> pa.Array:
    values = decoded(values.combine_chunks())
    if is_text(values.type) and not is_text(arrow_type):  # ISO text; the empty string is missing
        values = null_if_empty(values)
    return pc.cast(values, arrow_type, safe=False)  # values may wrap around, since both sides get the same ones
