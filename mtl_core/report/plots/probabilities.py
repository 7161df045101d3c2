"""Plots of class probabilities: calibration, cumulative gains, confusion matrix."""

import math
from collections.abc import Sequence
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from mtl_core.report.plots.figure import Figure, diagonal, draw, heat_map, histogram, points
from mtl_core.report.plots.statistics import calibration_bins, gains_curve
from mtl_core.report.theme import ACCENT, SECOND, WIDTH, data, percent_axis
from mtl_core.report.wording import integer, interval_percent, percent

Array = NDArray[Any]


def calibration(probability: Array, outcome: Array, uncalibrated: Array | None, *, counted: str) -> Figure:
    """Calibration curve of (rows,) probabilities and 0/1 outcomes, over a histogram of the probabilities.

    Args:
        uncalibrated: (rows,) probabilities before calibration; None if it changed none.
        counted: name of a row.
    """
    curves = {"calibrated": calibration_bins(probability, outcome)}
    if uncalibrated is not None:
        curves["uncalibrated"] = calibration_bins(uncalibrated, outcome)
    errors = {name: np.average(np.abs(c["x"] - c["y"]), weights=c["rows"]) for name, c in curves.items()}
    largest = max(float(np.maximum(curve["x"], curve["high"]).max()) for curve in curves.values())
    named = "; ".join(
        f"{100 * error:.1f} percentage points" + f" {name}" * (len(curves) > 1) for name, error in errors.items()
    )
    upper = min(1.0, math.ceil(1.02 * largest / 0.05) * 0.05)
    scale = alt.Scale(domain=[0, upper], nice=False)
    x = alt.X("x:Q", scale=scale, axis=percent_axis(title=None, labels=False))
    y = alt.Y("y:Q", scale=scale, axis=percent_axis(title="observed frequency"))
    colours = alt.Scale(domain=list(curves), range=[ACCENT, SECOND][: len(curves)])
    colour = alt.Color("curve:N", scale=colours, legend=alt.Legend() if len(curves) > 1 else None)
    lines = [
        layer
        for name, curve in reversed(curves.items())
        for layer in points(data(**curve, curve=[name] * len(curve["x"])), x, y, colour)
    ]
    predictions = percent_axis(title="predicted probability")
    counts, _ = histogram(np.clip(probability, 0, upper), (0, upper), 30, predictions, ticks=2)
    chart = alt.layer(diagonal(0, upper), *lines).properties(width=WIDTH, height=210)
    curve = curves["calibrated"]
    return draw(
        "Calibration",
        "Observed frequency per bin of predicted probability, with 95% Wilson intervals. Mean difference: "
        f"{named}. Below: histogram of the predictions; its last bar holds all beyond.",
        alt.vconcat(chart, counts.properties(height=52), spacing=6),
        ("predicted", map(percent, curve["x"])),
        ("observed", map(percent, curve["y"])),
        ("95% interval", map(interval_percent, curve["low"], curve["high"])),
        (counted, map(integer, curve["rows"])),
    )


def cumulative_gains(probability: Array, outcome: Array) -> Figure:
    """Cumulative gains curve of (rows,) probabilities and 0/1 outcomes."""
    rows, recall = gains_curve(probability, outcome)
    x = alt.X("x:Q", axis=percent_axis(title="share of rows, highest probability first"))
    y = alt.Y("y:Q", axis=percent_axis(title="share of all positives"))
    curve = alt.Chart(data(x=rows, y=recall)).mark_line(color=ACCENT, strokeWidth=2).encode(x=x, y=y)
    return draw(
        "Cumulative gains",
        "Share of all positives among the rows with the highest probabilities. Dashed: random order.",
        alt.layer(diagonal(0, 1), curve).properties(width=WIDTH, height=270),
        ("rows", map(percent, rows[::5])),
        ("positives", map(percent, recall[::5])),
    )


def contingency(
    title: str, caption: str, row_names: Sequence[str], column_names: Sequence[str], counts: Array, corner: str
) -> Figure:
    """Heat map of (rows, columns) counts, each as a share of its row.

    Args:
        corner: head of the column of row names.
    """
    sums = counts.sum(axis=1)
    shares = np.divide(counts, sums[:, None], out=np.zeros(counts.shape), where=sums[:, None] > 0)
    columns = zip(column_names, (map(percent, share) for share in shares.T), strict=True)
    return draw(
        *(title, caption, heat_map(row_names, column_names, shares, np.char.mod("%.0f%%", shares * 100))),
        (corner, row_names),
        ("share of rows", map(percent, sums / max(1, sums.sum()))),
        *columns,
    )
