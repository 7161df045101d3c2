"""Columns of a validated frame about the spans of tagging tasks, since Great Expectations has no rules for lists.

For a task `slots` there are `span:slots.error`, the first rule that a row's spans break, and `span:slots.label`, a
label of the row that the suite does not expect, else its first one. Null: no broken rule, no label.
"""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core import arrow_compute as pc
from mtl_core.arrow import null_if_empty
from mtl_core.config import Problem
from mtl_core.data.targets import Table, column_array
from mtl_core.expectations import Expectation, expect
from mtl_core.tasks.span_labels import labels_and_rows, span_errors
from mtl_core.tasks.tagging import Tagging

IN_SET = "expect_column_values_to_be_in_set"
IS_NULL = "expect_column_values_to_be_null"


def tagging_tasks(problem: Problem) -> Iterator[tuple[str, Tagging, str]]:
    """Name and options of each tagging task, and the column of its texts."""
    for name, task in problem.tasks.items():
        if isinstance(task, Tagging):
            yield name, task, problem.column_of(task.text)


def span_column_names(problem: Problem, task: str) -> tuple[str, str]:
    """Names of the columns with a row's first broken rule and with one of its labels."""
    prefix = f"{problem.span_prefix}{task}"
    return f"{prefix}.error", f"{prefix}.label"


def span_columns(problem: Problem, task: str, table: Table, suite: Sequence[Expectation]) -> dict[str, pa.StringArray]:
    """Both columns of a tagging task, (rows,) strings; DataError for a target whose values are no spans."""
    options = problem.tasks[task]
    assert isinstance(options, Tagging)
    values, texts = column_array(table, options.target), column_array(table, problem.column_of(options.text))
    names = span_column_names(problem, task)
    if values.null_count == len(values):  # the column may then have any type
        return dict.fromkeys(names, pa.nulls(len(values), pa.string()))
    expected = [e.kwargs["value_set"] for e in suite if e.type == IN_SET and e.kwargs.get("column") == names[1]]
    errors = pa.array(span_errors(task, options.target, values, texts), pa.string())
    labels, rows = labels_and_rows(task, options.target, values)
    shown = np.full(len(values), -1)
    _set_first(shown, rows, np.arange(len(rows)))
    if expected:
        unexpected = np.flatnonzero(~_is_in(labels, expected[0]))
        _set_first(shown, rows[unexpected], unexpected)
    return dict(zip(names, (null_if_empty(errors), labels.take(pa.array(shown, mask=shown < 0))), strict=True))


def span_expectations(problem: Problem, task: str, labels: Iterable[str]) -> list[Expectation]:
    """Expectations of every row: no broken rule, and no other label than these."""
    error, label = span_column_names(problem, task)
    rules = "spans have start < end, lie within their text and do not overlap"
    return [
        expect("column_values_to_be_null", rules, column=error),
        expect("column_values_to_be_in_set", column=label, value_set=sorted(labels)),
    ]


def label_indicators(task: str, target: str, values: pa.Array, labels: Sequence[str]) -> NDArray[np.float64]:
    """(labels, rows): 1 where a row has a span of that label, 0 where it has none, NaN where it has no list."""
    of_spans, rows = labels_and_rows(task, target, values)
    indices = pc.index_in(of_spans, value_set=pa.array(labels, pa.string()))
    is_listed = indices.is_valid().to_numpy(zero_copy_only=False)
    indicators = np.zeros((len(labels), len(values)))
    indicators[indices.drop_null().to_numpy(), rows[is_listed]] = 1
    indicators[:, values.is_null().to_numpy(zero_copy_only=False)] = np.nan
    return indicators


def _set_first(shown: NDArray[np.int64], rows: NDArray[np.int64], spans: NDArray[np.int64]) -> None:
    """Set the first of a row's spans, by assigning them in reverse order."""
    shown[rows[::-1]] = spans[::-1]


def _is_in(labels: pa.Array, value_set: Iterable[object]) -> NDArray[np.bool_]:
    texts = pa.array([value for value in value_set if isinstance(value, str)], pa.string())
    return np.asarray(pc.is_in(labels, value_set=texts).to_numpy(zero_copy_only=False))
