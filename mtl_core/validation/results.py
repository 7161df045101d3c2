"""Validation results per expectation, per part and for all parts, as JSON and text; the file of quarantined rows."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from mtl_core.expectations import Expectation
from mtl_core.files import pending

Level = Literal["row", "part"]
"""`row`: the rows that break it are quarantined; `part`: the whole part breaks it."""

QUARANTINE_SCHEMA = pa.schema(
    [(name, pa.int64() if name == "row" else pa.string()) for name in ("part", "row", "column", "expectation", "value")]
)
"""`row` is the position in the part, from 0; a row has a line per reason."""


@dataclass(frozen=True, kw_only=True)
class ExpectationResult:
    """Result of an expectation on a part."""

    expectation: Expectation
    level: Level
    success: bool
    observed: Any = None
    """The measured value, if any."""
    rows: int = 0
    """Number of rows."""
    unexpected: int = 0
    """Number of rows that break it."""
    examples: tuple[Any, ...] = ()
    error: str = ""
    """Reason why it could not be measured, or ""."""
    redundant: bool = False
    """Fails only because of another error, such as a missing column or a wrong type."""
    raw: Any = field(default=None, repr=False, compare=False)
    """Great Expectations' result, for its renderers."""

    @property
    def broken(self) -> bool:
        """True if it fails the part."""
        return not self.success and self.expectation.severity == "critical"

    @property
    def text(self) -> str:
        """Columns, expectation, value found, examples."""
        subject = ", ".join(self.expectation.columns) or "the table"
        if self.error:
            finding = self.error
        elif self.unexpected:
            finding = f"{self.unexpected:,} of {self.rows:,} rows break it ({self.unexpected / self.rows:.3%})"
        else:
            finding = f"found {self.observed}" if self.observed is not None else "found no value"
        examples = ", such as " + ", ".join(map(str, self.examples)) if self.examples else ""
        return f"{subject}: {self.expectation}: {finding}{examples}"

    def to_document(self) -> dict[str, Any]:
        """Entry in result.json."""
        document = _values(self.expectation, "type", "columns", "kwargs", "severity")
        document |= _values(self, "level", "success", "observed", "rows", "unexpected", "examples")
        document |= {"error": self.error} if self.error else {}
        return document | ({} if self.success else {"text": self.text})


@dataclass(frozen=True, kw_only=True)
class QuarantineReason:
    """Reason to quarantine a row; a row may have several."""

    row: int
    """Position in the part."""
    column: str
    expectation: str
    value: str | None


@dataclass(frozen=True, kw_only=True)
class PartValidation:
    """Validation of a part."""

    part: str
    rows: int
    limit: float
    """Maximum share of quarantined rows."""
    results: tuple[ExpectationResult, ...]
    """Results in the order of the suite."""
    reasons: tuple[QuarantineReason, ...] = ()
    data_errors: tuple[str, ...] = ()
    """Errors that are no results of expectations, such as a missing column or a type that other parts do not have."""

    @property
    def quarantined(self) -> int:
        """Number of quarantined rows."""
        return len({reason.row for reason in self.reasons})

    @property
    def over_limit(self) -> bool:
        """True if the share of quarantined rows is above the limit."""
        # Division, since 29 / 100 equals 0.29 exactly, while 0.29 * 100 is less than 29.
        return self.quarantined > 0 and self.quarantined / self.rows > self.limit

    @property
    def passed(self) -> bool:
        """True if there are no errors."""
        return not self.errors

    @property
    def errors(self) -> tuple[str, ...]:
        """A line per error that fails the part, with the name of the part."""
        lines = list(self.data_errors)
        broken = [result for result in self.results if result.broken]
        lines += [result.text for result in broken if result.level == "part" and not result.redundant]
        if self.over_limit:
            lines += [result.text for result in broken if result.level == "row"]
            share = self.quarantined / self.rows
            lines.append(
                f"data.quarantine: at most {self.limit:.3%} of the rows of a part may be quarantined, found "
                f"{self.quarantined:,} of {self.rows:,} ({share:.3%})"
            )
        return tuple(f"{self.part}: {line}" for line in lines)

    def to_document(self) -> dict[str, Any]:
        """Entry in result.json."""
        expectations = [result.to_document() for result in self.results]
        return _values(self, "part", "passed", "rows", "quarantined", "errors") | {"expectations": expectations}


@dataclass(frozen=True, kw_only=True)
class ValidationResult:
    """Validation of all parts."""

    problem: str
    suite: str
    """The suite's file, relative to the problem's folder."""
    limit: float
    """Maximum share of quarantined rows per part."""
    parts: tuple[PartValidation, ...]

    @property
    def passed(self) -> bool:
        """True if every part passed."""
        return all(part.passed for part in self.parts)

    @property
    def rows(self) -> int:
        """Number of rows of all parts."""
        return sum(part.rows for part in self.parts)

    @property
    def quarantined(self) -> int:
        """Number of quarantined rows of all parts."""
        return sum(part.quarantined for part in self.parts)

    @property
    def message(self) -> str:
        """All errors, and the fix."""
        failed = [part for part in self.parts if not part.passed]
        head = f"{len(failed)} of {len(self.parts)} parts of {self.problem!r} break their expectations:"
        lines = [f"  {line}" for part in failed for line in part.errors]
        fix = f"repair or remove the parts; or, where the data are right, edit {self.suite}"
        if any(part.over_limit for part in failed):
            fix += f", or raise data.quarantine ({self.limit:g}) in params.yaml"
        return "\n".join([head, *lines, fix])

    def to_document(self) -> dict[str, Any]:
        """Content of result.json; the same data and suite give the same content."""
        summary = _values(self, "problem", "passed", "suite", "limit", "rows", "quarantined")
        return summary | {"parts": [part.to_document() for part in self.parts]}


def write_quarantine(path: Path, parts: Sequence[PartValidation]) -> None:
    """Replace the file in one step; without rows it still has its columns."""
    rows = [{"part": part.part, **vars(reason)} for part in parts for reason in part.reasons]
    with pending(path) as temporary:
        pq.write_table(pa.Table.from_pylist(rows, schema=QUARANTINE_SCHEMA), temporary, compression="zstd")


def _values(source: Any, *names: str) -> dict[str, Any]:
    """Attributes by name, tuples as lists."""
    values = {name: getattr(source, name) for name in names}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
