"""Validation of a part: first its structure, then its rows, then the part without its quarantined rows."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa

from mtl_core.arrow import bounded_timestamps, is_temporal
from mtl_core.config import Problem
from mtl_core.data.parts import Part
from mtl_core.errors import DataError, nearest
from mtl_core.validation.expectations import OF_TYPE
from mtl_core.validation.frame import frame, label_columns, read
from mtl_core.validation.outcome import PartResult, QuarantineReason
from mtl_core.validation.runner import EXAMPLES, ExpectationRunner, MeasuredExpectation

__all__ = ["PartValidation", "validate_part"]

MAX_HINTS = 20
"""Maximum wrong columns for which the nearest name is looked for."""
_COLUMNS = "expect_table_columns_to_match_set"
_ABOUT_NULLS = ("expect_column_values_to_not_be_null", "expect_column_proportion_of_non_null_values_to_be_between")


@dataclass(frozen=True, kw_only=True)
class PartValidation:
    """Result of a part, and the outcomes as Great Expectations draws them; both in the order of the suite."""

    result: PartResult
    measured: tuple[MeasuredExpectation, ...]


def validate_part(part: Part, problem: Problem, runner: ExpectationRunner) -> PartValidation:
    """Read the part and measure every expectation; DataError only for a part that cannot be read at all."""
    suite, label = runner.suite.expectations, problem.label_prefix
    indicators = [column for column in runner.suite.columns if column.startswith(label)]
    names = list(part.names)
    expected = list(dict.fromkeys([*problem.columns, *(c for c in runner.suite.columns if c not in indicators)]))
    if any("row_condition" in expectation.kwargs for expectation in suite):
        # A condition may speak about any column.
        expected = list(dict.fromkeys([*expected, *(name for name in names if not name.startswith(label))]))
    types = {e.columns[0]: str(e.kwargs["type_"]) for e in suite if e.type in OF_TYPE and "type_" in e.kwargs}
    table, unreadable = read(part, expected, types)
    values = frame(table)
    known = frozenset(names)
    about_structure = ((position, e) for position, e in enumerate(suite) if not e.columns or e.type in OF_TYPE)
    structure = [position for position, e in about_structure if known.issuperset(e.columns)]
    found = runner.measure(values.reindex(columns=names), structure)
    found = {position: _with_examples(one, values) for position, one in found.items()}
    errors = _wrong_columns(found, expected, names)
    blocked = {c: True for c in expected if c not in known} | _wrong_types(found)

    rows = [position for position, level in enumerate(runner.levels) if level == "row"]
    found |= _measure(runner, values, rows, blocked)
    reasons = [reason for position in rows for reason in _reasons(runner, found[position], values, table, position)]
    values, readable = _without({reason.row for reason in reasons}, values, table)
    readable = readable.select([column for column in table.column_names if column not in blocked])
    labels, refused = _labels(problem, readable, runner.suite.columns)
    unlabelled = [column for column in indicators if column not in labels.columns]
    blocked |= {column: bool(refused) or _target(problem, column) in blocked for column in unlabelled}
    whole = pd.concat([values, labels], axis=1)
    rest = [position for position in range(len(suite)) if position not in found]
    found |= _measure(runner, whole, rest, blocked, indicators)

    measured = tuple(found[position] for position in range(len(suite)))
    errors += [refused] if refused else []
    if unreadable and not errors and not any(one.outcome.broken for one in measured):
        errors.append(unreadable.removeprefix(f"{part.path}: "))
    result = PartResult(
        part=part.name,
        rows=table.num_rows,
        share=problem.data.quarantine,
        outcomes=tuple(one.outcome for one in measured),
        reasons=tuple(sorted(reasons, key=lambda reason: reason.row)),
        errors=tuple(errors),
    )
    return PartValidation(result=result, measured=measured)


def _without(quarantined: set[int], values: pd.DataFrame, table: pa.Table) -> tuple[pd.DataFrame, pa.Table]:
    """Frame and table without those rows; not copied where there is none, since a part is large."""
    if not quarantined:
        return values, table
    kept = np.ones(len(values), dtype=np.bool_)
    kept[list(quarantined)] = False
    return values[kept].reset_index(drop=True), table.filter(pa.array(kept))


def _wrong_columns(found: dict[int, MeasuredExpectation], expected: list[str], names: list[str]) -> list[str]:
    """A line per column that is missing or not in the suite; marks the outcomes that these lines explain."""
    known = frozenset(names)
    missing = dict.fromkeys(column for column in expected if column not in known)
    extra: dict[str, list[str]] = {}
    for position, one in found.items():
        expectation = one.outcome.expectation
        if expectation.type == _COLUMNS and one.outcome.broken:
            listed = expectation.kwargs.get("column_set") or []
            missing |= dict.fromkeys(column for column in listed if column not in known)
            if expectation.kwargs.get("exact_match") is not False:
                extra |= {column: listed for column in names if column not in listed}
            found[position] = replace(one, outcome=replace(one.outcome, explained=True))
    lines = [f"{column}: no such column{_hint(column, names, index)}" for index, column in enumerate(missing)]
    return lines + [
        f"{column}: no column of the suite{_hint(column, listed, index)}"
        for index, (column, listed) in enumerate(extra.items())
    ]


def _hint(column: str, names: list[str], index: int) -> str:
    """The nearest name, of the first lines alone: looking for it goes through all names."""
    return f"; {nearest(column, names)}" if index < MAX_HINTS else ""


def _with_examples(one: MeasuredExpectation, values: pd.DataFrame) -> MeasuredExpectation:
    """Examples of values that are no numbers, where a column of numbers is text."""
    expectation = one.outcome.expectation
    if one.outcome.success or expectation.kwargs.get("type_") != "float64" or one.outcome.observed != "str":
        return one
    text = values[expectation.columns[0]]
    not_numbers = text[text.notna() & pd.to_numeric(text, errors="coerce").isna()].unique()
    return replace(one, outcome=replace(one.outcome, examples=tuple(not_numbers[:EXAMPLES].tolist())))


def _wrong_types(found: dict[int, MeasuredExpectation]) -> dict[str, bool]:
    """Column -> True if the wrong type fails the part, which explains why nothing else was measured there."""
    failed = [
        one.outcome for one in found.values() if one.outcome.expectation.type in OF_TYPE and not one.outcome.success
    ]
    return {column: outcome.broken for outcome in failed for column in outcome.expectation.columns}


def _measure(
    runner: ExpectationRunner,
    values: pd.DataFrame,
    positions: Iterable[int],
    blocked: dict[str, bool],
    indicators: Sequence[str] = (),
) -> dict[int, MeasuredExpectation]:
    found, runnable = {}, []
    for position in positions:
        expectation = runner.suite.expectations[position]
        stops = [column for column in expectation.columns if column in blocked]
        if stops:
            why = _why_not(stops[0], is_label=stops[0] in indicators and not blocked[stops[0]])
            found[position] = runner.unmeasured(
                position, success=False, why=why, explained=all(blocked[c] for c in stops)
            )
        elif _empty(values, expectation.columns, about_nulls=expectation.type in _ABOUT_NULLS):
            found[position] = runner.unmeasured(position, success=True, why="no values")
        else:
            runnable.append(position)
    return found | runner.measure(values, runnable)


def _why_not(column: str, *, is_label: bool) -> str:
    """Reason why nothing was measured on a column."""
    if is_label:
        return (
            "not measured: no task has this label now; remove the line from the suite, or write the suite anew with "
            "`mtl profile --force`"
        )
    return f"not measured: column {column!r} is missing or has another type"


def _empty(values: pd.DataFrame, columns: Sequence[str], *, about_nulls: bool) -> bool:
    """True if a column has no values: expectations of its values then hold; that it has some is another one."""
    if not columns:
        return False
    return not len(values) or (not about_nulls and any(values[column].isna().all() for column in columns))


def _reasons(
    runner: ExpectationRunner, one: MeasuredExpectation, values: pd.DataFrame, table: pa.Table, position: int
) -> list[QuarantineReason]:
    outcome = one.outcome
    if not outcome.broken or outcome.level != "row":
        return []
    rows = runner.rows(values, position)
    columns = outcome.expectation.columns
    cells = zip(*(_cells(table[column].take(rows).combine_chunks()) for column in columns), strict=True)
    return [
        QuarantineReason(row=row, column=", ".join(columns), expectation=str(outcome.expectation), value=_text(cell))
        for row, cell in zip(rows, cells, strict=True)
    ]


def _cells(values: pa.Array) -> list[object]:
    if is_temporal(values.type):
        values = bounded_timestamps(values)
    return list(values.to_pylist())


def _text(cell: tuple[object, ...]) -> str | None:
    if cell == (None,):
        return None
    return ", ".join("" if value is None else str(value) for value in cell)


def _labels(problem: Problem, table: pa.Table, columns: Sequence[str]) -> tuple[pd.DataFrame, str]:
    """The indicators; or none, and the error of a task about its target."""
    try:
        return pd.DataFrame(label_columns(problem, table, columns)), ""
    except DataError as error:
        return pd.DataFrame(index=range(table.num_rows)), str(error)


def _target(problem: Problem, label: str) -> str:
    """The column that an indicator stands for, or "" where no task has it."""
    task = problem.tasks.get(label.removeprefix(problem.label_prefix).split("=")[0])
    return task.target if task else ""
