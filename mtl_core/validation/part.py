"""Validation of a part file: its columns and types, then its rows, then the part without its quarantined rows."""

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa

from mtl_core.arrow import is_temporal
from mtl_core.config import Problem
from mtl_core.data.parts import Part
from mtl_core.errors import DataError, nearest
from mtl_core.expectations import Expectation
from mtl_core.timestamps import bounded_timestamps
from mtl_core.validation.expectation_runner import MAX_EXAMPLES, TYPE_EXPECTATIONS, ExpectationRunner
from mtl_core.validation.frame import frame, label_columns, read
from mtl_core.validation.results import ExpectationResult, PartValidation, QuarantineReason

MAX_HINTS = 20
"""Maximum wrong columns for which the nearest name is looked for, which goes through all names."""
_COLUMNS = "expect_table_columns_to_match_set"
_ABOUT_NULLS = ("expect_column_values_to_not_be_null", "expect_column_proportion_of_non_null_values_to_be_between")

Results = dict[int, ExpectationResult]
"""Results by position in the suite."""
Unusable = dict[str, bool]
"""Column that is missing or has another type -> True if another error already names it."""


def validate_part(part: Part, problem: Problem, runner: ExpectationRunner) -> PartValidation:
    """Run the suite on a part and find the rows to quarantine; DataError only for a part that cannot be read at all."""
    suite, names = runner.suite.expectations, part.names
    expected = _expected_columns(problem, runner, names)
    types = {e.columns[0]: str(e.kwargs["type_"]) for e in suite if e.type in TYPE_EXPECTATIONS and "type_" in e.kwargs}
    table, unreadable = read(part, expected, types)
    values, rows, known = frame(table), table.num_rows, frozenset(names)

    about_structure = [p for p, e in enumerate(suite) if not e.columns or e.type in TYPE_EXPECTATIONS]
    structure = [position for position in about_structure if known.issuperset(suite[position].columns)]
    results = runner.run(values.reindex(columns=list(names)), structure)
    errors = _check_columns(results, expected, names)
    unusable = dict.fromkeys((c for c in expected if c not in known), True) | _check_types(results, values)

    by_row = [position for position, level in enumerate(runner.levels) if level == "row"]
    results |= _run(runner, values, by_row, unusable)
    reasons = [reason for position in by_row for reason in _reasons(runner, results[position], position, values, table)]
    quarantined = {reason.row for reason in reasons}
    if quarantined:  # not copied where there is none, since a part is large
        kept = ~np.isin(np.arange(len(values)), list(quarantined))
        values, table = values[kept].reset_index(drop=True), table.filter(pa.array(kept))

    try:
        usable = table.select([column for column in table.column_names if column not in unusable])
        labels = pd.DataFrame(label_columns(problem, usable, runner.suite.columns))
    except DataError as error:
        errors, labels = [*errors, str(error)], pd.DataFrame(index=values.index)
        unusable |= dict.fromkeys(_indicators(problem, runner), True)
    for column in _indicators(problem, runner):
        if column not in labels.columns:
            unusable.setdefault(column, _target(problem, column) in unusable)
    rest = [position for position in range(len(suite)) if position not in results]
    results |= _run(runner, pd.concat([values, labels], axis=1), rest, unusable, _indicators(problem, runner))

    if unreadable and not errors and not any(result.broken for result in results.values()):
        errors.append(unreadable.removeprefix(f"{part.path}: "))
    return PartValidation(
        part=part.name,
        rows=rows,
        limit=problem.data.quarantine,
        results=tuple(results[position] for position in range(len(suite))),
        reasons=tuple(sorted(reasons, key=lambda reason: reason.row)),
        data_errors=tuple(errors),
    )


def _expected_columns(problem: Problem, runner: ExpectationRunner, names: Iterable[str]) -> list[str]:
    """Columns of the problem and of the suite; with a row condition, which may be about any column, all of the part."""
    label, suite = problem.label_prefix, runner.suite
    conditional = any("row_condition" in expectation.kwargs for expectation in suite.expectations)
    others = [*suite.columns, *(names if conditional else ())]
    return list(dict.fromkeys([*problem.columns, *(name for name in others if not name.startswith(label))]))


def _indicators(problem: Problem, runner: ExpectationRunner) -> list[str]:
    return [column for column in runner.suite.columns if column.startswith(problem.label_prefix)]


