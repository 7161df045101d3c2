"""A part as Great Expectations sees it: a pandas frame of four types of column, and indicators of its labels."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core import arrow_compute as pc
from mtl_core.arrow import (
    as_microseconds,
    as_numbers,
    as_strings,
    column_type,
    is_number,
    is_temporal,
    is_text,
    item_type,
    null_if_empty,
    value_type,
)
from mtl_core.config import Problem
from mtl_core.data.parts import Part
from mtl_core.errors import DataError
from mtl_core.tasks.binary import Binary
from mtl_core.tasks.multiclass import Multiclass

__all__ = ["frame", "label_columns", "read", "type_in_suite"]


def read(part: Part, columns: Sequence[str], suite_types: Mapping[str, str]) -> tuple[pa.Table, str]:
    """Those of the columns that the part has, and why later stages cannot read it, or "".

    A column is read as the type over all parts. Where the suite says that it is of another one, which the part by
    itself has, that is taken: this part must not fail for what another one holds.

    Args:
        suite_types: the type that the suite expects of a column, where it expects one.

    Raises:
        DataError: a part that cannot be read at all.
    """
    names = frozenset(part.names)
    present = [column for column in columns if column in names]
    own = part.own_types()
    types = pa.schema([_judged(part.types.field(name), own.field(name), suite_types.get(name, "")) for name in present])
    try:
        return part.read(present, types), ""
    except DataError as error:
        stored = pa.schema([part.file.types.field(name) for name in present])
        return part.read(present, stored), str(error)


def _judged(over_all: pa.Field, own: pa.Field, expected: str) -> pa.Field:
    named = [type_in_suite(field.type) for field in (over_all, own)]
    return own if expected and expected != named[0] and expected == named[1] else over_all


def type_in_suite(arrow_type: pa.DataType) -> str:
    """Name of a column type in a suite: float64 (every number), str, bool, datetime64 or, as pandas calls a
    column of lists, object; else Arrow's name.
    """
    arrow_type = value_type(arrow_type)
    if pa.types.is_boolean(arrow_type):
        return "bool"
    if is_text(arrow_type):
        return "str"
    if is_temporal(arrow_type):
        return "datetime64"
    if is_number(arrow_type):
        return "float64"
    return "object" if item_type(arrow_type) is not None else str(arrow_type)


def frame(table: pa.Table) -> pd.DataFrame:
    """(rows, columns) as pandas; the index is the row's position in the part.

    NaN and the empty string are missing, as they are for features. A column without any value has no type (object).
    """
    return pd.DataFrame({name: _series(table[name].combine_chunks()) for name in table.column_names})


def _series(values: pa.Array) -> pd.Series:
    if values.null_count == len(values):
        return pd.Series([None] * len(values), dtype=object)
    match type_in_suite(values.type):
        case "float64":
            return pd.Series(as_numbers(values))
        case "bool":
            return values.to_pandas(types_mapper={pa.bool_(): pd.BooleanDtype()}.get)
        case "str":
            return null_if_empty(as_strings(values)).to_pandas()
        case "datetime64":
            # Naive nanoseconds: the only times that Great Expectations compares with the texts of a JSON suite.
            return pd.Series(_nanoseconds(values).to_numpy(zero_copy_only=False))
        case _:
            return values.to_pandas()


def _nanoseconds(values: pa.Array) -> pa.Array:
    """Timestamps outside 1678 to 2261, the range of nanoseconds, become the nearest limit: 9999-12-31 stays late."""
    moments = pc.cast(as_microseconds(values), pa.timestamp("us"))
    low, high = (pa.scalar(datetime(year, 1, 1), pa.timestamp("us")) for year in (1678, 2262))
    late_enough = pc.max_element_wise(moments, low, skip_nulls=False)
    return pc.cast(pc.min_element_wise(late_enough, high, skip_nulls=False), pa.timestamp("ns"))


def label_columns(
    problem: Problem, table: pa.Table, suite_columns: Sequence[str] = ()
) -> dict[str, NDArray[np.float64]]:
    """Per class of a classification task a (rows,) column of 1, 0, NaN where unlabelled: its mean is the label rate.

    A binary task has one, `label:TASK`; a multiclass task one per class, `label:TASK=CLASS`, also for a class that only
    `suite_columns` name. A target that the table lacks gives none; one that its task cannot read is a DataError.
    """
    found: dict[str, NDArray[np.float64]] = {}
    label = problem.label_prefix
    for name, task in problem.tasks.items():
        if task.target not in table.column_names:
            continue
        prefix = f"{label}{name}"
        values = table[task.target].combine_chunks()
        named = [column for column in suite_columns if column == prefix or column.startswith(f"{prefix}=")]
        if values.null_count == len(values):
            found.update({column: np.full(len(values), np.nan) for column in named})
        elif isinstance(task, Binary):
            fitter = task.fitter(name, column_type(task.target, values.type))
            fitter.update(values)
            found[prefix] = _indicator(fitter.codec.encode(values), 1)
        elif isinstance(task, Multiclass):
            classes_of = task.fitter(name, column_type(task.target, values.type))
            classes_of.update(values)
            seen = classes_of.seen | {column.removeprefix(f"{prefix}=") for column in named}
            classes = task.classes or tuple(sorted(seen))
            labels = task.codec(name, classes_of.type, classes).encode(values)
            found.update({f"{prefix}={known}": _indicator(labels, index) for index, known in enumerate(classes)})
    return found


def _indicator(labels: NDArray[Any], value: int) -> NDArray[np.float64]:
    return np.where(labels < 0, np.nan, labels == value)
