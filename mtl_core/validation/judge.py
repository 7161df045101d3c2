"""One part against the suite: first its structure, then its rows, then, without the rows set aside, the whole."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
import pyarrow as pa

from mtl_core.arrow import bounded_timestamps, is_temporal
from mtl_core.config import Problem
from mtl_core.data.parts import Part
from mtl_core.errors import DataError, nearest
from mtl_core.names import LABEL
from mtl_core.validation.engine import EXAMPLES, Engine, Measured
from mtl_core.validation.expectations import OF_TYPE
from mtl_core.validation.frame import as_it_stands, frame, label_columns, read
from mtl_core.validation.outcome import Aside, PartResult

__all__ = ["Judged", "judge"]

_COLUMNS = "expect_table_columns_to_match_set"
_ABOUT_HOLES = ("expect_column_values_to_not_be_null", "expect_column_proportion_of_non_null_values_to_be_between")


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A part's result, and the same as Great Expectations draws it; both in the order of the suite."""

    result: PartResult
    measured: tuple[Measured, ...]


def judge(part: Part, problem: Problem, engine: Engine) -> Judged:
    """Reads the part and measures every expectation; raises DataError only for a part that cannot be read at all."""
    suite = engine.suite.expectations
    names = as_it_stands(part, problem).types.names
    wanted = list(dict.fromkeys([*problem.columns, *(c for c in engine.suite.columns if not c.startswith(LABEL))]))
    if any("row_condition" in expectation.kwargs for expectation in suite):
        wanted = list(dict.fromkeys([*wanted, *names]))  # a condition may speak about any column
    table, unreadable = read(part, problem, wanted)
    values = frame(table)
    structure = [
        place for place, e in enumerate(suite) if (not e.columns or e.type in OF_TYPE) and _has(e.columns, names)
    ]
    found = engine.measure(values.reindex(columns=names), structure)
    found = {place: _with_strays(one, values) for place, one in found.items()}
    faults = _wrong_columns(found, wanted, names)
    blocked = {c: True for c in wanted if c not in names} | _wrong_types(found)

    rows = [place for place, level in enumerate(engine.levels) if level == "row"]
    found |= _measure(engine, values, rows, blocked)
    aside = [reason for place in rows for reason in _reasons(engine, found[place], values, table, place)]
    values, readable = _without({reason.row for reason in aside}, values, table)
    readable = readable.select([column for column in table.column_names if column not in blocked])
    labels, refused = _labels(problem, readable, engine.suite.columns)
    blocked |= {column: bool(refused) or _target(problem, column) in blocked for column in _unlabelled(engine, labels)}
    whole = pd.concat([values, labels], axis=1)
    found |= _measure(engine, whole, [place for place in range(len(suite)) if place not in found], blocked)

    measured = tuple(found[place] for place in range(len(suite)))
    faults += [refused] if refused else []
    if unreadable and not faults and not any(one.outcome.broken for one in measured):
        faults.append(unreadable.removeprefix(f"{part.path}: "))
    result = PartResult(
        part=part.name,
        rows=table.num_rows,
        share=problem.data.quarantine,
        outcomes=tuple(one.outcome for one in measured),
        aside=tuple(sorted(aside, key=lambda reason: reason.row)),
        faults=tuple(faults),
    )
    return Judged(result=result, measured=measured)


def _without(aside: set[int], values: pd.DataFrame, table: pa.Table) -> tuple[pd.DataFrame, pa.Table]:
    """Frame and table without those rows; as they are where there is none, since a part is large."""
    if not aside:
        return values, table
    kept = np.ones(len(values), dtype=np.bool_)
    kept[list(aside)] = False
    return values[kept].reset_index(drop=True), table.filter(pa.array(kept))


def _has(columns: Iterable[str], names: Sequence[str]) -> bool:
    return all(column in names for column in columns)


