"""Profiling: reference parts -> the suite that they, and parts like them, meet. Its limits are wide, to be narrowed.

`mtl profile` overwrites an edited suite only if told to.
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
from mtl_core.errors import DataError, nearest
from mtl_core.expectations import Expectation, expect
from mtl_core.features import Feature
from mtl_core.features.profiling import distinct, finite, infinite_shares, range_expectations, span, tidy
from mtl_core.limits import count_limits, mean_limits, min_share_present, rate_limits
from mtl_core.tasks import Task
from mtl_core.tasks.binary import Binary
from mtl_core.tasks.classes import ClassTask
from mtl_core.tasks.multilabel import Multilabel
from mtl_core.tasks.regression import Regression
from mtl_core.validation.frame import frame, label_columns, type_in_suite
from mtl_core.validation.suite import Suite, differences, load_suite, suite_path, write_suite

Labels = NDArray[np.float64]


def write_profile(
    folder: Path, problem: Problem, references: Sequence[str] = (), *, force: bool = False
) -> tuple[str, ...]:
    """Profile the named parts (all where none is named) and write gx/expectations/NAME.json.

    Returns:
        the changes, line by line.

    Raises:
        DataError: a part that is not there, or a suite with other expectations that may not be overwritten.
    """
    path = suite_path(folder, problem)
    where = path.relative_to(folder).as_posix()
    problem, sources = open_data(folder, problem)
    by_name = {part.name: part for part in sources}
    for name in references:
        if name not in by_name:
            raise DataError(f"--reference: no part {name!r}; {nearest(name, list(by_name))}")
    suite = profile(problem, [by_name[name] for name in references] or sources)
    if not path.exists():
        write_suite(path, suite)
        return (f"{where}: {len(suite.expectations)} expectations; read and edit them, they are yours now",)
    try:
        changes = differences(load_suite(path), suite)
    except DataError as error:
        if not force:
            raise
        changes = (f"- what could not be read: {error}",)
    if not changes:
        return (f"{where}: unchanged",)
    lines = [f"  {line}" for line in changes]
    if not force:
        head = f"{where}: is not overwritten, since people edit it; profiling would make {len(changes)} changes:"
        raise DataError("\n".join([head, *lines, "edit the file, or overwrite it with --force"]))
    write_suite(path, suite)
    return (f"{where}: overwritten, {len(changes)} changes:", *lines)


def profile(problem: Problem, reference: Sequence[Part]) -> Suite:
    """Suite from reference parts: their columns, types, nulls, ranges, categories, numbers of rows, label rates.

    Each part counts by itself, since each part is validated by itself. Raises DataError for a reference that lacks
    rows or a declared column.
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
        frames.append(frame(table))
        targets.append(table.select(problem.targets))
    expectations = _rows(problem, [len(part) for part in frames])
    readers: dict[str, list[Feature]] = {}
    for name, feature in problem.features.items():
        readers.setdefault(problem.column_of(name), []).append(feature)
    for column, type_ in ((column, types.get(column, "")) for column in problem.columns):
        if type_:  # a column without any value says nothing
            values = [part[column] for part in frames]
            expectations.append(expect("column_values_to_be_of_type", column=column, type_=type_))
            expectations += _nulls(problem, column, values)
            expectations += _values(problem, readers.get(column, []), column, type_, values)
    # A class that a part lacks has a rate of 0 there.
    names = list(dict.fromkeys(name for table in targets for name in label_columns(problem, table)))
    labels = [label_columns(problem, table, names) for table in targets]
    for name in names:
        expectations += _label_rate(name, [part[name] for part in labels if name in part])
    return Suite(name=problem.name, expectations=tuple(expectations))


def _rows(problem: Problem, rows: list[int]) -> list[Expectation]:
    return [
        expect("table_columns_to_match_set", column_set=list(problem.columns), exact_match=False),
        expect("table_row_count_to_be_between", f"{span(rows, ',')} rows in a part", **count_limits(rows)),
    ]


