"""The picture of how many rows have which value."""

from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from mtl_core.report.theme import ACCENT, WIDTH, data

__all__ = ["Column", "columns_of", "histogram"]

Column = dict[str, Any]
"""`from`, `to`, and `n` rows between."""


def columns_of(values: NDArray[Any], low: float, high: float, many: int) -> list[Column]:
    """(rows,) values -> that many columns between two bounds; what lies beyond them is not counted."""
    counts, edges = np.histogram(values, bins=many, range=(low, high))
    return [{"from": float(a), "to": float(b), "n": int(n)} for a, b, n in zip(edges, edges[1:], counts, strict=False)]


def histogram(columns: list[Column], *, across: alt.Axis, up: alt.Axis, height: int) -> alt.Chart:
    """Their picture; values across, rows up."""
    scale = alt.Scale(domain=[columns[0]["from"], columns[-1]["to"]], nice=False)
    bars = alt.Chart(data(columns)).mark_bar(color=ACCENT, opacity=0.55, binSpacing=1)
    drawn: alt.Chart = bars.encode(
        x=alt.X("from:Q", scale=scale, axis=across), x2="to:Q", y=alt.Y("n:Q", axis=up), y2=alt.datum(0)
    )
    return drawn.properties(width=WIDTH - 60, height=height)
