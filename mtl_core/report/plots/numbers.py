"""Plots of predicted numbers and quantiles: observed values and residuals by prediction, coverage, intervals."""

from typing import Any

import altair as alt
import numpy as np
from numpy.typing import NDArray

from mtl_core.report.plots.figure import Figure, diagonal, draw, histogram, points
from mtl_core.report.plots.statistics import quantile_bins, wilson
from mtl_core.report.theme import ACCENT, MUTED, SECOND, WIDTH, data, percent_axis
from mtl_core.report.wording import integer, interval_percent, number, percent, with_unit

Array = NDArray[Any]

QUANTILES = {"10%": 0.1, "25%": 0.25, "median": 0.5, "75%": 0.75, "90%": 0.9}
_FEW_VALUES = 30
"""Maximum number of distinct values, such as counts, that are described by their mean: the median moves in steps."""


def observed_by_predicted(labels: Array, predictions: Array, unit: str) -> Figure:
    """Distribution of the (rows,) labels per bin of the predictions."""
    bins = quantile_bins(predictions, 20)
    columns = {"predicted": [predictions[rows].mean(dtype=np.float64) for rows in bins]}
    columns |= {"mean": [labels[rows].mean(dtype=np.float64) for rows in bins]}
    columns |= {name: [np.quantile(labels[rows], level) for rows in bins] for name, level in QUANTILES.items()}
    centre, x = _centre(labels), columns["predicted"]
    base = alt.Chart(data(x=x, low=columns["10%"], high=columns["90%"], q1=columns["25%"], q3=columns["75%"])).encode(
        x=alt.X("x:Q", scale=alt.Scale(zero=False, nice=False), axis=_axis("predicted", unit))
    )
    line = alt.Chart(data(x=x, y=columns[centre])).mark_line(color=ACCENT, strokeWidth=2, point={"color": ACCENT})
    y = alt.Y("y:Q", scale=alt.Scale(zero=False), axis=_axis("observed", unit))
    chart = alt.layer(
        base.mark_area(color=ACCENT, opacity=0.16).encode(y="low:Q", y2="high:Q"),
        base.mark_area(color=ACCENT, opacity=0.28).encode(y="q1:Q", y2="q3:Q"),
        diagonal(x[0], x[-1]),
        line.encode(x="x:Q", y=y),
    )
    return draw(
        "Observed by predicted",
        f"Observed values per bin of the prediction: {centre} (line), 25% to 75% (dark band), 10% to 90% (light band). "
        "Dashed: observed equals predicted.",
        chart.properties(width=WIDTH, height=260),
        *((name, map(number, values)) for name, values in columns.items()),
        ("rows", (integer(len(rows)) for rows in bins)),
    )


def residuals(labels: Array, predictions: Array, unit: str) -> Figure:
    """Histogram of observed minus predicted, without the lowest and the highest 1%."""
    errors = (labels - predictions).astype(np.float64)
    low, high = np.quantile(errors, [0.01, 0.99]).tolist()
    low, high = (low, high) if low < high else (low - 0.5, high + 0.5)
    centre = _centre(labels)
    centre_value = float(np.mean(errors) if centre == "mean" else np.median(errors))
    bars, columns = histogram(errors, (low, high), 40, _axis("residual", unit))
    zero, line = (alt.Chart(data(low=[np.clip(x, low, high)])).encode(x="low:Q") for x in (0, centre_value))
    chart = alt.layer(bars, zero.mark_rule(color=MUTED, strokeDash=[4, 4]), line.mark_rule(color=SECOND, strokeWidth=2))
    return draw(
        "Residuals",
        f"Observed minus predicted. Orange line: {centre}, {with_unit(number(centre_value, 3), unit)}. Not shown: "
        f"{percent(1 - columns['rows'].sum() / len(errors))} of rows, below {number(low, 3)} or above "
        f"{number(high, 3)}.",
        chart.properties(height=260),
        ("from", map(number, columns["low"])),
        ("to", map(number, columns["high"])),
        ("rows", map(integer, columns["rows"])),
    )


