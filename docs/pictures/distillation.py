"""Gain from a teacher where labels are few: `delayed` with 2% of its training labels, three seeds.

    python docs/pictures/distillation.py

Needs data/ (`mtl data`), the extra `boosted`, and some minutes on one thread.
"""

import statistics
import tempfile
from pathlib import Path
from typing import Any

import altair as alt
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from drawing import save, share
from flights_part import FIRST_VALIDATION, Part, declared, flights

from mtl_core.evaluation import evaluate
from mtl_core.model.inference import predictions_of
from mtl_core.report.theme import ACCENT, CARD, INK, MUTED, SECOND, data

SHARE, SEEDS = 0.02, (0, 1, 2)
TASKS: dict[str, Any] = {
    "cancelled": {"kind": "binary", "target": "cancelled"},
    "delayed": {"kind": "binary", "target": "few_labels", "at_least": 15},
    "air_time": {"kind": "regression", "target": "air_time", "loss": "absolute"},
}
TEACHERS: dict[str, dict[str, Any]] = {
    "no teacher": {},
    "boosted": {"delayed": {"kind": "boosted"}},
    "boosted, use_unlabelled": {"delayed": {"kind": "boosted", "use_unlabelled": True}},
}
ALL_LABELS = "all labels, no teacher"


def thinned(rows: pa.Table, seed: int) -> pa.Table:
    """Adds `few_labels`: the arrival delay, in the training days of a random share of the flights only."""
    drawn = np.random.default_rng(seed).random(len(rows)) < SHARE
    held_out = pc.greater_equal(rows["date"], pa.scalar(FIRST_VALIDATION).cast(pa.date32())).to_numpy()
    return rows.append_column("few_labels", pc.if_else(pa.array(drawn | held_out), rows["arr_delay"], None))


def aucs(part: Part, seed: int, name: str, teachers: dict[str, Any]) -> dict[str, float]:
    """Split -> the AUC of `delayed`."""
    network, _, _ = part.trained(declared(TASKS, seed=seed, teachers=teachers), f"{name}, seed {seed}")
    found = {}
    for split in ("validation", "test"):
        rows = part.splits[split]
        labels = {task: values.numpy() for task, values in rows.labels.items()}
        measured = evaluate(part.tasks, labels, predictions_of(network, rows), resamples=0)
        found[split] = share(measured["delayed"]["auc"].value, places=4)
    return found


def picture(test: dict[str, list[float]]) -> alt.LayerChart:
    """AUC on test of every way to train: each seed, and the mean."""
    order = list(test)
    y = alt.Y(
        "way:N", sort=order, axis=alt.Axis(title=None, grid=False, labelColor=INK, labelFontSize=12, minExtent=160)
    )
    x = alt.X("auc:Q", scale=alt.Scale(zero=False, padding=14), axis=alt.Axis(title="AUC on test", tickCount=6))
    points = [
        {"way": way, "place": order.index(way), "auc": value, "seed": str(seed)}
        for way, values in test.items()
        for seed, value in zip(SEEDS, values, strict=True)
    ]
    few = data([point for point in points if point["way"] != ALL_LABELS])
    means = data([{"way": way, "auc": statistics.mean(values)} for way, values in test.items()])
    path = alt.Chart(few).mark_line(color=MUTED, strokeWidth=1, opacity=0.6)
    layers = [
        path.encode(x=x, y=y, detail="seed:N", order="place:Q"),
        alt.Chart(means).mark_tick(color=SECOND, thickness=3, size=26).encode(x=x, y=y),
        alt.Chart(data(points)).mark_point(color=CARD, fill=ACCENT, size=85, opacity=1).encode(x=x, y=y),
    ]
    return alt.layer(*layers).properties(width=480, height=44 * len(order))


def main() -> None:
    """Measure, and write the picture and its numbers."""
    rows, labels = flights(), []
    found: dict[str, list[dict[str, float]]] = {name: [] for name in (*TEACHERS, ALL_LABELS)}
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as work:
            part = Part.prepared(thinned(rows, seed), declared(TASKS), Path(work) / "few")
            known = part.splits["train"].labels["delayed"].numpy()
            labels.append(int((known >= 0).sum()))
            for name, teachers in TEACHERS.items():
                found[name].append(aucs(part, seed, name, teachers))
            whole = rows.append_column("few_labels", rows["arr_delay"])
            part = Part.prepared(whole, declared(TASKS), Path(work) / "all")
            found[ALL_LABELS].append(aucs(part, seed, ALL_LABELS, {}))
    values = {s: {way: [one[s] for one in each] for way, each in found.items()} for s in ("validation", "test")}
    means = {s: {way: share(statistics.mean(each)) for way, each in ways.items()} for s, ways in values.items()}
    gains = {
        way: [share(one - none) for one, none in zip(each, values["test"]["no teacher"], strict=True)]
        for way, each in values["test"].items()
        if way in TEACHERS
    }
    numbers = {"share": SHARE, "seeds": len(SEEDS), "labels": labels, "means": means, "test_gains": gains}
    label = "Dots per seed: the test AUC of delayed without a teacher, with boosted trees, and with all labels"
    save("distillation", picture(values["test"]), label, numbers | values)


if __name__ == "__main__":
    main()
