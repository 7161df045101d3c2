"""Profiling: reference parts -> a suite that these parts, and similar ones, meet. Its wide limits are to be narrowed.

`mtl profile` overwrites an edited suite only with --force.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core.config import Problem
from mtl_core.data.parts import Part, open_data
from mtl_core.errors import DataError, suggestion
from mtl_core.expectations import Expectation, expect
from mtl_core.features import Feature
from mtl_core.features.profiling import (
    distinct_values,
    finite_numbers,
    format_range,
    infinite_shares,
    range_expectations,
    sorted_values,
)
from mtl_core.limits import count_limits, mean_limits, min_share_present, rate_limits
from mtl_core.tasks import Task
from mtl_core.tasks.binary import Binary
from mtl_core.tasks.classes import ClassTask
from mtl_core.tasks.multilabel import Multilabel
from mtl_core.tasks.regression import Regression
from mtl_core.validation.frame import label_columns, to_frame, type_in_suite
from mtl_core.validation.spans import span_expectations, tagging_tasks
from mtl_core.validation.suite import Suite, differences, load_suite, suite_path, write_suite


def write_profile(
    folder: Path, problem: Problem, references: Sequence[str] = (), *, force: bool = False
) -> tuple[str, ...]:
    """Profile the named parts, by default all, and write gx/expectations/NAME.json.

    Returns:
        a line per change.

    Raises:
        DataError: there is no part of that name, or a suite with other expectations, and no `force`.
    """
    path = suite_path(folder, problem)
    where = path.relative_to(folder).as_posix()
    problem, sources = open_data(folder, problem)
    by_name = {part.name: part for part in sources}
    for name in references:
        if name not in by_name:
            raise DataError(f"--reference: no part {name!r}; {suggestion(name, list(by_name))}")
    suite = profile(problem, [by_name[name] for name in references] or sources)
    if not path.exists():
        write_suite(path, suite)
        return (f"{where}: {len(suite.expectations)} expectations; review and edit them",)
    try:
        changes = differences(load_suite(path), suite)
    except DataError as error:
        if not force:
            raise
        changes = (f"- a file that could not be read: {error}",)
    if not changes:
        return (f"{where}: unchanged",)
    lines = [f"  {line}" for line in changes]
    if not force:
        head = (
            f"{where}: is not overwritten, since it may have been edited; profiling would make {len(changes)} changes:"
        )
        raise DataError("\n".join([head, *lines, "edit the file, or overwrite it with --force"]))
    write_suite(path, suite)
    return (f"{where}: overwritten, {len(changes)} changes:", *lines)


def profile(problem: Problem, reference: Sequence[Part]) -> Suite:
    """Suite from reference parts: their columns, types, nulls, ranges, categories, numbers of rows, label rates.

    Limits are those of single parts, since parts are validated one by one. Raises DataError for a reference without
    rows or without a declared column.
    """
    frames: list[pd.DataFrame] = []
    types: dict[str, str] = {}
    targets: list[pa.Table] = []
    for part in reference:
        table = part.read(problem.columns)
        if not table.num_rows:
            raise DataError(f"{part.path}: a reference part needs rows, found none; name others with --reference PART")
        for column in problem.columns:
            if table[column].null_count < table.num_rows:
                types.setdefault(column, type_in_suite(table.schema.field(column).type))
        frames.append(to_frame(table))
        targets.append(table.select(problem.targets))
    expectations = _rows(problem, [len(part) for part in frames])
    readers: dict[str, list[Feature]] = {}
    for name, feature in problem.features.items():
        readers.setdefault(problem.column_of(name), []).append(feature)
    for column in problem.columns:
        if column in types:  # else it has no value
            values = [part[column] for part in frames]
            expectations.append(expect("column_values_to_be_of_type", column=column, type_=types[column]))
            expectations += _nulls(problem, column, values)
            expectations += _values(problem, readers.get(column, []), column, types[column], values)
    # All classes for every part: a class that does not occur in a part has a rate of 0 there.
    names = list(dict.fromkeys(name for table in targets for name in label_columns(problem, table)))
    labels = [label_columns(problem, table, names) for table in targets]
    for name in names:
        expectations += _label_rate(name, [part[name] for part in labels if name in part])
    for task, options, _ in tagging_tasks(problem):
        expected = f"{problem.label_prefix}{task}="
        seen = [name.removeprefix(expected) for name in names if name.startswith(expected)]
        expectations += span_expectations(problem, task, options.labels or seen)
    return Suite(name=problem.name, expectations=tuple(expectations))


def _rows(problem: Problem, rows: list[int]) -> list[Expectation]:
    return [
        expect("table_columns_to_match_set", column_set=list(problem.columns), exact_match=False),
        expect("table_row_count_to_be_between", f"{format_range(rows, ',')} rows in a part", **count_limits(rows)),
    ]


def _nulls(problem: Problem, column: str, parts: list[pd.Series]) -> list[Expectation]:
    """No nulls where the reference has none; except in targets, whose nulls are unlabelled rows."""
    shares = [float(values.isna().mean()) for values in parts]
    is_target = column in problem.targets
    if column in problem.split.columns or (max(shares) == 0 and not is_target):
        return [expect("column_values_to_not_be_null", column=column)]
    if not (mostly := min_share_present(shares)):
        return []
    notes = f"{format_range(shares, '.2%')} missing in a part"
    return [expect("column_values_to_not_be_null", notes, column=column, mostly=mostly)]


def _values(
    problem: Problem, readers: list[Feature], column: str, type_: str, parts: list[pd.Series]
) -> list[Expectation]:
    """Expectations of the features that read the column; the range of a column that is only a split or weight."""
    if column in problem.targets:
        return _target_values(problem, column, type_, parts)
    if not readers:
        return range_expectations(column, parts) if type_ == "float64" else []
    # A feature that expects the known values comes last: a new value is no error for the others.
    reader = min(readers, key=lambda feature: feature.expects_value_set)
    return reader.expectations(column, type_, parts)


def _target_values(problem: Problem, column: str, type_: str, parts: list[pd.Series]) -> list[Expectation]:
    """The value set of a target, else the range of its numbers, and the mean of a regression target."""
    if type_ not in ("str", "float64"):
        return []
    tasks = {name: task for name, task in problem.tasks.items() if column in task.targets}
    if value_set := _value_set(tasks, type_, parts):
        return [expect("column_values_to_be_in_set", column=column, value_set=value_set)]
    if type_ != "float64":
        return []
    numbers, expectations = finite_numbers(parts), range_expectations(column, parts)
    if numbers and not max(infinite_shares(parts)) and any(isinstance(task, Regression) for task in tasks.values()):
        means = [float(part.mean()) for part in numbers]
        limits = mean_limits(means, max(float(part.std()) for part in numbers))
        notes = f"{format_range(means, '.3g')} in a part"
        expectations.append(expect("column_mean_to_be_between", notes, column=column, **limits))
    return expectations


def _value_set(tasks: Mapping[str, Task], type_: str, parts: list[pd.Series]) -> list[Any]:
    """All values of a target whose tasks refuse any other value; empty if no task refuses values."""
    for task in tasks.values():
        if isinstance(task, ClassTask) and not task.edges and task.others == "refuse":
            classes: Iterable[Any] = task.classes or distinct_values(parts)
            return sorted_values(map(float, classes) if type_ == "float64" else classes)
    if type_ == "float64" and any(map(_is_zero_or_one, tasks.values())):
        return [0, 1]
    for name, task in tasks.items():
        if isinstance(task, Binary) and task.positive is not None and task.others == "refuse":
            codec = task.fitter(name, "string" if type_ == "str" else "number").declared
            values = [value if isinstance(value, str) else float(value) for value in codec.label_values]
            return sorted_values(
                values if codec.negative else [*values, *codec.learned_negative(distinct_values(parts) - {values[0]})]
            )
    return []


def _is_zero_or_one(task: Task) -> bool:
    if isinstance(task, Binary):
        return task.positive is None and task.at_least is None and task.others == "refuse"
    return isinstance(task, Multilabel) and bool(task.columns)


def _label_rate(column: str, parts: list[NDArray[np.float64]]) -> list[Expectation]:
    rates = [(int(np.nansum(labels)), int(np.count_nonzero(~np.isnan(labels)))) for labels in parts]
    rates = [(positives, rows) for positives, rows in rates if rows]
    if not rates:
        return []
    notes = f"{format_range([positives / rows for positives, rows in rates], '.2%')} of the labelled rows in a part"
    return [expect("column_mean_to_be_between", notes, column=column, **rate_limits(rates))]
