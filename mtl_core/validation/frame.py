"""Pandas frames of part files for Great Expectations: four types of columns, and indicator columns of the labels."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core import arrow_compute as pc
from mtl_core.arrow import (
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
from mtl_core.features.profiling import FRAME_RANGE
from mtl_core.tasks.binary import Binary
from mtl_core.tasks.multiclass import Multiclass
from mtl_core.tasks.span_labels import label_counts
from mtl_core.tasks.tagging import Tagging
from mtl_core.timestamps import as_microseconds
from mtl_core.validation.spans import label_indicators


def read_part(part: Part, columns: Sequence[str], suite_types: Mapping[str, str]) -> tuple[pa.Table, str]:
    """The table of the columns that the part has; and the error of reading them in later stages, or "".

    A column is read with its type over all parts; with its type in this part, where the suite expects that one: a part
    must not fail because of values in other parts.

    Args:
        suite_types: column -> type that the suite expects.

    Raises:
        DataError: the part cannot be read at all.
    """
    names, part_types = frozenset(part.names), part.file_types()
    present, fields = [column for column in columns if column in names], []
    for name in present:
        shared_field, part_field, expected = part.types.field(name), part_types.field(name), suite_types.get(name)
        only_part_fits = expected == type_in_suite(part_field.type) and expected != type_in_suite(shared_field.type)
        fields.append(part_field if only_part_fits else shared_field)
    try:
        return part.read(present, pa.schema(fields)), ""
    except DataError as error:
        return part.read(present, pa.schema([part.file.types.field(name) for name in present])), str(error)


def type_in_suite(arrow_type: pa.DataType) -> str:
    """Name of a type in a suite: float64 (every number), str, bool, datetime64, object (lists), or Arrow's name."""
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


def to_frame(table: pa.Table) -> pd.DataFrame:
    """(rows, columns) as pandas; the index is the row's position in the part.

    NaN and "" are missing, as for features. A column without values has the type object; one of lists of structs has
    their lengths as objects.
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
            # Great Expectations compares the texts of a JSON suite only with naive nanoseconds.
            return pd.Series(_nanoseconds(values).to_numpy(zero_copy_only=False))
        case "object" if pa.types.is_struct(values.type.value_type):
            # Great Expectations pickles its frame, which takes seconds for 100,000 lists of spans.
            return pd.Series(pc.list_value_length(values).to_pylist(), dtype=object)
        case _:
            return values.to_pandas()


def _nanoseconds(values: pa.Array) -> pa.Array:
    """Timestamps clipped to the years 1678 to 2261, the range of nanoseconds."""
    microseconds = pc.cast(as_microseconds(values), pa.timestamp("us"))
    low, high = (pa.scalar(day.item()).cast(pa.timestamp("us")) for day in FRAME_RANGE)
    above_low = pc.max_element_wise(microseconds, low, skip_nulls=False)
    return pc.cast(pc.min_element_wise(above_low, high, skip_nulls=False), pa.timestamp("ns"))


def label_columns(
    problem: Problem, table: pa.Table, suite_columns: Sequence[str] = ()
) -> dict[str, NDArray[np.float64]]:
    """Indicator column -> (rows,) values 1, 0, or NaN where unlabelled: the mean is a label rate.

    A binary task has one, `label:TASK`; a multiclass task one per class, `label:TASK=CLASS`, and a tagging task one per
    label of spans, 1 where a row has such a span; also for a class or label that only `suite_columns` name. A target
    that is not in the table gives none; DataError for one that its task cannot read.
    """
    indicators: dict[str, NDArray[np.float64]] = {}
    for task_name, task in problem.tasks.items():
        if task.target not in table.column_names:
            continue
        prefix, values = f"{problem.label_prefix}{task_name}", table[task.target].combine_chunks()
        expected = [column for column in suite_columns if column == prefix or column.startswith(f"{prefix}=")]
        if values.null_count == len(values):
            indicators |= {column: np.full(len(values), np.nan) for column in expected}
        elif isinstance(task, Binary):
            fitter = task.fitter(task_name, column_type(task.target, values.type))
            fitter.update(values)
            indicators[prefix] = _indicator(fitter.codec.encode(values), 1)
        elif isinstance(task, Multiclass):
            class_fitter = task.fitter(task_name, column_type(task.target, values.type))
            class_fitter.update(values)
            seen = class_fitter.counts.keys() | {column.removeprefix(f"{prefix}=") for column in expected}
            classes = task.classes or tuple(sorted(seen))
            labels = task.codec(task_name, class_fitter.type, classes).encode(values)
            indicators |= {f"{prefix}={name}": _indicator(labels, index) for index, name in enumerate(classes)}
        elif isinstance(task, Tagging):
            in_suite = {column.removeprefix(f"{prefix}=") for column in expected}
            names = task.labels or tuple(sorted(in_suite.union(label_counts(task_name, task.target, values))))
            rows = label_indicators(task_name, task.target, values, names)
            indicators |= {f"{prefix}={name}": row for name, row in zip(names, rows, strict=True)}
    return indicators


def _indicator(labels: NDArray[Any], value: int) -> NDArray[np.float64]:
    return np.where(labels < 0, np.nan, labels == value)
