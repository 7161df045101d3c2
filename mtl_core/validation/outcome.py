"""Results of validation, per expectation, per part and in all, as JSON and as text."""

from dataclasses import dataclass
from typing import Any, Literal

from mtl_core.expectations import Expectation

__all__ = ["Level", "Outcome", "PartResult", "QuarantineReason", "Result"]

Level = Literal["row", "part"]
"""`row`: single rows break it, which are quarantined; `part`: the part as a whole does."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Outcome of an expectation on a part."""

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
    why: str = ""
    """Reason why it could not be measured; "" where it was."""
    explained: bool = False
    """Fails only because of what another line of the message says: a missing column, a wrong type."""

    @property
    def broken(self) -> bool:
        """True if it fails the part."""
        return not self.success and self.expectation.severity == "critical"

    @property
    def words(self) -> str:
        """Column, expectation, what was found, examples."""
        about = ", ".join(self.expectation.columns) or "the table"
        if self.why:
            found = self.why
        elif self.unexpected:
            found = f"{self.unexpected:,} of {self.rows:,} rows break it ({self.unexpected / self.rows:.3%})"
        else:
            found = f"found {self.observed}" if self.observed is not None else "found no value"
        such = ", such as " + ", ".join(map(str, self.examples)) if self.examples else ""
        return f"{about}: {self.expectation}: {found}{such}"

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "type": self.expectation.type,
            "columns": list(self.expectation.columns),
            "kwargs": self.expectation.kwargs,
            "severity": self.expectation.severity,
            "level": self.level,
            "success": self.success,
            "observed": self.observed,
            "rows": self.rows,
            "unexpected": self.unexpected,
            "examples": list(self.examples),
            **({"why": self.why} if self.why else {}),
        }


@dataclass(frozen=True, kw_only=True)
class QuarantineReason:
    """Reason to quarantine a row; a row may have several."""

    row: int
    """Position within the part."""
    column: str
    expectation: str
    value: str | None


@dataclass(frozen=True, kw_only=True)
class PartResult:
    """Result of a part."""

    part: str
    rows: int
    share: float
    """The largest share of the rows that may be quarantined."""
    outcomes: tuple[Outcome, ...]
    reasons: tuple[QuarantineReason, ...] = ()
    errors: tuple[str, ...] = ()
    """Errors of the part beyond its expectations: a missing column, types unlike those of the first part."""

    @property
    def set_aside(self) -> int:
        """Number of quarantined rows."""
        return len({reason.row for reason in self.reasons})

    @property
    def too_many(self) -> bool:
        """True if more rows would be quarantined than may be."""
        # Divided, not multiplied: 29 / 100 is the float that 0.29 is, while 0.29 * 100 is less than 29.
        return self.set_aside > 0 and self.set_aside / self.rows > self.share

    @property
    def passed(self) -> bool:
        return not self.problems

    @property
    def problems(self) -> tuple[str, ...]:
        """A line per error that fails the part, each naming the part."""
        lines = list(self.errors)
        lines += [o.words for o in self.outcomes if o.broken and o.level == "part" and not o.explained]
        if self.too_many:
            lines += [o.words for o in self.outcomes if o.broken and o.level == "row"]
            lines.append(
                f"{self.set_aside:,} of {self.rows:,} rows would be set aside ({self.set_aside / self.rows:.3%}), "
                f"at most {self.share:.3%} may be"
            )
        return tuple(f"{self.part}: {line}" for line in lines)

    def document(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "part": self.part,
            "passed": self.passed,
            "rows": self.rows,
            "set_aside": self.set_aside,
            "problems": list(self.problems),
            "expectations": [outcome.document() for outcome in self.outcomes],
        }


@dataclass(frozen=True, kw_only=True)
class Result:
    """Result of all parts."""

    problem: str
    suite: str
    """The suite's file, relative to the problem's folder."""
    share: float
    parts: tuple[PartResult, ...]

    @property
    def passed(self) -> bool:
        return all(part.passed for part in self.parts)

    @property
    def rows(self) -> int:
        return sum(part.rows for part in self.parts)

    @property
    def set_aside(self) -> int:
        return sum(part.set_aside for part in self.parts)

    @property
    def message(self) -> str:
        """Everything that fails, and what can be done."""
        failed = [part for part in self.parts if not part.passed]
        head = f"{len(failed)} of {len(self.parts)} parts of {self.problem!r} break their expectations:"
        lines = [f"  {line}" for part in failed for line in part.problems]
        fix = f"repair or remove the parts; or, where the data are right, edit {self.suite}"
        if any(part.too_many for part in failed):
            fix += f", or raise data.quarantine ({self.share:g}) in params.yaml"
        return "\n".join([head, *lines, fix])

    def document(self) -> dict[str, Any]:
        """As JSON; the same data and suite give the same document."""
        return {
            "problem": self.problem,
            "passed": self.passed,
            "suite": self.suite,
            "quarantine": self.share,
            "rows": self.rows,
            "set_aside": self.set_aside,
            "parts": [part.document() for part in self.parts],
        }
