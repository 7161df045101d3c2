"""A synthetic run: every kind of task, missing labels, adversarial names."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core.checks import BaselineCheck, Check, LatencyCheck

ROWS = 900
LONG = "a_task_with_a_name_that_goes_on_" + "and_on_" * 7 + "till_it_ends"
SCRIPT = "<script>alert(1)</script>"
IMAGE = '"><img src=http://example.org/x onerror=alert(1)>'
CHOSEN = 3

DOCUMENT: dict[str, Any] = {
    "name": "made-up",
    "data": {"path": "data"},
    "split": {"by": "column", "column": "part"},
    "features": {
        "colour": {"kind": "categorical", "column": SCRIPT},
        "size": {"kind": "numeric"},
        "note": {"kind": "text", "max_tokens": 24},
    },
    "tasks": {
        "late": {"kind": "binary", "target": "minutes", "at_least": 0, "metric": "auc"},
        "band": {"kind": "multiclass", "target": "minutes", "edges": [-1, 1], "classes": ["low", SCRIPT, IMAGE]},
        LONG: {"kind": "regression", "loss": "absolute", "target": "minutes", "unit": "<b>minutes</b>"},
        "ghost": {"kind": "binary", "target": "ghost", "metric": "auc"},
        "visits": {"kind": "regression", "loss": "poisson", "target": "visits"},
        "grade": {
            "kind": "ordinal",
            "target": "minutes",
            "edges": [-1, 0, 1],
            "classes": ["poor", "fair", IMAGE, "top"],
        },
        "tags": {"kind": "multilabel", "target": "tags"},
        "span": {"kind": "quantiles", "target": "minutes", "unit": "<b>minutes</b>"},
        "group": {"kind": "clustering", "clusters": 3, "target": "shade"},
        "alone": {"kind": "clustering", "clusters": 2, "warm_up": 1},
        "entities": {"kind": "tagging", "target": "entities", "text": "note"},
    },
    "gates": {"metrics": {"late": {"auc": 0.8}}, "baseline": {"ghost": "ignore"}, "size_mb": None},
}
NAMES = tuple(DOCUMENT["tasks"])


def table() -> pa.Table:
    """The rows: a fifth of `minutes` is missing, half of `shade`, all of `ghost` in the test split."""
    generator = np.random.default_rng(0)
    colour, size = generator.integers(0, 3, ROWS), generator.normal(size=ROWS)
    shades = np.array(["red", IMAGE, "blue"], dtype=object)
    part = np.array(["train", "validation", "test"], dtype=object)[np.arange(ROWS) % 3]
    notes, entities = zip(*(_note(row, shades[colour[row]]) for row in range(ROWS)), strict=True)
    return pa.table(
        {
            "part": pa.array(part),
            SCRIPT: pa.array(shades[colour]),
            "size": pa.array(size),
            "minutes": pa.array(size + colour - 1, mask=generator.random(ROWS) < 0.2),
            "ghost": pa.array((size > 0).astype(float), mask=part == "test"),
            "visits": pa.array(generator.poisson(np.exp(size / 2 - 1))),
            "tags": pa.array(np.array([SCRIPT, f"{SCRIPT}|{IMAGE}", "none of them"], dtype=object)[colour]),
            "shade": pa.array(shades[colour], mask=generator.random(ROWS) < 0.5),
            "note": pa.array(notes),
            "entities": pa.array(
                entities, pa.list_(pa.struct({"start": pa.int64(), "end": pa.int64(), "label": "string"}))
            ),
        }
    )


def _note(row: int, shade: str) -> tuple[str | None, list[dict[str, Any]] | None]:
    """A text with two spans; without any, without labels, missing, or longer than the feature reads in some rows.

    The word after `in` is rare; the test split has a label that the others lack.
    """
    if row % 10 == 0:
        return None, []
    place = f"town{row}"
    text = f"paint {shade} in {place}" + " or later" * (40 if row % 10 == 1 else 1)
    if row % 10 < 4:
        return text, None if row % 10 == 2 else []
    start = text.index(place)
    place_label = "new" if row == 899 else IMAGE
    return text, [
        {"start": 6, "end": 6 + len(shade), "label": SCRIPT},
        {"start": start, "end": start + len(place), "label": place_label},
    ]


def history() -> dict[str, Any]:
    """Four epochs: `late` stops after two and is distilled, `ghost` is undefined, `alone` starts in the second."""
    values = {name: [0.4, 0.3, 0.2, 0.3] for name in NAMES} | {
        "late": [0.7, 0.8, 0.79, 0.78],
        "band": [1.0, 0.9, 0.8, None],
        LONG: [3.0, 2.0, 1.0, 1.5],
        "ghost": [None] * 4,
        "alone": [None, 0.1, 0.2, 0.3],
    }
    rising = ("late", "ghost", "tags", "group", "alone")
    epochs = []
    for index in range(4):
        current = {task: series[index] for task, series in values.items()}
        epochs.append(
            {
                "number": index + 1,
                "losses": dict.fromkeys(values, 0.5) | {"ghost": None},
                "values": current,
                "scores": {task: v if task in rising or v is None else -v for task, v in current.items()},
                "stopped": ["late"] if index == 1 else ["ghost"] if index == 3 else [],
                "distilled": ["late"] if index > 1 else [],
                "paused": ["alone"] if index == 0 else [],
            }
        )
    errors = dict.fromkeys(NAMES, 0.05) | {"late": 0.01, "band": 0.02, LONG: 0.1, "ghost": 1.0}
    budget = {"batch_size": 2048, "steps_per_epoch": 7, "epochs": 20, "patience": 3}
    return {
        "budget": budget,
        "epochs": epochs,
        "chosen": CHOSEN,
        "standard_errors": errors,
        "parameters": 12_345,
        "calibrations": calibrations(),
        "thresholds": [{"task": "tags", "thresholds": [0.25, 0.5]}],
    }


def calibrations() -> list[dict[str, Any]]:
    """Calibrations: fitted, identity, and one temperature per label."""
    measures = {"value": None, "log_loss_before": 0.5, "log_loss_after": 0.4, "ece_before": 0.1, "ece_after": 0.02}
    undefined: dict[str, None] = dict.fromkeys(measures)
    return [
        {"task": "late", "method": "temperature", "temperatures": [1.5], **measures},
        {"task": "ghost", "method": "identity", "reason": "fewer than two classes", **undefined},
        {"task": "tags", "method": "temperature", "temperatures": [1.25, 2.0], **measures},
    ]


def predictions(labels: dict[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
    """Predictions close to the labels, which are those of items for `entities`; two are not finite."""
    generator, rows = np.random.default_rng(1), len(labels["late"])
    probability = np.clip(0.5 + 0.3 * (labels["late"] == 1) + 0.1 * generator.normal(size=rows), 0.01, 0.99)
    band = generator.dirichlet([2, 2, 2], rows) + np.eye(3)[labels["band"]]
    minutes = np.nan_to_num(labels[LONG]) * 0.7 + 0.2 * generator.normal(size=rows)
    minutes[np.flatnonzero(~np.isnan(labels[LONG]))[0]] = np.inf
    tags = np.clip(0.5 + 0.4 * (labels["tags"] - 0.5) + 0.2 * generator.normal(size=labels["tags"].shape), 0.01, 0.99)
    entities = labels["entities"] * np.isin(labels["entities"], (1, 2, 3, 4))  # those of training
    entities[::17] = 0
    confidence = generator.random(len(entities))
    confidence[np.flatnonzero(labels["entities"] > 0)[0]] = np.nan
    predicted = {
        "late": probability,
        "band": band / 2,
        LONG: minutes,
        "ghost": probability,
        "visits": np.exp(0.2 * generator.normal(size=rows) - 1),
        "grade": generator.dirichlet([1, 2, 2, 1], rows),
        "tags": tags,
        "span": np.nan_to_num(minutes, posinf=0.0)[:, None] + np.array([-0.5, 0.0, 0.5]),
        "group": generator.dirichlet([1, 1, 1], rows),
        "alone": generator.dirichlet([1, 1], rows),
        "entities": np.stack([entities, confidence], axis=1),
    }
    return {name: values.astype(np.float32) for name, values in predicted.items()}


def checks() -> list[Check]:
    """Checks of every kind and outcome."""
    over: dict[str, Any] = {"limit": 0.0, "rule": "above", "unit": "(lower end of the paired 95% interval)"}
    return [
        Check(name="late.auc", value=0.9, limit=0.8, rule="at least", unit=""),
        BaselineCheck(name="late.auc over baseline", value=0.3, high=0.35, **over),
        BaselineCheck(name=f"{LONG}.mae over baseline", value=-0.1, high=0.2, **over),
        Check(name="parity", value=2e-6, limit=1e-4, rule="at most", unit=f"of the scale of {LONG}"),
        LatencyCheck(name="latency of 1 row", value=0.25, limit=5, rule="at most", unit="ms"),
        Check(name="a gate of tomorrow", value=1, limit=2, rule="at most", unit=IMAGE.replace(" ", "")),
        Check(name="parity on adversarial rows", value=float("nan"), limit=1e-4, rule="at most", unit="of the scale"),
        BaselineCheck(name="band.log_loss over baseline", value=-0.3, high=-0.2, **over),
    ]
