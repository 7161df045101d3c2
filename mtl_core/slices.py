"""Slices: the rows in which a column has a certain value, and the differences of two models in them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core import arrow_compute as pc
from mtl_core.evaluation import is_worse

MAX_VALUES = 100
"""Maximum values of a column, the most frequent ones, that are slices."""


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
