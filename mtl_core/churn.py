"""Churn: differences between the predictions of two models on the same rows, whatever the labels.

A new version can be as good as the old one and still change many predictions, which whoever acts on them notices
(Milani Fard et al. 2016, "Launch and Iterate: Reducing Prediction Churn").
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from mtl_core.evaluation import Arrays
from mtl_core.numbers import finite_or_none
from mtl_core.ragged import Ragged, flat
from mtl_core.tasks import Objective

DECISIONS = {
    "number": "decision",
    "class_probabilities": "class",
    "label_probabilities": "set of labels",
    "cluster_probabilities": "cluster",
    "spans": "tags",
}
"""Output type -> what flips: the decision at the threshold, the most probable class, ..."""


@dataclass(frozen=True, kw_only=True)
class Churn:
    """Changed predictions of one task on its labelled rows."""

    task: str
    rows: int
    """Labelled rows; for a task of level token its items, for a tagging task its texts."""
    decision: str
    """Kind of the decision that flips: "class", "decision", "set of labels", "cluster" or "tags"; "" for a number."""
    flipped: float | None
    """Share of the rows whose decision differs; None for a number, and without rows."""
    mean_change: float | None
    """Mean absolute difference of the predicted numbers, over the levels too for quantiles; None without numbers."""
    unit: str
    """Unit of `mean_change`: the target's, or "probability"."""


def churn(
    references: Sequence[Objective],
    candidates: Sequence[Objective],
    labels: Arrays,
    reference: Arrays,
    candidate: Arrays,
) -> tuple[Churn, ...]:
    """Churn of each task, with the decision thresholds of each model's own objectives.

    Clusters have no names that two trainings share: those of the reference are matched with the candidate's so that
    the fewest rows differ (Lange et al. 2004, "Stability-Based Validation of Clustering Solutions").
    """
    return tuple(
        _of_task(first, second, labels[first.name], reference[first.name], candidate[first.name])
        for first, second in zip(references, candidates, strict=True)
    )


def _of_task(
    first: Objective, second: Objective, labels: NDArray[Any], reference: NDArray[Any], candidate: NDArray[Any]
) -> Churn:
    before, after = (first.labelled_rows(labels, values)[1] for values in (reference, candidate))
    entry = first.output_format()
    old, new = first.decisions(flat(before)), second.decisions(flat(after))
    if entry["form"] == "cluster_probabilities" and old is not None and new is not None:
        old = _matched(old, new, entry["clusters"])
    is_number = entry["form"] in ("number", "quantiles")
    return Churn(
        task=first.name,
        rows=len(before),
        decision="" if old is None else DECISIONS[entry["form"]],
        flipped=None if old is None else _mean(_differs(before, old, new)),
        mean_change=_mean(_distances(flat(before), flat(after))) if is_number else None,
        unit=entry["unit"] if is_number else "",
    )


def _distances(before: NDArray[Any], after: NDArray[Any]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore"):  # of two infinite predictions
        return np.asarray(np.abs(after.astype(np.float64) - before))


def _differs(rows: NDArray[Any] | Ragged, old: NDArray[Any], new: NDArray[Any] | None) -> NDArray[np.bool_]:
    """(rows,) True where any decision of the row differs."""
    differs: NDArray[np.bool_] = (old != new).any(axis=1) if old.ndim > 1 else np.asarray(old != new)
    if not isinstance(rows, Ragged):
        return differs
    row_of_item = np.repeat(np.arange(len(rows)), rows.lengths)
    return np.asarray(np.bincount(row_of_item[differs], minlength=len(rows)) > 0)


def _matched(old: NDArray[Any], new: NDArray[Any], clusters: int) -> NDArray[np.int64]:
    """The old clusters under the numbers of the new ones that share most rows with them."""
    counts = np.zeros((clusters, clusters), dtype=np.int64)
    np.add.at(counts, (old, new), 1)
    rows, columns = linear_sum_assignment(counts, maximize=True)
    names = np.empty(clusters, dtype=np.int64)
    names[rows] = columns
    return np.asarray(names[old])


def _mean(values: NDArray[Any]) -> float | None:
    return finite_or_none(float(values.mean())) if values.size else None
