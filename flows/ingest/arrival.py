"""Checks of an arriving part against the present ones: columns, types, rows, dates, and the suite."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, timedelta
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from flows.ingest.copies import check_rows_are_new
from mtl_core import arrow_compute as pc
from mtl_core.arrow import decoded, is_number, is_temporal, is_text, item_type, value_type
from mtl_core.config import Problem
from mtl_core.data.csv_files import CsvFile
from mtl_core.data.inference import widen
from mtl_core.data.part_files import PartFile
from mtl_core.data.parts import Part, as_parts
from mtl_core.data.types import reason_for_text
from mtl_core.errors import DataError, ValidationFailed, suggestion
from mtl_core.timestamps import bounded_timestamps
from mtl_core.validation.results import PartValidation, ValidationResult
from mtl_core.validation.suite import load_suite, suite_path

if TYPE_CHECKING:
    from mtl_core.validation.expectation_runner import ExpectationRunner

MAX_REASONS = 5
"""Maximum number of differing columns that an error lists."""
TEXT = "text"
"""Kind of the types of strings."""


class Checker:
    """Checks for the parts of a problem's folder. The suite is loaded once, which takes seconds."""

    def __init__(self, folder: Path, problem: Problem, today: date | None = None) -> None:
        """`today`: the date in UTC, for tests."""
        self._folder, self._problem = folder, problem
        self._today = today or datetime.now(UTC).date()
        self._runner: ExpectationRunner | None = None

    def check(self, file: PartFile, present: Sequence[PartFile]) -> PartValidation:
        """Check the file as a part besides the present ones; its validation, with the rows to be quarantined.

        Raises DataError for a part that cannot be read completely or does not fit, ValidationFailed for one that breaks
        its expectations.
        """
        *others, part = as_parts([*present, file], self._problem.data.reading)
        if present:
            check_columns(part, present)
        rows = sum(batch.num_rows for batch in part.batches(part.names))  # all cells, also of undeclared columns
        if not rows:
            raise DataError(f"{file.path}: must have rows, found none; write it again, or leave it out")
        check_rows_are_new(part, others)
        check_dates(part, self._problem, self._today)
        return self.validate(part)

    def validate(self, part: Part) -> PartValidation:
        """Run the suite as the stage `validate` does; raises ValidationFailed."""
        # Great Expectations takes seconds to import, and most refused parts do not get here.
        from mtl_core.validation.expectation_runner import ExpectationRunner
        from mtl_core.validation.part import validate_part

        problem, path = self._problem.resolved(part.shared), suite_path(self._folder, self._problem)
        if self._runner is None:
            self._runner = ExpectationRunner(load_suite(path), path, problem.label_prefix, problem.span_prefix)
        validation = validate_part(part, problem, self._runner)
        if not validation.passed:
            suite = path.relative_to(self._folder).as_posix()
            result = ValidationResult(
                problem=problem.name, suite=suite, limit=problem.data.quarantine, parts=(validation,)
            )
            raise ValidationFailed(result.message)
        return validation


def check_columns(part: Part, present: Sequence[PartFile]) -> None:
    """DataError for a column that is missing, additional, or of another kind than in the present parts."""
    file = part.file
    names, known = set(file.names), {name for other in present for name in other.names}
    shared = [name for name in present[0].names if all(name in other.names for other in present)]
    wrong = [
        f"column {name!r}: must be there as in the other parts, found no such column; {suggestion(name, file.names)}"
        for name in shared
        if name not in names
    ]
    wrong += [
        f"column {name!r}: must be a column of the other parts, found it only here; {suggestion(name, sorted(known))}"
        for name in file.names
        if name not in known
    ]
    wrong += type_errors(part, present, [name for name in file.names if name in known])
    if wrong:
        lines = "\n".join(f"  {line}" for line in wrong[:MAX_REASONS])
        more = f"\n  and {len(wrong) - MAX_REASONS} more columns" if len(wrong) > MAX_REASONS else ""
        raise DataError(
            f"{file.path}: must have the columns and types of the present parts, found:\n{lines}{more}\n"
            "correct the part; or, where the columns have changed for good, write all parts anew and run `dvc add data`"
        )


def type_errors(part: Part, present: Sequence[PartFile], columns: Iterable[str]) -> list[str]:
    """A line per column that is of another kind than in the present parts, of which one at least has it."""
    return [line for column in columns if (line := _type_error(part, present, column))]


def check_dates(part: Part, problem: Problem, today: date) -> None:
    """DataError if a split by time has dates later than tomorrow, which clocks and time zones do not explain.

    Numbers and other text than ISO 8601 dates have no such rule.
    """
    column = problem.split.column
    if problem.split.by != "time" or column not in part.names:
        return
    tomorrow = today + timedelta(days=1)
    rows, newest = 0, ""
    for batch in part.batches([column]):
        days = _days(batch.column(0))
        later = days.filter(pc.fill_null(pc.greater(days, pa.scalar(tomorrow.isoformat())), False))
        if len(later):
            rows, newest = rows + len(later), max(newest, pc.max(later).as_py())
    if rows:
        raise DataError(
            f"{part.path}: column {column!r}, by which the rows are split, must not be later than tomorrow in UTC, "
            f"{tomorrow}, found {rows:,} later rows, the newest {newest}; correct the dates, or remove the rows"
        )


def kind_of(arrow_type: pa.DataType) -> str:
    """Name of a type, equal for types whose values one column may have."""
    arrow_type = value_type(arrow_type)
    if is_text(arrow_type):
        return TEXT
    if is_number(arrow_type):
        return "number"
    if pa.types.is_boolean(arrow_type):
        return "boolean"
    if is_temporal(arrow_type):
        return "timestamp with a time zone" if getattr(arrow_type, "tz", None) else "date or timestamp"
    if (items := item_type(arrow_type)) is not None:
        return f"list of {kind_of(items)}"
    if pa.types.is_struct(arrow_type):
        return f"object with {', '.join(f'{field.name} ({kind_of(field.type)})' for field in arrow_type)}"
    return str(arrow_type)


def _type_error(part: Part, present: Sequence[PartFile], column: str) -> str:
    file, reading = part.file, part.reading
    if column in reading.types or column in reading.dates:
        return ""  # reading the cells as the declared type shows those that are not of it
    others = [other for other in present if column in other.names]
    own = kind_of(file.types.field(column).type)
    if {kind_of(other.types.field(column).type) for other in others} == {own}:
        return ""
    with_values = [other for other in others if not other.is_empty(column)]
    if not with_values or file.is_empty(column):
        return ""
    expected = kind_of(reduce(widen, (other.types.field(column).type for other in with_values)))
    joint = kind_of(part.types.field(column).type)
    if joint == expected and (own == expected or isinstance(file, CsvFile)):  # any CSV cell can be text
        return ""
    reason = reason_for_text([file], column) if own == TEXT else ""
    return f"column {column!r}: must be {expected} as in the other parts, found {own}{reason}"


def _days(values: pa.Array) -> pa.Array:
    """(rows,) ISO 8601 days of dates, timestamps or text; null for other values."""
    values = decoded(values)
    if is_temporal(values.type):
        return pc.utf8_slice_codeunits(pc.cast(bounded_timestamps(values), pa.string()), 0, 10)
    if is_text(values.type):
        texts = pc.cast(values, pa.string())
        is_day = pc.match_substring_regex(texts, r"^[0-9]{4}-[0-9]{2}(-[0-9]{2}|$)")
        return pc.if_else(is_day, pc.utf8_slice_codeunits(texts, 0, 10), pa.scalar(None, pa.string()))
    return pa.nulls(len(values), pa.string())