def _target(problem: Problem, indicator: str) -> str:
    """The column that an indicator stands for, or "" where no task has it."""
    task = problem.tasks.get(indicator.removeprefix(problem.label_prefix).split("=")[0])
    return task.target if task else ""


def _check_columns(results: Results, expected: list[str], names: tuple[str, ...]) -> list[str]:
    """A line per column that is missing or not in the suite; the expectation of the columns is then redundant."""
    known = frozenset(names)
    missing = {column: names for column in expected if column not in known}
    extra: dict[str, list[str]] = {}
    for position, result in results.items():
        kwargs = result.expectation.kwargs
        if result.expectation.type == _COLUMNS and result.broken:
            listed = kwargs.get("column_set") or []
            missing |= {column: names for column in listed if column not in known}
            if kwargs.get("exact_match") is not False:
                extra |= {column: listed for column in names if column not in listed}
            results[position] = replace(result, redundant=True)
    return [
        f"{column}: {error}{f'; {nearest(column, candidates)}' if index < MAX_HINTS else ''}"
        for error, columns in (("no such column", missing), ("no column of the suite", extra))
        for index, (column, candidates) in enumerate(columns.items())
    ]


def _check_types(results: Results, values: pd.DataFrame) -> Unusable:
    """The columns of another type; a column of numbers that is text gets examples of what is no number."""
    wrong: Unusable = {}
    for position, result in results.items():
        expectation = result.expectation
        if result.success or expectation.type not in TYPE_EXPECTATIONS:
            continue
        wrong |= dict.fromkeys(expectation.columns, result.broken)
        if expectation.kwargs.get("type_") == "float64" and result.observed == "str":
            text = values[expectation.columns[0]]
            not_numbers = text[text.notna() & pd.to_numeric(text, errors="coerce").isna()].unique()
            results[position] = replace(result, examples=tuple(not_numbers[:MAX_EXAMPLES].tolist()))
    return wrong


def _run(
    runner: ExpectationRunner,
    values: pd.DataFrame,
    positions: list[int],
    unusable: Unusable,
    labels: Sequence[str] = (),
) -> Results:
    """Results of the expectations; those of unusable columns fail, those of columns without values hold."""
    skipped: Results = {}
    for position in positions:
        expectation = runner.suite.expectations[position]
        if stops := [column for column in expectation.columns if column in unusable]:
            error = _not_measured(stops[0], is_label=stops[0] in labels and not unusable[stops[0]])
            redundant = all(unusable[column] for column in stops)
            skipped[position] = runner.skip(position, success=False, error=error, redundant=redundant)
        elif _without_values(expectation, values):
            skipped[position] = runner.skip(position, success=True)
    return skipped | runner.run(values, [position for position in positions if position not in skipped])


def _not_measured(column: str, *, is_label: bool) -> str:
    if is_label:
        return (
            "not measured: no task has this label now; remove the line from the suite, or write the suite anew with "
            "`mtl profile --force`"
        )
    return f"not measured: column {column!r} is missing or has another type"


def _without_values(expectation: Expectation, values: pd.DataFrame) -> bool:
    """True if a column has no values: expectations of its values then hold; that it has some is another one."""
    if not expectation.columns or not len(values):
        return bool(expectation.columns)
    return expectation.type not in _ABOUT_NULLS and any(values[column].isna().all() for column in expectation.columns)


def _reasons(
    runner: ExpectationRunner, result: ExpectationResult, position: int, values: pd.DataFrame, table: pa.Table
) -> list[QuarantineReason]:
    if not result.broken or result.level != "row":
        return []
    rows, columns = runner.unexpected_rows(values, position), result.expectation.columns
    about, expectation = ", ".join(columns), str(result.expectation)
    cells = zip(*(_cells(table[column].take(rows).combine_chunks()) for column in columns), strict=True)
    return [
        QuarantineReason(row=row, column=about, expectation=expectation, value=_text(values_of_row))
        for row, values_of_row in zip(rows, cells, strict=True)
    ]


def _cells(values: pa.Array) -> list[object]:
    return list((bounded_timestamps(values) if is_temporal(values.type) else values).to_pylist())


def _text(cells: tuple[object, ...]) -> str | None:
    if cells == (None,):
        return None
    return ", ".join("" if value is None else str(value) for value in cells)