def _nulls(problem: Problem, column: str, parts: list[pd.Series]) -> list[Expectation]:
    """None where the reference has none. A target may always have some: its rows are unlabelled, not bad."""
    shares = [float(values.isna().mean()) for values in parts]
    is_target = column in problem.targets
    if column in problem.split.columns or (max(shares) == 0 and not is_target):
        return [expect("column_values_to_not_be_null", column=column)]
    if not (mostly := min_share_present(shares)):
        return []
    notes = f"{span(shares, '.2%')} missing in a part"
    return [expect("column_values_to_not_be_null", notes, column=column, mostly=mostly)]


def _values(
    problem: Problem, readers: list[Feature], column: str, type_: str, parts: list[pd.Series]
) -> list[Expectation]:
    """Expectations of the column's readers; of a column that only splits or weighs rows, its range."""
    if column in problem.targets:
        return _target_values(problem, column, type_, parts)
    if not readers:
        return range_expectations(column, parts) if type_ == "float64" else []
    # A column that is read as a quantity too: a value not seen before is no error.
    readers = [reader for reader in readers if not reader.known_values] or readers
    return readers[0].expectations(column, type_, parts)


def _target_values(problem: Problem, column: str, type_: str, parts: list[pd.Series]) -> list[Expectation]:
    """The classes of a target, else the range of its numbers; and the mean of what is regressed."""
    named = {name: task for name, task in problem.tasks.items() if column in task.targets}
    tasks = list(named.values())
    classes = [task for task in tasks if isinstance(task, ClassTask) and not task.edges and task.others == "refuse"]
    binary = [task for task in tasks if isinstance(task, Binary) and task.others == "refuse"]
    plain = any(task.positive is None and task.at_least is None for task in binary)
    plain |= any(isinstance(task, Multilabel) and bool(task.columns) for task in tasks)
    if type_ not in ("str", "float64"):
        return []
    if classes:
        return [_classes(column, classes[0], type_, parts)]
    plain &= type_ == "float64"
    if allowed := [0, 1] if plain else _answers(column, named, type_, parts):
        return [expect("column_values_to_be_in_set", column=column, value_set=allowed)]
    if type_ != "float64":
        return []
    known, found = finite(parts), range_expectations(column, parts)
    if known and not max(infinite_shares(parts)) and any(isinstance(task, Regression) for task in tasks):
        means = [float(numbers.mean()) for numbers in known]
        limits = mean_limits(means, max(float(numbers.std()) for numbers in known))
        found.append(expect("column_mean_to_be_between", f"{span(means, '.3g')} in a part", column=column, **limits))
    return found


def _answers(column: str, tasks: Mapping[str, Task], type_: str, parts: list[pd.Series]) -> list[Any]:
    """The values for yes and no of a binary task that refuses all others; none where no task does."""
    for name, task in tasks.items():
        if isinstance(task, Binary) and task.positive is not None and task.others == "refuse":
            codec = task.fitter(name, "string" if type_ == "str" else "number").declared
            known = [value if isinstance(value, str) else float(value) for value in codec.label_values]
            return tidy(known if codec.negative else [*known, *codec.learned_negative(distinct(parts) - {known[0]})])
    return []


def _classes(column: str, task: ClassTask, type_: str, parts: list[pd.Series]) -> Expectation:
    """Every row, since an unknown class cannot be a label."""
    classes: Iterable[Any] = task.classes or distinct(parts)
    if type_ == "float64":
        classes = [float(name) for name in classes]
    return expect("column_values_to_be_in_set", column=column, value_set=tidy(classes))


def _label_rate(column: str, parts: list[Labels]) -> list[Expectation]:
    rates = [(int(np.nansum(labels)), int(np.count_nonzero(~np.isnan(labels)))) for labels in parts]
    rates = [(yes, rows) for yes, rows in rates if rows]
    if not rates:
        return []
    notes = f"{span([yes / rows for yes, rows in rates], '.2%')} of the labelled rows in a part"
    return [expect("column_mean_to_be_between", notes, column=column, **rate_limits(rates))]
