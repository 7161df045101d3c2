"""Validation of a part file: its columns and types, then its rows, then the part without its quarantined rows."""

from collections.abc import Collection, Iterable
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa

from mtl_core.arrow import is_temporal
from mtl_core.config import Problem
from mtl_core.data.parts import Part
from mtl_core.errors import DataError, suggestion
from mtl_core.expectations import Expectation
from mtl_core.timestamps import bounded_timestamps
from mtl_core.validation.expectation_runner import MAX_EXAMPLES, ExpectationRunner
from mtl_core.validation.frame import label_columns, read_part, to_frame
from mtl_core.validation.gx_configuration import TYPE_EXPECTATIONS
from mtl_core.validation.results import ExpectationResult, PartValidation, QuarantineReason
from mtl_core.validation.spans import span_column_names, span_columns, tagging_tasks

MAX_HINTS = 20
"""Maximum wrong columns with a suggestion, since each is compared with all names."""
_COLUMNS = "expect_table_columns_to_match_set"
_ABOUT_NULLS = (
    "expect_column_values_to_be_null",
    "expect_column_values_to_not_be_null",
    "expect_column_proportion_of_non_null_values_to_be_between",
)

Results = dict[int, ExpectationResult]
"""Results by position in the suite."""
Unusable = dict[str, bool]
"""Column that is missing or has another type -> True if another error already names it."""


def validate_part(part: Part, problem: Problem, runner: ExpectationRunner) -> PartValidation:
    """Run the suite on a part and find the rows to quarantine; DataError only for a part that cannot be read at all."""
    suite, names = runner.suite.expectations, part.names
    expected = _expected_columns(problem, runner, names)
    types = {e.columns[0]: str(e.kwargs["type_"]) for e in suite if e.type in TYPE_EXPECTATIONS and "type_" in e.kwargs}
    table, read_error = read_part(part, expected, types)
    values, rows, part_columns = to_frame(table), table.num_rows, frozenset(names)

    about_structure = [p for p, e in enumerate(suite) if not e.columns or e.type in TYPE_EXPECTATIONS]
    measurable = [position for position in about_structure if part_columns.issuperset(suite[position].columns)]
    results = runner.run(values.reindex(columns=list(names)), measurable)
    errors = _check_columns(results, expected, names)
    unusable = {column: True for column in expected if column not in part_columns} | _check_types(results, values)
    table = _with_spans(problem, table, runner, errors, unusable)
    values = pd.concat([values, to_frame(table.drop_columns(list(values.columns)))], axis=1)

    by_row = [position for position, level in enumerate(runner.levels) if level == "row"]
    results |= _run(runner, values, by_row, unusable)
    reasons = [
        reason
        for position in by_row
        if results[position].broken and results[position].level == "row"
        for reason in _quarantine_reasons(suite[position], runner.unexpected_rows(values, position), table)
    ]
    quarantined = {reason.row for reason in reasons}
    if quarantined:  # only then, since the copy of a part is large
        passed = ~np.isin(np.arange(rows), list(quarantined))
        values, table = values[passed].reset_index(drop=True), table.filter(pa.array(passed))

    try:
        usable = table.select([column for column in table.column_names if column not in unusable])
        labels = pd.DataFrame(label_columns(problem, usable, runner.suite.columns))
    except DataError as error:
        errors, labels = [*errors, str(error)], pd.DataFrame(index=values.index)
        unusable |= dict.fromkeys(runner.indicators, True)
    _add_missing(problem, runner.indicators, labels.columns, unusable)
    others = [position for position in range(len(suite)) if position not in results]
    results |= _run(runner, pd.concat([values, labels], axis=1), others, unusable)

    if read_error and not errors and not any(result.broken for result in results.values()):
        errors.append(read_error.removeprefix(f"{part.path}: "))
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
    conditional = any("row_condition" in expectation.kwargs for expectation in runner.suite.expectations)
    others = [*runner.suite.columns, *(names if conditional else ())]
    derived = {*runner.indicators, *runner.span_columns}
    return list(dict.fromkeys([*problem.columns, *(name for name in others if name not in derived)]))


