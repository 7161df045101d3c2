"""Numbers in JSON files. JSON has no NaN, so an undefined number is null."""

import math

Number = float | None
"""None if undefined."""


def finite_or_none(value: float) -> Number:
    """The value; None if it is not finite."""
    return float(value) if math.isfinite(value) else None
