"""Columns of a table as arrays: targets of tasks and weights of rows."""

from collections.abc import Mapping
from typing import TypeAlias

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core.arrow import ColumnType, as_numbers, column_type
from mtl_core.errors import DataError
from mtl_core.tasks import Task

Table: TypeAlias = pa.Table | pa.RecordBatch


def column_array(table: Table, column: str) -> pa.Array:
    """(rows,) values of the column, in one piece."""
    values = table.column(column)
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def target_values(table: Table, targets: tuple[str, ...]) -> pa.Array:
    """The target column; several as an array of structs, none as an array of nulls."""
    columns = [column_array(table, name) for name in targets]
    if not columns:
        return pa.nulls(table.num_rows)
    return columns[0] if len(columns) == 1 else pa.StructArray.from_arrays(columns, names=list(targets))


def target_type(name: str, task: Task, types: Mapping[str, pa.DataType]) -> ColumnType:
    """The type of a task's targets; DataError if the task cannot read them, or they have different types."""
    target_types = dict.fromkeys(column_type(column, types[column], task.target_types) for column in task.targets)
    if len(target_types) > 1:
        raise DataError(
            f"task {name!r}: all its targets must have one type, found {', '.join(target_types)} in "
            f"{', '.join(task.targets)}; convert the columns"
        )
    return next(iter(target_types), "string")  # nulls are text, as in `column_type`


def zero_weights_error(name: str, column: str) -> str:
    """The error for a task whose training rows all have weight 0."""
    return (
        f"task {name!r}: some row of the training split must weigh more than 0, found none in {column!r}; check the "
        "column and the split"
    )


def row_weights(table: Table, name: str, column: str) -> NDArray[np.float32]:
    """(rows,) weights of a task's rows; DataError for a weight that is negative or not finite."""
    numbers = as_numbers(column_array(table, column))
    with np.errstate(over="ignore"):
        weights = numbers.astype(np.float32)
    invalid = ~(np.isfinite(weights) & (weights >= 0))
    if invalid.any():
        raise DataError(
            f"task {name!r}: a row's weight must be a number from 0 to {np.finfo(np.float32).max:.1e}, found "
            f"{numbers[invalid][0]:g} in {column!r}; fill the column, or quarantine the row"
        )
    return weights