def _with_spans(
    problem: Problem, table: pa.Table, runner: ExpectationRunner, errors: list[str], unusable: Unusable
) -> pa.Table:
    """The table with the columns about spans. A target of another type is added to the errors and is unusable."""
    for name, task, text in tagging_tasks(problem):
        if {task.target, text}.isdisjoint(unusable):
            try:
                columns = span_columns(problem, name, table, runner.suite.expectations)
            except DataError as error:
                errors.append(str(error))
                unusable[task.target] = True
                continue
            for column, values in columns.items():
                table = table.append_column(column, values)
    _add_missing(problem, runner.span_columns, table.column_names, unusable)
    return table


def _add_missing(problem: Problem, derived: Iterable[str], present: Collection[str], unusable: Unusable) -> None:
    """Add the indicators or columns about spans that were not derived to the unusable columns."""
    for column in derived:
        if column not in present:
            unusable.setdefault(column, not unusable.keys().isdisjoint(_sources(problem, column)))


def _sources(problem: Problem, derived: str) -> tuple[str, ...]:
    """The columns that an indicator or a column about spans is derived from; none if no task has it."""
    for name, task, text in tagging_tasks(problem):
        if derived in span_column_names(problem, name):
            return task.target, text
    options = problem.tasks.get(derived.removeprefix(problem.label_prefix).split("=")[0])
    return options.targets[:1] if options else ()


def _check_columns(results: Results, expected: list[str], names: tuple[str, ...]) -> list[str]:
    """A line per column that is missing or not in the suite; the expectation of the columns is then redundant."""
    part_columns = frozenset(names)
    missing = {column: names for column in expected if column not in part_columns}
    extra: dict[str, list[str]] = {}
    for position, result in results.items():
        kwargs = result.expectation.kwargs
        if result.expectation.type == _COLUMNS and result.broken:
            column_set = kwargs.get("column_set") or []
            missing |= {column: names for column in column_set if column not in part_columns}
            if kwargs.get("exact_match") is not False:
                extra |= {column: column_set for column in names if column not in column_set}
            results[position] = replace(result, redundant=True)
    return [
        f"{column}: {error}{f'; {suggestion(column, candidates)}' if index < MAX_HINTS else ''}"
        for error, columns in (("no such column", missing), ("no column of the suite", extra))
        for index, (column, candidates) in enumerate(columns.items())
    ]


def _check_types(results: Results, values: pd.DataFrame) -> Unusable:
    """The columns of another type. The result for text instead of numbers gets examples that are no numbers."""
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


def _run(runner: ExpectationRunner, values: pd.DataFrame, positions: list[int], unusable: Unusable) -> Results:
    """Results of the expectations; those of unusable columns fail, those of columns without values pass."""
    skipped: Results = {}
    for position in positions:
        expectation = runner.suite.expectations[position]
        if columns := [column for column in expectation.columns if column in unusable]:
            error = f"not measured: column {columns[0]!r} is missing or has another type"
            if columns[0] in (*runner.indicators, *runner.span_columns) and not unusable[columns[0]]:
                error = (
                    "not measured: no task has this label now; remove the line from the suite, or write the suite "
                    "again with `mtl profile --force`"
                )
            redundant = all(unusable[column] for column in columns)
            skipped[position] = runner.skip(position, success=False, error=error, redundant=redundant)
        elif _without_values(expectation, values):
            skipped[position] = runner.skip(position, success=True)
    return skipped | runner.run(values, [position for position in positions if position not in skipped])


def _without_values(expectation: Expectation, values: pd.DataFrame) -> bool:
    """True if a column has no values, which the expectations about nulls report."""
    if expectation.type in _ABOUT_NULLS and len(values):
        return False
    return any(values[column].isna().all() for column in expectation.columns)


def _quarantine_reasons(expectation: Expectation, rows: list[int], table: pa.Table) -> list[QuarantineReason]:
    cells = zip(*(_cells(table[column].take(rows).combine_chunks()) for column in expectation.columns), strict=True)
    return [
        QuarantineReason(
            row=row, column=", ".join(expectation.columns), expectation=str(expectation), value=_text(values)
        )
        for row, values in zip(rows, cells, strict=True)
    ]


def _cells(values: pa.Array) -> list[object]:
    return list((bounded_timestamps(values) if is_temporal(values.type) else values).to_pylist())


def _text(cells: tuple[object, ...]) -> str | None:
    if cells == (None,):
        return None
    return ", ".join("" if value is None else str(value) for value in cells)
