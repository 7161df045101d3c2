"""`gates.slices` and the margins of the comparison with the champion."""

import math
from typing import Annotated, Any, Self

from pydantic import BeforeValidator, Field, model_validator

from mtl_core.frozen import Frozen


def _margins(value: object) -> object:
    """A margin, null, or a mapping of these by task; a single error for anything else."""
    if isinstance(value, dict):
        return {task: _margin(margin, f" for {task!s:.80}") for task, margin in value.items()}
    return _margin(value, "")


def _margin(value: Any, where: str) -> float | None:
    if value is None:
        return None
    try:
        margin = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        margin = math.nan
    if not 0 <= margin < math.inf:
        kind = "" if where else ", or a mapping of these by task"
        raise ValueError(
            f"must be a number of 0 or more, or null, which compares nothing{kind}; found {value!r:.80}{where}"
        )
    return margin


Margins = Annotated[float | dict[str, float | None] | None, BeforeValidator(_margins)]
"""Tolerated decline of a task's metric, for all tasks or per task; null compares nothing."""


def margin_of(margins: float | dict[str, float | None] | None, task: str) -> float | None:
    """The margin of a task, 0 where the others have one each; None if it is not compared."""
    return margins.get(task, 0.0) if isinstance(margins, dict) else margins


class Slices(Frozen):
    """Slices of the test rows, one per value of each column, in which candidate and champion are compared too.

    `slices: [carrier, origin]` is short for `slices: {columns: [carrier, origin]}`.
    """

    columns: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(min_length=1)]
    """The columns, of text, numbers or booleans. They need not be features."""
    min_rows: Annotated[int, Field(ge=30)] = 500
    """Minimum labelled test rows of a value, per task; other values are not compared."""
    margin: Margins = None
    """Maximum significant decline of a task in a slice; by default that of `gates.worse_than_champion`."""

    @model_validator(mode="before")
    @classmethod
    def _columns_alone(cls, value: Any) -> Any:
        if isinstance(value, list | tuple):
            return {"columns": value}
        if not isinstance(value, dict | Slices):
            raise ValueError(
                f"must be a list such as `[carrier, origin]`, or a mapping with `columns`, found {value!r:.80}"
            )
        return value

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len(set(self.columns)) < len(self.columns):
            raise ValueError(f"`columns` must be distinct, found {list(self.columns)}; remove one")
        return self
