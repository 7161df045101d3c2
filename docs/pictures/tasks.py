"""Predictions of five kinds of task for the same arrivals: one network, trained briefly on a part of the flights.

    python docs/pictures/tasks.py

Needs data/ (`mtl data`) and a minute or two on one thread.
"""

import tempfile
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
from drawing import save, share
from flights_part import Part, declared, flights
from numpy.typing import NDArray

from mtl_core.model.inference import predictions_of
from mtl_core.report.theme import ACCENT, CARD, INK, MUTED, SECOND, data, shares

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


def chosen(predictions: Predictions, delays: NDArray[np.float64]) -> list[int]:
    """Rows of flights that arrived, at those ranks."""
    arrived = np.flatnonzero(np.isfinite(delays))
    order = arrived[np.argsort(predictions["binary"][arrived], kind="stable")]
    return [int(order[round(rank * (len(order) - 1))]) for rank in RANKS]


def agreement(predictions: Predictions, delays: NDArray[np.float64]) -> dict[str, float]:
    """Agreement of the kinds over the whole test split."""
    late = {kind: predictions[kind][:, 2:].sum(axis=1) for kind in ("multiclass", "ordinal")}
    low, middle, high = predictions["quantiles"].T
    arrived = np.isfinite(delays)
    return {
        **{f"binary_and_{kind}": share(np.abs(chance - predictions["binary"]).mean()) for kind, chance in late.items()},
        "median_and_regression_minutes": share(np.abs(middle - predictions["regression"]).mean(), places=2),
        "inside_band": share(((low <= delays) & (delays <= high))[arrived].mean()),
        "promised_inside_band": 0.8,
        "below_low": share((delays < low)[arrived].mean()),
        "above_high": share((delays > high)[arrived].mean()),
        "late_said": share(predictions["binary"][arrived].mean()),
        "late_happened": share((delays >= 15)[arrived].mean()),
    }


def probability(rows: list[dict[str, Any]], y: alt.Y) -> alt.LayerChart:
    """Predicted probability of each flight in the binary task."""
    x = alt.X("binary:Q", scale=alt.Scale(domain=[0, 1]), axis=shares(title="15 minutes or more", values=[0, 0.5, 1]))
    base = alt.Chart(data(rows)).encode(x=x, y=y)
    layers = [
        base.mark_rule(color=MUTED, opacity=0.5).encode(x2=alt.datum(0)),
        base.mark_point(color=ACCENT, fill=ACCENT, size=60, opacity=1),
    ]
    return alt.layer(*layers).properties(width=100, height=ROW * len(rows), title=heading("binary"))


def bands(rows: list[dict[str, Any]], kind: str, y: alt.Y) -> alt.Chart:
    """Predicted class probabilities of each flight as a stacked bar."""
    parts = [
        {"flight": row["flight"], "from": sum(row[kind][:number]), "to": sum(row[kind][: number + 1]), "shade": shade}
        for row in rows
        for number, shade in enumerate(SHADES)
    ]
    x = alt.X("from:Q", scale=alt.Scale(domain=[0, 1]), axis=shares(title="early … very late", values=[0, 0.5, 1]))
    shade = alt.Opacity("shade:Q", scale=None)
    bar = alt.Chart(data(parts)).mark_bar(color=ACCENT, height=14, stroke=CARD, strokeWidth=1)
    return bar.encode(x=x, x2="to:Q", y=y, opacity=shade).properties(
        width=120, height=ROW * len(rows), title=heading(kind)
    )


def minutes(rows: list[dict[str, Any]], y: alt.Y) -> alt.LayerChart:
    """Predicted quantiles and mean of each flight, and its delay, in minutes."""
    axis = alt.Axis(title="minutes of delay; the ring is what happened", tickCount=6)

    def x(field: str) -> alt.X:
        return alt.X(f"{field}:Q", axis=axis)

    base = alt.Chart(data(rows)).encode(y=y)
    layers = [
        base.mark_bar(color=ACCENT, opacity=0.25, height=14).encode(x=x("low"), x2="high:Q"),
        base.mark_tick(color=ACCENT, thickness=3, size=20).encode(x=x("median")),
        base.mark_point(shape="diamond", color=CARD, fill=SECOND, size=70, opacity=1).encode(x=x("regression")),
        base.mark_point(shape="circle", color=INK, size=80, opacity=1, strokeWidth=1.6).encode(x=x("happened")),
    ]
    return alt.layer(*layers).properties(width=235, height=ROW * len(rows), title=heading("quantiles and regression"))


def heading(text: str) -> alt.TitleParams:
    """Title of a panel."""
    return alt.TitleParams(text, anchor="start", color=INK, fontSize=12, offset=8)


def main() -> None:
    """Measure, and write the picture and its numbers."""
    document = declared(TASKS, epochs=12)
    with tempfile.TemporaryDirectory() as work:
        part = Part.prepared(flights(), document, Path(work))
        network, outcome, _ = part.trained(document, "kinds")
        predictions = predictions_of(network, part.splits["test"])
        raw = part.raw_test()
    delays = raw["arr_delay"].to_numpy(zero_copy_only=False).astype(np.float64)
    columns = {name: raw[name].to_pylist() for name in ("origin", "dest", "carrier", "hour", "weekday")}
    rows = []
    for row in chosen(predictions, delays):
        band = [share(v, places=1) for v in predictions["quantiles"][row]]
        row_values = {name: values[row] for name, values in columns.items()}
        rows.append(
            {
                "flight": "{origin}-{dest} {carrier}, {weekday} {hour}h".format(**row_values),
                "binary": share(predictions["binary"][row]),
                **{kind: [share(v) for v in predictions[kind][row]] for kind in ("multiclass", "ordinal")},
                **dict(zip(("low", "median", "high"), band, strict=True)),
                "regression": share(predictions["regression"][row], places=1),
                "happened": share(delays[row], places=1),
            }
        )
    order = [row["flight"] for row in rows]
    named = alt.Y("flight:N", sort=order, axis=alt.Axis(title=None, grid=False, labelColor=INK, minExtent=150))
    plain = alt.Y("flight:N", sort=order, axis=None)
    chart = alt.hconcat(
        *(probability(rows, named), bands(rows, "multiclass", plain), bands(rows, "ordinal", plain)),
        minutes(rows, plain),
        spacing=18,
    )
    label = (
        "Seven flights: the chance of 15 minutes, the chances of four bands, and the delay in minutes with its range"
    )
    numbers = {"epochs": len(outcome.epochs), "chosen": outcome.chosen, "flights": rows}
    save("tasks", chart, label, numbers | {"agreement": agreement(predictions, delays), "drawn": len(rows)})


if __name__ == "__main__":
    main()
