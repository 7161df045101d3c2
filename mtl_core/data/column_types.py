"""Arrow types of the declared columns, checked against the features, tasks and weights that read them."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa

from mtl_core.arrow import column_type, is_number, is_text, scalar_type
from mtl_core.config import Problem
from mtl_core.data.parts import Part, open_data
from mtl_core.data.types import check_parts_agree, reason_for_text
from mtl_core.errors import DataError, suggestion


def column_types(folder: Path, problem: Problem, sources: Sequence[Part] = ()) -> dict[str, pa.DataType]:
    """The Arrow type of each feature and target column. `sources`: the problem's parts, if they are open already.

    DataError for a missing column, and for a type that its feature, task or weight cannot read.
    """
    if not sources:
        problem, sources = open_data(folder, problem)
    for name in problem.tasks:
        _check_weights(problem, sources, name)
    for column in problem.columns:
        declared_type(folder, problem, sources, column)
    for column in problem.slice_columns:
        check_slice_column(folder, problem, sources, column)
    types = {problem.column_of(name): feature_type(folder, problem, sources, name) for name in problem.features}
    for name in problem.tasks:
        types |= target_types(folder, problem, sources, name)
    return types


def declared_type(folder: Path, problem: Problem, sources: Sequence[Part], column: str) -> pa.DataType:
    """The type of a column over all parts; DataError for a missing column, and for parts with incompatible types."""
    types = sources[0].types
    index = types.get_field_index(column)
    if index < 0:
        raise DataError(f"{folder / problem.data.path}: no column {column!r}; {suggestion(column, types.names)}")
    arrow_type = types.field(index).type
    if is_text(arrow_type):
        check_parts_agree([part.file for part in sources], column, problem.data.reading)
    return arrow_type


def feature_type(folder: Path, problem: Problem, sources: Sequence[Part], name: str) -> pa.DataType:
    """The type of a feature's column; DataError if the feature cannot read it."""
    column = problem.column_of(name)
    arrow_type = declared_type(folder, problem, sources, column)
    with _with_reason(sources, column):
        problem.features[name].input_type(name, column, arrow_type)
    return arrow_type


def target_types(folder: Path, problem: Problem, sources: Sequence[Part], name: str) -> dict[str, pa.DataType]:
    """Target -> its type, for one task; DataError if the task cannot read it, or its weight column."""
    _check_weights(problem, sources, name)
    task = problem.tasks[name]
    types = {target: declared_type(folder, problem, sources, target) for target in task.targets}
    for target, arrow_type in types.items():
        with _with_reason(sources, target):
            column_type(target, arrow_type, task.target_types)
    return types


def check_slice_column(folder: Path, problem: Problem, sources: Sequence[Part], column: str) -> None:
    """Check a column of `gates.slices`; DataError if it is missing, or has values that cannot name a slice."""
    arrow_type = declared_type(folder, problem, sources, column)
    if scalar_type(arrow_type) is None:
        raise DataError(
            f"gates.slices: a column must be text, a number or a boolean, found {arrow_type} in {column!r}; derive "
            "such a column from it (month, first item, ...)"
        )


@contextmanager
def _with_reason(sources: Sequence[Part], column: str) -> Iterator[None]:
    """Add the reason why the column is text to a DataError about its type."""
    try:
        yield
    except DataError as error:
        if not is_text(sources[0].types.field(column).type):
            raise
        raise DataError(f"{error}{reason_for_text([part.file for part in sources], column)}") from None


def _check_weights(problem: Problem, sources: Sequence[Part], name: str) -> None:
    """DataError if the task's weight column is missing, or holds no numbers."""
    if not (column := problem.tasks[name].weight_column):
        return
    types = sources[0].types
    rule = f"tasks.{name}.weight_column: must be a column of numbers or booleans"
    if types.get_field_index(column) < 0:
        raise DataError(f"{rule}, found no column {column!r}; {suggestion(column, types.names)}")
    arrow_type = types.field(column).type
    if not (is_number(arrow_type) or pa.types.is_boolean(arrow_type)):
        raise DataError(f"{rule}, found {arrow_type} in {column!r}; convert it")
