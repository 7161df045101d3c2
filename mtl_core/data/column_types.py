"""Arrow types of the declared columns, checked against the features, tasks and weights that read them."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa

from mtl_core.arrow import column_type, is_number, is_text
from mtl_core.config import Problem
from mtl_core.data.parts import Part, open_data
from mtl_core.data.types import check_parts_agree, why_text
from mtl_core.errors import DataError, nearest


def column_types(folder: Path, problem: Problem, sources: Sequence[Part] = ()) -> dict[str, pa.DataType]:
    """The Arrow type of each feature and target column. `sources` are the problem's parts, where they are known.

    DataError where a column is not there, or no feature, task or weight can read its type.
    """
    if not sources:
        problem, sources = open_data(folder, problem)
    for name in problem.tasks:
        _check_weights(problem, sources, name)
    for column in problem.columns:
        declared_type(folder, problem, sources, column)
    found = {problem.column_of(name): feature_type(folder, problem, sources, name) for name in problem.features}
    for name in problem.tasks:
        found |= target_types(folder, problem, sources, name)
    return found


def declared_type(folder: Path, problem: Problem, sources: Sequence[Part], column: str) -> pa.DataType:
    """The type of a column over all parts; DataError where there is no such column, or the parts contradict."""
    types = sources[0].types
    index = types.get_field_index(column)
    if index < 0:
        raise DataError(f"{folder / problem.data.path}: no column {column!r}; {nearest(column, types.names)}")
    found = types.field(index).type
    if is_text(found):
        check_parts_agree([part.file for part in sources], column, problem.data.reading)
    return found


def feature_type(folder: Path, problem: Problem, sources: Sequence[Part], name: str) -> pa.DataType:
    """The type of a feature's column; DataError where the feature cannot read it."""
    column = problem.column_of(name)
    found = declared_type(folder, problem, sources, column)
    try:
        problem.features[name].input_type(name, column, found)
    except DataError as error:
        raise DataError(f"{error}{_why_text(sources, column)}") from None
    return found


def target_types(folder: Path, problem: Problem, sources: Sequence[Part], name: str) -> dict[str, pa.DataType]:
    """Target -> its type, for one task; DataError where the task cannot read it, or its weight column."""
    _check_weights(problem, sources, name)
    task = problem.tasks[name]
    found = {target: declared_type(folder, problem, sources, target) for target in task.targets}
    for target, arrow_type in found.items():
        try:
            column_type(target, arrow_type, task.target_types)
        except DataError as error:
            raise DataError(f"{error}{_why_text(sources, target)}") from None
    return found


def _why_text(sources: Sequence[Part], column: str) -> str:
    if not is_text(sources[0].types.field(column).type):
        return ""
    return why_text([part.file for part in sources], column)


def _check_weights(problem: Problem, sources: Sequence[Part], name: str) -> None:
    """DataError where the task's weight column is not there, or holds no numbers."""
    if not (column := problem.tasks[name].weight_column):
        return
    types = sources[0].types
    where = f"tasks.{name}.weight_column: must be a column of numbers or booleans"
    if types.get_field_index(column) < 0:
        raise DataError(f"{where}, found no column {column!r}; {nearest(column, types.names)}")
    found = types.field(column).type
    if not (is_number(found) or pa.types.is_boolean(found)):
        raise DataError(f"{where}, found {found} in {column!r}; convert it")
