"""Rows of every split with the columns of targets, weights and split, for the check of a problem's data.

Rows with a target outside the suite's value sets, with ill-formed spans, or with a time outside the suite's limits are
skipped, as validation quarantines them. This does not need Great Expectations.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core import arrow_compute as pc
from mtl_core.arrow import as_numbers, as_strings, is_temporal, is_text
from mtl_core.config import Problem, TimeSplit
from mtl_core.data.parts import Part
from mtl_core.data.rolling import resolve_split
from mtl_core.data.splitter import LEFT_OUT, SplitColumns, SplitRows, Splitter
from mtl_core.expectations import Expectation
from mtl_core.timestamps import as_microseconds
from mtl_core.validation.spans import IN_SET, IS_NULL, span_column_names, span_columns, tagging_tasks
from mtl_core.validation.suite import load_suite, suite_path

BETWEEN = "expect_column_values_to_be_between"
MAX_CACHED = 1 << 28
"""Maximum bytes of rows that are cached in memory for the next iteration; more are read again."""


class TargetRows:
    """Rows of every split, which can be iterated several times.

    DataError for a damaged suite; without a suite no row is skipped.
    """

    def __init__(self, folder: Path, problem: Problem, sources: Sequence[Part]) -> None:
        self.problem, self.sources = problem, sources
        self.columns = SplitColumns.of(problem, sources[0].shared)
        self.left_out = 0
        """Rows before the training window, after the first iteration."""
        self.errors: dict[str, str] = {}
        """Part with too many quarantined rows -> the error, after the first iteration."""
        path = suite_path(folder, problem)
        self._expectations = load_suite(path).expectations if path.exists() else ()
        self._value_sets = _value_sets(problem, self._expectations)
        self._limits = _time_limits(problem, self._expectations)
        self._cache: list[SplitRows] = []

    @cached_property
    def splitter(self) -> Splitter:
        """The split; one with durations reads the rows to find the newest."""
        column = self.problem.split.column
        times = (rows.column(column) for rows in self._valid_rows())
        return Splitter(split=resolve_split(self.problem.split, times), columns=self.columns)

    def __iter__(self) -> Iterator[SplitRows]:
        if self._cache:
            yield from self._cache
            return
        cache, size = [], 0
        for name, rows in self._read():
            size += rows.nbytes
            if size <= MAX_CACHED:
                cache.append((name, rows))
            yield name, rows
        self._cache = cache if size <= MAX_CACHED else []

    def _read(self) -> Iterator[SplitRows]:
        self.left_out = 0
        for batch in self._valid_rows():
            for name, rows in self.splitter.split_rows(batch):
                if name == LEFT_OUT:
                    self.left_out += rows.num_rows
                else:
                    yield name, rows

    def _valid_rows(self) -> Iterator[pa.RecordBatch]:
        """Batches of the rows that are not skipped; a part with too many others is an error."""
        problem, limit = self.problem, self.problem.data.quarantine
        texts = (text for _, _, text in tagging_tasks(problem))
        columns = tuple(dict.fromkeys((*problem.targets, *problem.weight_columns, *self.columns.names, *texts)))
        for part in self.sources:
            rows, quarantined, example = 0, 0, ""
            for batch in part.batches(columns):
                invalid = np.zeros(batch.num_rows, dtype=np.bool_)
                for column, values, outside in self._restricted(batch):
                    invalid |= outside
                    if outside.any():
                        example = example or f"{values[int(outside.argmax())].as_py()!r} in {column!r}"
                rows, quarantined = rows + batch.num_rows, quarantined + int(invalid.sum())
                yield batch.filter(pa.array(~invalid)) if invalid.any() else batch
            if quarantined > limit * rows:
                self.errors[part.name] = (
                    f"data.quarantine: at most {limit:.3%} of the rows of a part may be quarantined, "
                    f"found {quarantined:,} of {rows:,} of {part.name} with a value that the suite does not expect, "
                    f"such as {example}; repair the rows, or edit the suite and the task"
                )

    def _restricted(self, batch: pa.RecordBatch) -> Iterator[tuple[str, pa.Array, NDArray[np.bool_]]]:
        """Name, values and mask of the unexpected values of each target, column about spans, and column of times."""
        for column in self.problem.targets:
            if column in self._value_sets:
                yield column, batch.column(column), _outside(batch.column(column), self._value_sets[column])
        for task, _, _ in tagging_tasks(self.problem):
            if names := [name for name in span_column_names(self.problem, task) if name in self._value_sets]:
                columns = span_columns(self.problem, task, batch, self._expectations)
                for name in names:
                    yield name, columns[name], _outside(columns[name], self._value_sets[name])
        for kwargs in self._limits:
            values = batch.column(kwargs["column"])
            yield kwargs["column"], values, _beyond(values, kwargs)


def _value_sets(problem: Problem, expectations: Sequence[Expectation]) -> dict[str, list[Any]]:
    """Column -> the values that it may have besides null, for targets and columns about spans."""
    of_spans = [column for task, _, _ in tagging_tasks(problem) for column in span_column_names(problem, task)]
    value_sets: dict[str, list[Any]] = {}
    for expectation in expectations:
        column, kwargs = expectation.kwargs.get("column"), set(expectation.kwargs)
        if expectation.severity != "critical":
            continue
        if expectation.type == IN_SET and kwargs == {"column", "value_set"} and column in (*problem.targets, *of_spans):
            value_sets[column] = expectation.kwargs["value_set"]
        elif expectation.type == IS_NULL and kwargs == {"column"} and column in of_spans:
            value_sets[column] = []
    return value_sets


def _outside(values: pa.Array, allowed: list[Any]) -> NDArray[np.bool_]:
    """(rows,) True for a value that is not allowed; missing values are allowed."""
    if is_text(values.type):
        texts = pa.array([*(value for value in allowed if isinstance(value, str)), ""], pa.string())
        inside = pc.is_in(as_strings(values), value_set=texts).to_numpy(zero_copy_only=False)
        return np.asarray(~inside, dtype=np.bool_)
    numbers = as_numbers(values)
    allowed_numbers = [float(value) for value in allowed if isinstance(value, int | float)]
    return ~(np.isnan(numbers) | np.isin(numbers, allowed_numbers))


def _time_limits(problem: Problem, expectations: Sequence[Expectation]) -> list[dict[str, Any]]:
    """Arguments of the expectations that limit the column of a split by time."""
    if not isinstance(problem.split, TimeSplit):
        return []
    return [
        expectation.kwargs
        for expectation in expectations
        if expectation.type == BETWEEN
        and expectation.severity == "critical"
        and expectation.kwargs.keys() <= {"column", "min_value", "max_value"}
        and expectation.kwargs["column"] == problem.split.column
    ]


def _beyond(values: pa.Array, limits: Mapping[str, Any]) -> NDArray[np.bool_]:
    """(rows,) True for a time before `min_value` or after `max_value`; numbers and unreadable limits exclude none."""
    beyond = np.zeros(len(values), dtype=np.bool_)
    if is_text(values.type):
        comparable = as_strings(values)
    elif is_temporal(values.type):
        comparable = pc.cast(as_microseconds(values), pa.timestamp("us"))  # in UTC, as in the frame
    else:
        return beyond
    for limit, exceeds in (("min_value", pc.less), ("max_value", pc.greater)):
        if limits.get(limit) is not None:
            try:
                exceeded = exceeds(comparable, pa.scalar(str(limits[limit])).cast(comparable.type))
            except pa.ArrowInvalid:
                continue
            beyond |= pc.fill_null(exceeded, False).to_numpy(zero_copy_only=False)
    return beyond
