"""Labels and predictions of a task on the test split, read from `predictions.parquet`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from mtl_core import arrow_compute as pc
from mtl_core.files import damage_as_data_error
from mtl_core.ragged import Ragged, finite_rows, select_rows
from mtl_core.report.texts import Texts
from mtl_core.tasks import Codec

Array = NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class ScoredRows:
    """A task's labelled test rows with finite predictions.

    labels (rows, ...), predictions (rows,) or (rows, classes); of a tagging task both are a `Ragged`, a row per text.
    """

    labels: Any
    predictions: Any
    uncalibrated: Array | None = None
    """Predictions before calibration; None if calibration changed none."""
    dropped: int = 0
    """Number of labelled rows that were left out, since their prediction is not finite."""
    texts: Texts | None = None
    """Texts of the rows of a tagging task, else None."""


def read_scored_rows(path: Path, codec: Codec, texts_of: Callable[[Array], Texts]) -> ScoredRows:
    """The labelled rows of a task with finite predictions.

    Args:
        texts_of: (rows,) indices of test rows -> their texts; called for a tagging task only.
    """
    with damage_as_data_error(path):
        stored = set(pq.read_schema(path).names)
    columns = [f"{kind}/{codec.name}" for kind in ("label", "prediction", "uncalibrated")]
    table = read_table(path, [column for column in columns if column in stored])
    arrays = [_row_indices(table.column(0)), *(_array(column) for column in table.columns[1:])]
    selected = codec.select_labelled(_array(table.column(0)), *arrays)
    is_finite = finite_rows(selected[2])
    labels, rows, predictions, *uncalibrated = (select_rows(values, is_finite) for values in selected)
    return ScoredRows(
        labels=labels,
        predictions=predictions,
        uncalibrated=uncalibrated[0] if uncalibrated else None,
        dropped=int((~is_finite).sum()),
        # The items of a text have its row, and a labelled text has an item.
        texts=texts_of(rows.values[rows.offsets[:-1]]) if isinstance(rows, Ragged) else None,
    )


def read_table(path: Path, columns: Sequence[str] | None = None) -> pa.Table:
    """Columns of a Parquet file; DataError if it is damaged."""
    with damage_as_data_error(path):
        return pq.read_table(path, columns=columns)


def _array(column: pa.ChunkedArray) -> Array:
    """(n,) numbers; (n, m) lists of one length; the items of lists of any length."""
    values = column.combine_chunks()
    if pa.types.is_large_list(values.type):
        values = values.flatten()
    if not pa.types.is_fixed_size_list(values.type):
        return np.array(values)
    return np.array(values.flatten()).reshape(len(values), values.type.list_size)


def _row_indices(column: pa.ChunkedArray) -> Array:
    """The row of each entry of `_array`."""
    rows = np.arange(len(column))
    return np.repeat(rows, pc.list_value_length(column)) if pa.types.is_large_list(column.type) else rows
