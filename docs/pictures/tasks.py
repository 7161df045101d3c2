"""Predictions of five kinds of task for the same arrivals: one network, trained briefly on a subset of the flights.

    python docs/pictures/tasks.py

Needs data/ (`mtl data`) and a minute or two on one thread.
"""

import tempfile
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
from drawing import parse_arguments, rounded, save
from flights_subset import FlightsSubset, declared, flights
from numpy.typing import NDArray

from mtl_core.model.inference import predictions_of
from mtl_core.report.theme import ACCENT, CARD, INK, MUTED, SECOND, data, percent_axis

CLASSES = ["early", "on time", "late", "very late"]
BANDS = {"target": "arr_delay", "edges": [0, 15, 60], "classes": CLASSES}
TASKS: dict[str, Any] = {
    "binary": {"kind": "binary", "target": "arr_delay", "at_least": 15},
    "multiclass": {"kind": "multiclass", **BANDS},
    "ordinal": {"kind": "ordinal", **BANDS},
    "quantiles": {"kind": "quantiles", "target": "arr_delay", "unit": "minutes"},
    "regression": {"kind": "regression", "target": "arr_delay", "loss": "absolute", "unit": "minutes"},
}
RANKS = (0.01, 0.2, 0.4, 0.6, 0.8, 0.95, 0.995)
"""Quantiles of the binary task's probability, over the test split, at which flights are drawn."""
SHADES = (0.15, 0.38, 0.65, 1.0)
"""Opacities of the classes, in order."""
ROW = 40

Predictions = dict[str, NDArray[Any]]


def flights_at_ranks(predictions: Predictions, delays: NDArray[np.float64]) -> list[int]:
    """Rows of arrived flights at RANKS."""
    arrived = np.flatnonzero(np.isfinite(delays))
    order = arrived[np.argsort(predictions["binary"][arrived], kind="stable")]
    return [int(order[round(rank * (len(order) - 1))]) for rank in RANKS]


def agreement(predictions: Predictions, delays: NDArray[np.float64]) -> dict[str, float]:
    """Agreement of the kinds over the whole test split."""
    late = {kind: predictions[kind][:, 2:].sum(axis=1) for kind in ("multiclass", "ordinal")}
    low, median, high = predictions["quantiles"].T
    arrived = np.isfinite(delays)
    return {
        **{
            f"binary_and_{kind}": rounded(np.abs(probability - predictions["binary"]).mean())
            for kind, probability in late.items()
        },
        "median_and_regression_minutes": rounded(np.abs(median - predictions["regression"]).mean(), digits=2),
        "inside_band": rounded(((low <= delays) & (delays <= high))[arrived].mean()),
        "nominal_coverage": 0.8,
        "below_low": rounded((delays < low)[arrived].mean()),
        "above_high": rounded((delays > high)[arrived].mean()),
        "mean_predicted_late": rounded(predictions["binary"][arrived].mean()),
        "observed_late": rounded((delays >= 15)[arrived].mean()),
    }


def probability_panel(rows: list[dict[str, Any]], y: alt.Y) -> alt.LayerChart:
    """Predicted probability of each flight in the binary task."""
    axis = percent_axis(title="15 minutes or more", values=[0, 0.5, 1])
    x = alt.X("binary:Q", scale=alt.Scale(domain=[0, 1]), axis=axis)
    base = alt.Chart(data(rows)).encode(x=x, y=y)
    layers = [
        base.mark_rule(color=MUTED, opacity=0.5).encode(x2=alt.datum(0)),
        base.mark_point(color=ACCENT, fill=ACCENT, size=60, opacity=1),
    ]
    return alt.layer(*layers).properties(width=100, height=ROW * len(rows), title=heading("binary"))


