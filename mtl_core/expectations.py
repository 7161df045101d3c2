"""Expectations of the data, with the names and arguments of Great Expectations."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Severity = Literal["critical", "warning", "info"]

_COLUMN_KWARGS = ("column", "column_A", "column_B", "column_list")
NAMES = (*_COLUMN_KWARGS, "column_set")
"""Arguments that hold names of columns."""


@dataclass(frozen=True, kw_only=True)
class Expectation:
    """An entry of a suite."""

    type: str
    kwargs: dict[str, Any]
    notes: str = ""
    """Text for readers, such as the values of the reference from profiling."""
    severity: Severity = "critical"
    """Only a broken `critical` expectation fails validation; others are reported."""
    meta: dict[str, Any] = field(default_factory=dict)

    @property
    def columns(self) -> tuple[str, ...]:
        """Columns that it is about; empty for an expectation of the table."""
        values = (self.kwargs.get(key) for key in _COLUMN_KWARGS)
        return tuple(column for value in values if value for column in ([value] if isinstance(value, str) else value))

    def renamed(self, names: Mapping[str, str]) -> "Expectation":
        """The same expectation, with other names of columns."""

        def rename(value: Any) -> Any:
            return [names.get(name, name) for name in value] if isinstance(value, list) else names.get(value, value)

        kwargs = {key: rename(value) if key in NAMES else value for key, value in self.kwargs.items()}
        return replace(self, kwargs=kwargs)

    @property
    def key(self) -> tuple[str, ...]:
        """Columns and type: the same for two expectations that differ in limits."""
        return (*self.columns, self.type)

    def __str__(self) -> str:
        limits = (f"{key}={_brief(value)}" for key, value in self.kwargs.items() if key not in _COLUMN_KWARGS)
        return f"{self.type}({', '.join(limits)})"


def expect(rule: str, notes: str = "", **kwargs: object) -> Expectation:
    """The expectation `expect_RULE` with these arguments."""
    return Expectation(type=f"expect_{rule}", kwargs=kwargs, notes=notes)


def _brief(value: Any) -> str:
    if isinstance(value, list) and len(value) > 8:
        return f"[{', '.join(map(repr, value[:6]))}, … {len(value)} in all]"
    return repr(value)