def quantile_coverage(labels: Array, predictions: Array, levels: tuple[float, ...]) -> Figure:
    """Share of the (rows,) labels not above each of the (rows, levels) predicted quantiles."""
    covered = (labels[:, None] <= predictions).sum(axis=0)
    low, high = wilson(covered, np.full(len(covered), len(labels)))
    observed = covered / len(labels)
    scale = alt.Scale(domain=[0, 1])
    x = alt.X("x:Q", scale=scale, axis=percent_axis(title="quantile level"))
    y = alt.Y("y:Q", scale=scale, axis=percent_axis(title="observed share at or below"))
    lines = points(data(x=levels, y=observed, low=low, high=high), x, y, alt.value(ACCENT))
    return draw(
        "Quantile coverage",
        "Share of observed values at or below each predicted quantile, with 95% Wilson intervals. Dashed: nominal. "
        f"Mean difference: {100 * np.abs(observed - levels).mean():.1f} percentage points.",
        alt.layer(diagonal(0, 1), *lines).properties(width=WIDTH, height=260),
        ("level", map(percent, levels)),
        ("observed", map(percent, observed)),
        ("95% interval", map(interval_percent, low, high)),
    )


def prediction_intervals(
    labels: Array, predictions: Array, levels: tuple[float, ...], median_index: int, unit: str
) -> Figure:
    """Predicted and observed quantiles per bin of the prediction at index `median_index` of the levels."""
    bins = quantile_bins(predictions[:, median_index], 12)
    last, names = len(levels) - 1, [percent(level) for level in levels]
    predicted = np.stack([predictions[rows].mean(axis=0, dtype=np.float64) for rows in bins], axis=1)  # (levels, bins)
    observed = np.stack([np.quantile(labels[rows], levels, method="inverted_cdf") for rows in bins], axis=1)
    columns = {f"predicted{i}": line for i, line in enumerate(predicted)}
    columns |= {f"observed{i}": line for i, line in enumerate(observed)}
    scale, axis = alt.Scale(zero=False), _axis("value", unit)
    title = f"predicted {names[median_index]} quantile"
    x_scale = alt.Scale(zero=False, nice=False, padding=6)
    x = alt.X(f"predicted{median_index}:Q", scale=x_scale, axis=_axis(title, unit))
    base = alt.Chart(data(**columns)).encode(x=x)

    def y(field: str) -> alt.Y:
        return alt.Y(f"{field}:Q", scale=scale, axis=axis)

    layers = [base.mark_line(color=ACCENT, strokeWidth=2).encode(y=y(f"predicted{median_index}"))]
    for low in (0, last // 4) if last >= 4 else (0,) if last else ():  # with five levels or more, an inner interval too
        band = base.mark_area(color=ACCENT, opacity=0.18)
        layers.append(band.encode(y=y(f"predicted{low}"), y2=f"predicted{last - low}:Q"))
    if last:
        layers.append(base.mark_rule(color=SECOND, strokeWidth=1.5).encode(y=y("observed0"), y2=f"observed{last}:Q"))
    layers.append(base.mark_point(color=SECOND, filled=True, size=34, opacity=1).encode(y=y(f"observed{median_index}")))
    return draw(
        "Prediction intervals",
        "Predicted quantiles (line and bands) and observed quantiles (orange points and bars) per bin of the predicted "
        f"{names[median_index]} quantile. Levels: {', '.join(names)}.",
        alt.layer(*layers).properties(width=WIDTH, height=260),
        ("rows", (integer(len(rows)) for rows in bins)),
        *((f"{name} predicted", map(number, line)) for name, line in zip(names, predicted, strict=True)),
        *((f"{name} observed", map(number, line)) for name, line in zip(names, observed, strict=True)),
    )


def _axis(title: str, unit: str) -> alt.Axis:
    return alt.Axis(title=f"{title} ({unit})" if unit else title, tickCount=5)


def _centre(labels: Array) -> str:
    """Statistic for the centre of the observed values: mean or median."""
    distinct = len(np.unique(labels))
    return "mean" if distinct <= _FEW_VALUES and 2 * distinct <= len(labels) else "median"
