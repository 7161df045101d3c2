"""Numbers of a study's file: JSON has no NaN, so what is undefined is null."""

import math

__all__ = ["Number", "defined"]

Number = float | None
"""None where it is undefined."""


def defined(value: float) -> Number:
    """The value, or None where it is not finite."""
    return float(value) if math.isfinite(value) else None
