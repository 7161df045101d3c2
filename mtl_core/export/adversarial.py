"""Adversarial rows for the parity check.

Ordinary rows in which some columns have values that graph and network could read differently.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from mtl_core import arrow_compute as pc
from mtl_core.arrow import decoded, is_text, null_if_empty
from mtl_core.data.encoder import Encoder

BLOCKS = 16
"""Maximum blocks of columns that are adversarial together, so that the rows do not grow with the columns."""
MAX_CELLS_ALONE = 1 << 20
"""Maximum cells of all rows in which a single column is adversarial."""
MAX_ORDINARY = 1_000
"""Maximum ordinary rows that are changed in turn."""

Row = list[tuple[int, int]]
"""(column, position among its adversarial values) of the cells that are adversarial."""


def adversarial_rows(table: pa.Table, encoder: Encoder) -> pa.Table:
    """Rows of `table` in which every adversarial value of every column occurs.

    Each value of as many columns as fit into MAX_CELLS_ALONE occurs alone. Where columns are more than BLOCKS, each
    value also occurs in a row in which a block of columns is adversarial; were all of them at once, predictions would
    saturate and hide a difference.
    """
    values: dict[str, list[pa.Array]] = {}
    for feature in encoder.features:
        values.setdefault(feature.column, []).append(feature.adversarial())
    sizes = [sum(map(len, of_features)) for of_features in values.values()]
    rows = [*_alone(sizes), *_in_blocks(sizes)]
    ordinary = table.slice(0, MAX_ORDINARY)
    taken = np.tile(np.arange(len(rows)) % ordinary.num_rows, (len(sizes), 1))  # (columns, rows), indices of values
    for index, row in enumerate(rows):
        for column, position in row:
            taken[column, index] = ordinary.num_rows + position
    kinds = encoder.inputs
    return pa.table(
        {
            name: pa.concat_arrays([_cast(ordinary[name], kinds[name].raw_type), *adversarial]).take(pa.array(indices))
            for (name, adversarial), indices in zip(values.items(), taken, strict=True)
        }
    )


def _alone(sizes: Sequence[int]) -> Iterator[Row]:
    """A row per adversarial value, of columns at equal distances."""
    step = -(-sum(sizes) * len(sizes) // MAX_CELLS_ALONE)  # rounded up
    for column in range(0, len(sizes), step):
        for position in range(sizes[column]):
            yield [(column, position)]


def _in_blocks(sizes: Sequence[int]) -> Iterator[Row]:
    """Rows in which all columns of a block are adversarial, neighbours by different values."""
    width = -(-len(sizes) // BLOCKS)  # rounded up
    if width == 1:  # as alone
        return
    for start in range(0, len(sizes), width):
        block = list(enumerate(sizes[start : start + width], start=start))
        for turn in range(max(size for _, size in block)):
            yield [(column, (turn + column) % size) for column, size in block]


def _cast(values: pa.ChunkedArray, arrow_type: pa.DataType) -> pa.Array:
    values = decoded(values.combine_chunks())
    if is_text(values.type) and not is_text(arrow_type):  # ISO text, of which the empty one is missing
        values = null_if_empty(values)
    return pc.cast(values, arrow_type, safe=False)  # what wraps around is as adversarial: both sides get the same