def bands_panel(rows: list[dict[str, Any]], kind: str, y: alt.Y) -> alt.Chart:
    """Predicted class probabilities of each flight as a stacked bar."""
    parts = [
        {"flight": row["flight"], "from": sum(row[kind][:number]), "to": sum(row[kind][: number + 1]), "shade": shade}
        for row in rows
        for number, shade in enumerate(SHADES)
    ]
    axis = percent_axis(title="early … very late", values=[0, 0.5, 1])
    x = alt.X("from:Q", scale=alt.Scale(domain=[0, 1]), axis=axis)
    shade = alt.Opacity("shade:Q", scale=None)
    bar = alt.Chart(data(parts)).mark_bar(color=ACCENT, height=14, stroke=CARD, strokeWidth=1)
    return bar.encode(x=x, x2="to:Q", y=y, opacity=shade).properties(
        width=120, height=ROW * len(rows), title=heading(kind)
    )


def minutes_panel(rows: list[dict[str, Any]], y: alt.Y) -> alt.LayerChart:
    """Predicted quantiles and mean of each flight, and its delay, in minutes."""
    axis = alt.Axis(title="minutes of delay; the ring is the observed delay", tickCount=6)

    def x(field: str) -> alt.X:
        return alt.X(f"{field}:Q", axis=axis)

    base = alt.Chart(data(rows)).encode(y=y)
    layers = [
        base.mark_bar(color=ACCENT, opacity=0.25, height=14).encode(x=x("low"), x2="high:Q"),
        base.mark_tick(color=ACCENT, thickness=3, size=20).encode(x=x("median")),
        base.mark_point(shape="diamond", color=CARD, fill=SECOND, size=70, opacity=1).encode(x=x("regression")),
        base.mark_point(shape="circle", color=INK, size=80, opacity=1, strokeWidth=1.6).encode(x=x("observed")),
    ]
    return alt.layer(*layers).properties(width=235, height=ROW * len(rows), title=heading("quantiles and regression"))


def heading(text: str) -> alt.TitleParams:
    """Title of a panel."""
    return alt.TitleParams(text, anchor="start", color=INK, fontSize=12, offset=8)


def main() -> None:
    """Train the network and write the picture and its numbers."""
    parse_arguments(__doc__)
    document = declared(TASKS, epochs=12)
    with tempfile.TemporaryDirectory() as work:
        subset = FlightsSubset.prepare(flights(), document, Path(work))
        network, result = subset.train(document, "kinds")
        predictions = predictions_of(network, subset.splits["test"])
        raw = subset.raw_test()
    delays = raw["arr_delay"].to_numpy(zero_copy_only=False).astype(np.float64)
    columns = {name: raw[name].to_pylist() for name in ("origin", "dest", "carrier", "hour", "weekday")}
    rows = []
    for row in flights_at_ranks(predictions, delays):
        band = [rounded(v, digits=1) for v in predictions["quantiles"][row]]
        row_values = {name: values[row] for name, values in columns.items()}
        rows.append(
            {
                "flight": "{origin}-{dest} {carrier}, {weekday} {hour}h".format(**row_values),
                "binary": rounded(predictions["binary"][row]),
                **{kind: [rounded(v) for v in predictions[kind][row]] for kind in ("multiclass", "ordinal")},
                **dict(zip(("low", "median", "high"), band, strict=True)),
                "regression": rounded(predictions["regression"][row], digits=1),
                "observed": rounded(delays[row], digits=1),
            }
        )
    order = [row["flight"] for row in rows]
    named = alt.Y("flight:N", sort=order, axis=alt.Axis(title=None, grid=False, labelColor=INK, minExtent=150))
    plain = alt.Y("flight:N", sort=order, axis=None)
    chart = alt.hconcat(
        *(probability_panel(rows, named), bands_panel(rows, "multiclass", plain), bands_panel(rows, "ordinal", plain)),
        minutes_panel(rows, plain),
        spacing=18,
    )
    label = (
        "Seven flights: probability of 15 minutes, probabilities of four bands, and the delay in minutes with its range"
    )
    numbers = {"epochs": len(result.epochs), "chosen": result.chosen, "flights": rows}
    save("tasks", chart, label, numbers | {"agreement": agreement(predictions, delays), "drawn": len(rows)})


if __name__ == "__main__":
    main()
