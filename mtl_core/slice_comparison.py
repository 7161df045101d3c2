"""Paired comparison of two models in slices of the test rows, with simultaneous intervals over all slices and tasks."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtl_core.evaluation import RESAMPLES, Arrays
from mtl_core.ragged import Ragged, select_rows
from mtl_core.simultaneous_intervals import critical_value, resampled_differences, standard_errors
from mtl_core.slices import Slice, SliceComparison, SliceDifference
from mtl_core.tasks import Objective

MAX_UNDEFINED = 0.01
"""Maximum share of resamples that leave a metric undefined: a class with fewer than five rows exceeds it."""


def compare_slices(
    tasks: Sequence[Objective],
    labels: Mapping[str, NDArray[Any] | Ragged],
    reference: Arrays,
    candidate: Arrays,
    slices: Sequence[Slice],
    *,
    min_rows: int,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> SliceComparison:
    """Each task's metric for two models in every slice with enough labelled rows, with simultaneous intervals.

    Args:
        labels: labels of the table's rows; ragged for a task of level token, whose predictions are flat.
    """
    pairs, left_out = [], []
    for task in tasks:
        few, undefined = [], []
        of_task = _LabelledRows.of(task, labels[task.name], reference[task.name], candidate[task.name])
        for slice_ in slices:
            members = slice_.rows[of_task.rows]
            rows = len(np.unique(of_task.rows[members]))
            if rows < min_rows:
                few.append(slice_.name)
            elif task.metric.undefined(select_rows(of_task.labels, members)):
                undefined.append(slice_.name)
            else:
                pairs.append(_Pair.of(slice_, of_task, members, rows))
        left_out += _left_out(task.name, few, f"fewer than {min_rows:,} labelled test rows")
        left_out += _left_out(task.name, undefined, f"{task.metric.name} is undefined")
    size = len(slices[0].rows) if slices else 0
    weighted = [pair.difference for pair in pairs]
    resampled = resampled_differences(weighted, size, resamples, seed)
    observed = np.array([difference(np.ones(size)) for difference in weighted])
    is_compared = (np.isnan(resampled).mean(axis=0) <= MAX_UNDEFINED) | np.isnan(observed)
    dropped = [pair for pair, compared in zip(pairs, is_compared, strict=True) if not compared]
    for task in tasks:
        rare = [pair.slice_.name for pair in dropped if pair.task is task]
        left_out += _left_out(task.name, rare, f"too few rows of a class for an interval of {task.metric.name}")
    kept = [pair for pair, compared in zip(pairs, is_compared, strict=True) if compared]
    differences = _with_intervals(kept, observed[is_compared], resampled[:, is_compared])
    return SliceComparison(differences=tuple(sorted(differences, key=lambda d: d.score)), left_out=tuple(left_out))


@dataclass(frozen=True, kw_only=True)
class _LabelledRows:
    """Labels and predictions of the labelled rows of a task, and the row of the table of each."""

    task: Objective
    labels: Any
    reference: Any
    candidate: Any
    rows: NDArray[np.int64]

    @classmethod
    def of(
        cls, task: Objective, labels: NDArray[Any] | Ragged, reference: NDArray[Any], candidate: NDArray[Any]
    ) -> "_LabelledRows":
        if isinstance(labels, Ragged):
            table_rows, flat_labels = np.repeat(np.arange(len(labels)), labels.lengths), labels.values
        else:
            table_rows, flat_labels = np.arange(len(labels)), labels
        true, before, after, rows = task.codec.select_labelled(flat_labels, reference, candidate, table_rows)
        if isinstance(rows, Ragged):  # a row per text, each with a token or more
            rows = rows.values[rows.offsets[:-1]]
        return cls(task=task, labels=true, reference=before, candidate=after, rows=rows)


@dataclass(frozen=True, kw_only=True)
class _Pair:
    """Values of a task's metric in a slice for both models, as functions of the weights of the slice's rows."""

    slice_: Slice
    task: Objective
    rows: int
    members: NDArray[np.int64]
    """Row of the table of each labelled row or item in the slice."""
    reference: Callable[[NDArray[Any]], float]
    candidate: Callable[[NDArray[Any]], float]

    @classmethod
    def of(cls, slice_: Slice, of_task: _LabelledRows, members: NDArray[np.bool_], rows: int) -> "_Pair":
        metric, labels = of_task.task.metric, select_rows(of_task.labels, members)
        before, after = (
            metric.weighted(labels, select_rows(values, members)) for values in (of_task.reference, of_task.candidate)
        )
        table_rows = of_task.rows[members]
        return cls(slice_=slice_, task=of_task.task, rows=rows, members=table_rows, reference=before, candidate=after)

    def values(self, weights: NDArray[np.float64]) -> tuple[float, float]:
        """(table rows,) weights -> the metric of both models; NaN if no row of the slice has a weight."""
        of_slice = weights[self.members]
        return (self.reference(of_slice), self.candidate(of_slice)) if of_slice.any() else (np.nan, np.nan)

    def difference(self, weights: NDArray[np.float64]) -> float:
        """(table rows,) weights -> candidate minus reference, positive if the candidate is better."""
        reference, candidate = self.values(weights)
        return self.task.metric.oriented(candidate - reference)


def _with_intervals(
    pairs: Sequence[_Pair], observed: NDArray[np.float64], resampled: NDArray[np.float64]
) -> list[SliceDifference]:
    """(pairs,) differences and (resamples, pairs) resampled ones -> the differences with their intervals."""
    if not pairs:
        return []
    errors = standard_errors(resampled)
    critical = critical_value(observed, errors, resampled)
    differences = []
    for pair, difference, error in zip(pairs, observed.tolist(), errors.tolist(), strict=True):
        reference, candidate = pair.values(np.ones(len(pair.slice_.rows)))
        differences.append(
            SliceDifference(
                column=pair.slice_.column,
                value=pair.slice_.value,
                rows=pair.rows,
                task=pair.task.name,
                metric=pair.task.metric.name,
                reference=reference,
                candidate=candidate,
                difference=difference,
                standard_error=error,
                high=difference + critical * error,
            )
        )
    return differences


def _left_out(task: str, names: Sequence[str], reason: str) -> list[str]:
    """A sentence that names the first slices of a task that were left out for a reason; none without any."""
    if not names:
        return []
    listed = ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")
    return [f"{task}: {listed}: {reason}"]
