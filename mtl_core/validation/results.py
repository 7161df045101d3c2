"""Validation results, per expectation, per part and in all: as JSON, as text, and the quarantined rows as a file."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import pyarrow as pa
import pyarrow.parquet as pq

from mtl_core.expectations import Expectation
from mtl_core.files import pending

Level = Literal["row", "part"]
"""`row`: single rows break it, which are quarantined; `part`: the part as a whole does."""

QUARANTINE_SCHEMA = pa.schema(
    [(name, pa.int64() if name == "row" else pa.string()) for name in ("part", "row", "column", "expectation", "value")]
)
"""`row` is the position within the part, from 0; a row has a line per reason."""


@dataclass(frozen=True, kw_only=True)
class ExpectationResult:
    """Result of an expectation on a part."""

    expectation: Expectation
    level: Level
    success: bool
    observed: Any = None
    """The measured value, of expectations that measure one."""
    rows: int = 0
    """Number of rows it was run on."""
    unexpected: int = 0
    """Number of them that break it."""
    examples: tuple[Any, ...] = ()
    error: str = ""
    """Reason why it could not be measured; "" where it was."""
    redundant: bool = False
    """Fails only because of another error: a missing column, a wrong type."""
    raw: Any = field(default=None, repr=False, compare=False)
    """Result as Great Expectations renders it."""

    @property
    def broken(self) -> bool:
        """True if it fails the part."""
        return not self.success and self.expectation.severity == "critical"

    @property
    def text(self) -> str:
        """Column, expectation, value found, examples."""
        about = ", ".join(self.expectation.columns) or "the table"
        if self.error:
            found = self.error
        elif self.unexpected:
            found = f"{self.unexpected:,} of {self.rows:,} rows break it ({self.unexpected / self.rows:.3%})"
        else:
            found = f"found {self.observed}" if self.observed is not None else "found no value"
        such = ", such as " + ", ".join(map(str, self.examples)) if self.examples else ""
        return f"{about}: {self.expectation}: {found}{such}"

    def document(self) -> dict[str, Any]:
        """As JSON."""
        document = _values(self.expectation, "type", "columns", "kwargs", "severity")
        document |= _values(self, "level", "success", "observed", "rows", "unexpected", "examples")
        document |= {"error": self.error} if self.error else {}
        return document | ({} if self.success else {"text": self.text})


@dataclass(frozen=True, kw_only=True)
class QuarantineReason:
    """Reason to quarantine a row; a row may have several."""

    row: int
    """Position within the part."""
    column: str
    expectation: str
    value: str | None


@dataclass(frozen=True, kw_only=True)
class PartValidation:
    """Validation of a part."""

    part: str
    rows: int
    limit: float
    """Maximum share of the rows that may be quarantined."""
    results: tuple[ExpectationResult, ...]
    """Results in the order of the suite."""
    reasons: tuple[QuarantineReason, ...] = ()
    data_errors: tuple[str, ...] = ()
    """Errors beyond the expectations: a missing column, types unlike those of the other parts."""

    @property
    def quarantined(self) -> int:
        """Number of quarantined rows."""
        return len({reason.row for reason in self.reasons})

    @property
    def over_limit(self) -> bool:
        """True if more rows would be quarantined than may be."""
        # Divided, not multiplied: 29 / 100 is the float that 0.29 is, while 0.29 * 100 is less than 29.
        return self.quarantined > 0 and self.quarantined / self.rows > self.limit

    @property
    def passed(self) -> bool:
        """True without errors."""
        return not self.errors

    @property
    def errors(self) -> tuple[str, ...]:
        """A line per error that fails the part, each naming the part."""
        lines = list(self.data_errors)
        lines += [one.text for one in self.results if one.broken and one.level == "part" and not one.redundant]
        if self.over_limit:
            lines += [one.text for one in self.results if one.broken and one.level == "row"]
            share = self.quarantined / self.rows
            lines.append(
                f"data.quarantine: at most {self.limit:.3%} of the rows of a part may be quarantined, found "
                f"{self.quarantined:,} of {self.rows:,} ({share:.3%})"
            )
        return tuple(f"{self.part}: {line}" for line in lines)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        expectations = [result.document() for result in self.results]
        return _values(self, "part", "passed", "rows", "quarantined", "errors") | {"expectations": expectations}


@dataclass(frozen=True, kw_only=True)
class ValidationResult:
    """Validation of all parts."""

    problem: str
    suite: str
    """The suite's file, relative to the problem's folder."""
    limit: float
    """Maximum share of a part's rows that may be quarantined."""
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
        """Every error, and the fix."""
        failed = [part for part in self.parts if not part.passed]
        head = f"{len(failed)} of {len(self.parts)} parts of {self.problem!r} break their expectations:"
        lines = [f"  {line}" for part in failed for line in part.errors]
        fix = f"repair or remove the parts; or, where the data are right, edit {self.suite}"
        if any(part.over_limit for part in failed):
            fix += f", or raise data.quarantine ({self.limit:g}) in params.yaml"
        return "\n".join([head, *lines, fix])

    def document(self) -> dict[str, Any]:
        """As JSON; the same data and suite give the same document."""
        own = _values(self, "problem", "passed", "suite", "limit", "rows", "quarantined")
        return own | {"parts": [part.document() for part in self.parts]}


def write_quarantine(path: Path, parts: Sequence[PartValidation]) -> None:
    """Replace the file in one step; without a row it still has its columns."""
    lines = [{"part": part.part, **vars(reason)} for part in parts for reason in part.reasons]
    with pending(path) as temporary:
        pq.write_table(pa.Table.from_pylist(lines, schema=QUARANTINE_SCHEMA), temporary, compression="zstd")


def _values(source: Any, *names: str) -> dict[str, Any]:
    """Attributes by name, tuples as lists."""
    values = {name: getattr(source, name) for name in names}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
