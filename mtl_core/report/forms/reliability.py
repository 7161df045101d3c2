"""The picture of reliability: of what was given a chance of 20%, did a fifth come true?"""

import math
from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from mtl_core.report.forms.base import Figure
from mtl_core.report.forms.bins import Bins, calibration_bins, calibration_error
from mtl_core.report.forms.diagonal import along_diagonal
from mtl_core.report.forms.histogram import columns_of, histogram
from mtl_core.report.theme import shares, svg
from mtl_core.report.wording import percent

__all__ = ["reliability"]

_COLUMNS = 30


def reliability(
    chance: NDArray[Any], hit: NDArray[Any], before: NDArray[Any] | None = None, *, of_what: str, counted: str
) -> Figure:
    """(rows,) chances and whether it came true.

    Args:
        before: (rows,) chances without calibration; None where it changes none.
        of_what: what the chance is of, for the title of the axis.
        counted: what is counted, rows as a rule.
    """
    bins = calibration_bins(chance, hit)
    off = calibration_error(bins)
    title = "Can the probabilities be taken at their word?"
    caption = (
        f"Each point is a bin of {counted} with similar predicted probability, its bar a 95% interval. On the dashed "
        f"line predicted and observed agree; they are {off * 100:.1f} percentage points apart on average. Below: how "
        "often each probability is predicted; the last column holds all beyond."
    )
    upper, uncalibrated = _upper(bins), None
    if before is not None:
        bins_before = calibration_bins(before, hit)
        upper = max(upper, _upper(bins_before))
        uncalibrated = (bins_before.predicted, bins_before.observed)
        caption += (
            " Open points: the same before calibration on validation, "
            f"{calibration_error(bins_before) * 100:.1f} percentage points apart."
        )
    points = along_diagonal(
        *(bins.predicted, bins.observed, bins.low, bins.high),
        upper=upper,
        across=shares(title=None, labels=False),
        up=shares(title=f"observed: {of_what}"),
        height=210,
        before=uncalibrated,
    )
    counts = histogram(
        columns_of(np.clip(chance, 0, upper), 0, upper, _COLUMNS),
        across=shares(title="predicted probability"),
        up=alt.Axis(title="count", format=",d", tickCount=2),
        height=52,
    )
    chart = alt.vconcat(points, counts, spacing=6)
    return Figure(
        title=title,
        caption=caption,
        svg=svg(chart, f"{title} {caption}"),
        head=("predicted", "observed", "95% interval", counted),
        rows=tuple(
            (percent(p), percent(o), f"{percent(low)} to {percent(high)}", f"{n:,}")
            for p, o, low, high, n in zip(bins.predicted, bins.observed, bins.low, bins.high, bins.rows, strict=True)
        ),
    )


def _upper(bins: Bins) -> float:
    """The end of both axes: rare events would all sit in the corner of a picture that goes to 100%."""
    most = max(float(bins.predicted.max()), float(bins.high.max()))
    return min(1.0, math.ceil(most * 1.02 / 0.05) * 0.05)