def _wrong_columns(found: dict[int, Measured], wanted: list[str], names: list[str]) -> list[str]:
    """A line per column that is missing, or there though the suite wants no other; marks what these lines explain."""
    missing = dict.fromkeys(column for column in wanted if column not in names)
    extra: dict[str, list[str]] = {}
    for place, one in found.items():
        expectation = one.outcome.expectation
        if expectation.type == _COLUMNS and one.outcome.broken:
            listed = expectation.kwargs.get("column_set") or []
            missing |= dict.fromkeys(column for column in listed if column not in names)
            if expectation.kwargs.get("exact_match") is not False:
                extra |= {column: listed for column in names if column not in listed}
            found[place] = replace(one, outcome=replace(one.outcome, explained=True))
    lines = [f"{column}: no such column; {nearest(column, names)}" for column in missing]
    return lines + [f"{column}: no column of the suite; {nearest(column, listed)}" for column, listed in extra.items()]


def _with_strays(one: Measured, values: pd.DataFrame) -> Measured:
    """Text where numbers are wanted: the first values that are no numbers are what people look for."""
    expectation = one.outcome.expectation
    if one.outcome.success or expectation.kwargs.get("type_") != "float64" or one.outcome.observed != "str":
        return one
    text = values[expectation.columns[0]]
    strays = text[text.notna() & pd.to_numeric(text, errors="coerce").isna()].unique()
    return replace(one, outcome=replace(one.outcome, examples=tuple(strays[:EXAMPLES].tolist())))


def _wrong_types(found: dict[int, Measured]) -> dict[str, bool]:
    """column -> whether the wrong type fails the part, and so explains why nothing else was measured there."""
    failed = [
        one.outcome for one in found.values() if one.outcome.expectation.type in OF_TYPE and not one.outcome.success
    ]
    return {column: outcome.broken for outcome in failed for column in outcome.expectation.columns}


def _measure(
    engine: Engine, values: pd.DataFrame, places: Iterable[int], blocked: dict[str, bool]
) -> dict[int, Measured]:
    found, runnable = {}, []
    for place in places:
        expectation = engine.suite.expectations[place]
        stops = [column for column in expectation.columns if column in blocked]
        if stops:
            why = f"not measured: column {stops[0]!r} is missing or has another type"
            found[place] = engine.unmeasured(place, success=False, why=why, explained=all(blocked[c] for c in stops))
        elif _empty(values, expectation.columns, about_holes=expectation.type in _ABOUT_HOLES):
            found[place] = engine.unmeasured(place, success=True, why="no values")
        else:
            runnable.append(place)
    return found | engine.measure(values, runnable)


def _empty(values: pd.DataFrame, columns: Sequence[str], *, about_holes: bool) -> bool:
    """Where a column has no values, what is said about its values holds; that it has some is another expectation."""
    if not columns:
        return False
    return not len(values) or (not about_holes and any(values[column].isna().all() for column in columns))


def _reasons(engine: Engine, one: Measured, values: pd.DataFrame, table: pa.Table, place: int) -> list[Aside]:
    outcome = one.outcome
    if not outcome.broken or outcome.level != "row":
        return []
    rows = engine.rows(values, place)
    columns = outcome.expectation.columns
    cells = zip(*(_cells(table[column].take(rows).combine_chunks()) for column in columns), strict=True)
    return [
        Aside(row=row, column=", ".join(columns), expectation=str(outcome.expectation), value=_text(cell))
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
    """The indicators, or none and what a task says against its target."""
    try:
        return pd.DataFrame(label_columns(problem, table, columns)), ""
    except DataError as error:
        return pd.DataFrame(index=range(table.num_rows)), str(error)


def _unlabelled(engine: Engine, labels: pd.DataFrame) -> list[str]:
    return [column for column in engine.suite.columns if column.startswith(LABEL) and column not in labels.columns]


def _target(problem: Problem, label: str) -> str:
    """The column that an indicator stands for, or "" where no task has it."""
    task = problem.tasks.get(label.removeprefix(LABEL).split("=")[0])
    return task.target if task else ""
