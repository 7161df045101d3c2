"""The section on that study. Pure functions."""

from dataclasses import dataclass

from mtl_core.report.run import Run

__all__ = ["Section", "section"]


@dataclass(frozen=True, kw_only=True)
class Section:
    """What its template tells."""

    current: bool
    """Whether it was measured on what is declared now."""


def section(run: Run) -> Section | None:
    """None where there is no such study."""
    study = run.relatedness
    if study is None:
        return None
    return Section(current=run.is_current(study.made))
