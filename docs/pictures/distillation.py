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
from drawing import parse_arguments, rounded, save
from flights_subset import FIRST_VALIDATION, FlightsSubset, declared, flights

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
    """Add `few_labels`: the arrival delay, within the training days only for a random share of the flights."""
    labelled = np.random.default_rng(seed).random(len(rows)) < SHARE
    held_out = pc.greater_equal(rows["date"], pa.scalar(FIRST_VALIDATION).cast(pa.date32())).to_numpy()
    return rows.append_column("few_labels", pc.if_else(pa.array(labelled | held_out), rows["arr_delay"], None))


def aucs(subset: FlightsSubset, seed: int, name: str, teachers: dict[str, Any]) -> dict[str, float]:
    """Split -> AUC of `delayed`."""
    network, _ = subset.train(declared(TASKS, seed=seed, teachers=teachers), f"{name}, seed {seed}")
    auc_of_split = {}
    for split in ("validation", "test"):
        rows = subset.splits[split]
        labels = {task: values.numpy() for task, values in rows.labels.items()}
        metrics = evaluate(subset.tasks, labels, predictions_of(network, rows), resamples=0)
        auc_of_split[split] = rounded(metrics["delayed"]["auc"].value, digits=4)
    return auc_of_split


def picture(test: dict[str, list[float]]) -> alt.LayerChart:
    """AUC on test of every variant: each seed, and the mean."""
    order = list(test)
    y = alt.Y(
        "variant:N", sort=order, axis=alt.Axis(title=None, grid=False, labelColor=INK, labelFontSize=12, minExtent=160)
    )
    x = alt.X("auc:Q", scale=alt.Scale(zero=False, padding=14), axis=alt.Axis(title="AUC on test", tickCount=6))
    points = [
        {"variant": variant, "index": order.index(variant), "auc": value, "seed": str(seed)}
        for variant, values in test.items()
        for seed, value in zip(SEEDS, values, strict=True)
    ]
    few = data([point for point in points if point["variant"] != ALL_LABELS])
    means = data([{"variant": variant, "auc": statistics.mean(values)} for variant, values in test.items()])
    path = alt.Chart(few).mark_line(color=MUTED, strokeWidth=1, opacity=0.6)
    layers = [
        path.encode(x=x, y=y, detail="seed:N", order="index:Q"),
        alt.Chart(means).mark_tick(color=SECOND, thickness=3, size=26).encode(x=x, y=y),
        alt.Chart(data(points)).mark_point(color=CARD, fill=ACCENT, size=85, opacity=1).encode(x=x, y=y),
    ]
    return alt.layer(*layers).properties(width=480, height=44 * len(order))


def main() -> None:
    """Train the variants and write the picture and its numbers."""
    parse_arguments(__doc__)
    rows, labels = flights(), []
    results: dict[str, list[dict[str, float]]] = {name: [] for name in (*TEACHERS, ALL_LABELS)}
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as work:
            subset = FlightsSubset.prepare(thinned(rows, seed), declared(TASKS), Path(work) / "few")
            values_of_labels = subset.splits["train"].labels["delayed"].numpy()
            labels.append(int((values_of_labels >= 0).sum()))
            for name, teachers in TEACHERS.items():
                results[name].append(aucs(subset, seed, name, teachers))
            table = rows.append_column("few_labels", rows["arr_delay"])
            subset = FlightsSubset.prepare(table, declared(TASKS), Path(work) / "all")
            results[ALL_LABELS].append(aucs(subset, seed, ALL_LABELS, {}))
    values = {
        split: {variant: [aucs_of_seed[split] for aucs_of_seed in of_seeds] for variant, of_seeds in results.items()}
        for split in ("validation", "test")
    }
    means = {
        split: {variant: rounded(statistics.mean(of_seeds)) for variant, of_seeds in of_variants.items()}
        for split, of_variants in values.items()
    }
    baseline = values["test"]["no teacher"]
    gains = {
        variant: [rounded(auc - without) for auc, without in zip(values["test"][variant], baseline, strict=True)]
        for variant in TEACHERS
    }
    numbers = {"share": SHARE, "seeds": len(SEEDS), "labels": labels, "means": means, "test_gains": gains}
    label = "Dots per seed: the test AUC of delayed without a teacher, with boosted trees, and with all labels"
    save("distillation", picture(values["test"]), label, numbers | values)


if __name__ == "__main__":
    main()
