"""Paired comparison of two models in slices of the test rows, with simultaneous intervals.

With a hundred slices and an interval of 95% for each, chance alone would refuse almost every candidate. The intervals
are therefore simultaneous over all slices and tasks: the maximum of the studentised differences is resampled (max-t;
Westfall and Young 1993, "Resampling-Based Multiple Testing"; Romano and Wolf 2005). Resamples of whole rows are shared
by all slices and tasks, so their dependence is taken into account, and slices that overlap or tasks that agree cost
less than under Bonferroni's correction.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core import arrow_compute as pc
from mtl_core.evaluation import RESAMPLES, Arrays, is_worse
from mtl_core.ragged import Ragged, select_rows
from mtl_core.tasks import Objective

MAX_VALUES = 100
"""Maximum values of a column, the most frequent ones, that are slices."""
LEVEL = 0.95
"""Probability that no slice of two equal models has an interval below 0."""
MAX_UNDEFINED = 0.01
"""Maximum share of resamples that leave a metric undefined: a class with fewer than five rows exceeds it."""


@dataclass(frozen=True, kw_only=True)
class Slice:
    """The rows of a table in which a column has a value."""

    column: str
    value: str | None
    """The value as text; None for missing values."""
    rows: NDArray[np.bool_]
    """(table rows,) mask."""

    @property
    def name(self) -> str:
        """The slice, as `column=value`."""
        return slice_name(self.column, self.value)


@dataclass(frozen=True, kw_only=True)
class SliceDifference:
    """Candidate minus reference in one slice and task, positive if the candidate is better."""

    column: str
    value: str | None
    rows: int
    """Labelled test rows in the slice."""
    task: str
    metric: str
    reference: float
    candidate: float
    difference: float
    standard_error: float
    high: float
    """Upper end of the one-sided interval, at 95% for all slices and tasks together."""

    @property
    def name(self) -> str:
        """The slice, as `column=value`."""
        return slice_name(self.column, self.value)

    def is_worse(self, margin: float) -> bool:
        """True if the candidate is significantly worse in the slice, and by more than the margin."""
        return is_worse(self.difference, self.high, margin)

    @property
    def score(self) -> float:
        """The difference in standard errors, by which slices are ranked; minus infinity where it is not a number."""
        if np.isnan(self.difference):
            return -np.inf
        if self.standard_error > 0:
            return self.difference / self.standard_error
        return -np.inf if self.difference < 0 else np.inf


@dataclass(frozen=True, kw_only=True)
class SliceComparison:
    """Differences in all slices that were compared, the worst first, and sentences about those that were not."""

    differences: tuple[SliceDifference, ...] = ()
    left_out: tuple[str, ...] = ()


def slice_name(column: str, value: str | None) -> str:
    """A slice as `column=value`."""
    return f"{column}={'(missing)' if value is None else value}"


def slices_of(table: pa.Table, columns: Sequence[str]) -> tuple[list[Slice], list[str]]:
    """A slice for each of the MAX_VALUES most frequent values of each column; a sentence about the other values."""
    slices, left_out = [], []
    for column in columns:
        encoded = table[column].combine_chunks().dictionary_encode(null_encoding="encode")
        codes = encoded.indices.to_numpy(zero_copy_only=False)
        counts = np.bincount(codes, minlength=len(encoded.dictionary))
        order = np.argsort(-counts, kind="stable")
        names = pc.cast(encoded.dictionary, pa.string()).to_pylist()
        slices += [Slice(column=column, value=names[code], rows=codes == code) for code in order[:MAX_VALUES]]
        if others := order[MAX_VALUES:].tolist():
            rows = int(counts[others].sum())
            left_out.append(
                f"{column}: {len(others):,} values beyond the {MAX_VALUES} most frequent ones, with {rows:,} rows"
            )
    return slices, left_out


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
        for piece in slices:
            members = piece.rows[of_task.rows]
            rows = len(np.unique(of_task.rows[members]))
            if rows < min_rows:
                few.append(piece.name)
            elif task.metric.undefined(select_rows(of_task.labels, members)):
                undefined.append(piece.name)
            else:
                pairs.append(_Pair.of(piece, of_task, members, rows))
        left_out += _left_out(task.name, few, f"fewer than {min_rows:,} labelled test rows")
        left_out += _left_out(task.name, undefined, f"{task.metric.name} is undefined")
    size = len(slices[0].rows) if slices else 0
    resampled = _resampled(pairs, size, resamples, seed)
    defined = np.isnan(resampled).mean(axis=0) <= MAX_UNDEFINED
    is_compared = defined | np.isnan([pair.difference for pair in pairs])
    dropped = [pair for pair, compared in zip(pairs, is_compared, strict=True) if not compared]
    for task in tasks:
        rare = [pair.piece.name for pair in dropped if pair.task is task]
        left_out += _left_out(task.name, rare, f"too few rows of a class for an interval of {task.metric.name}")
    kept = [pair for pair, compared in zip(pairs, is_compared, strict=True) if compared]
    differences = _with_intervals(kept, resampled[:, is_compared])
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

    piece: Slice
    task: Objective
    rows: int
    members: NDArray[np.int64]
    """Row of the table of each labelled row or item in the slice."""
    reference: Callable[[NDArray[Any]], float]
    candidate: Callable[[NDArray[Any]], float]

    @classmethod
    def of(cls, piece: Slice, of_task: _LabelledRows, members: NDArray[np.bool_], rows: int) -> "_Pair":
        metric, labels = of_task.task.metric, select_rows(of_task.labels, members)
        before, after = (
            metric.weighted(labels, select_rows(values, members)) for values in (of_task.reference, of_task.candidate)
        )
        table_rows = of_task.rows[members]
        return cls(piece=piece, task=of_task.task, rows=rows, members=table_rows, reference=before, candidate=after)

    def values(self, weights: NDArray[np.float64]) -> tuple[float, float]:
        """(table rows,) weights -> the metric of both models; NaN if no row of the slice has a weight."""
        of_slice = weights[self.members]
        return (self.reference(of_slice), self.candidate(of_slice)) if of_slice.any() else (np.nan, np.nan)

    @property
    def difference(self) -> float:
        reference, candidate = self.values(np.ones(len(self.piece.rows)))
        return self.task.metric.oriented(candidate - reference)


def _resampled(pairs: Sequence[_Pair], size: int, resamples: int, seed: int) -> NDArray[np.float64]:
    """(resamples, pairs) differences on the same rows of the table, drawn with replacement."""
    generator = np.random.default_rng(seed)
    differences = np.full((resamples, len(pairs)), np.nan)
    for row in differences if pairs else ():
        weights = np.bincount(generator.integers(size, size=size), minlength=size).astype(np.float64)
        for column, pair in enumerate(pairs):
            reference, candidate = pair.values(weights)
            row[column] = pair.task.metric.oriented(candidate - reference)
    return differences


def _with_intervals(pairs: Sequence[_Pair], resampled: NDArray[np.float64]) -> list[SliceDifference]:
    """The differences of the pairs; `resampled` is (resamples, pairs)."""
    if not pairs:
        return []
    observed = np.array([pair.difference for pair in pairs])
    errors = np.array([_standard_error(column) for column in resampled.T])
    critical = _critical_value(observed, errors, resampled)
    differences = []
    for pair, difference, error in zip(pairs, observed.tolist(), errors.tolist(), strict=True):
        reference, candidate = pair.values(np.ones(len(pair.piece.rows)))
        differences.append(
            SliceDifference(
                column=pair.piece.column,
                value=pair.piece.value,
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


def _standard_error(values: NDArray[np.float64]) -> float:
    defined = values[np.isfinite(values)]
    return float(defined.std(ddof=1)) if defined.size > 1 else 0.0


def _critical_value(
    observed: NDArray[np.float64], errors: NDArray[np.float64], resampled: NDArray[np.float64]
) -> float:
    """The number of standard errors that the largest error over all pairs exceeds with probability 1 - LEVEL."""
    varying = (errors > 0) & np.isfinite(observed)
    if not varying.any():
        return 0.0
    scores = (observed[varying] - resampled[:, varying]) / errors[varying]
    largest = np.where(np.isfinite(scores), scores, -np.inf).max(axis=1)
    # The order statistic that makes the test exact for exchangeable values (Davison and Hinkley 1997, section 4.2).
    rank = min(len(largest), int(np.ceil(LEVEL * (len(largest) + 1))))
    return float(np.sort(largest)[rank - 1])


def _left_out(task: str, names: Sequence[str], reason: str) -> list[str]:
    """A sentence that names the first slices of a task that were left out for a reason; none without any."""
    if not names:
        return []
    listed = ", ".join(names[:5]) + (f" and {len(names) - 5:,} more" if len(names) > 5 else "")
    return [f"{task}: {listed}: {reason}"]
