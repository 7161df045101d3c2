"""Arrays of encoded splits: dense, or ragged (one array of values, and the offsets at which rows begin)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

MAX_CELLS = 1 << 18
"""Maximum cells of a batch without gradients: rows times the longest row."""
MAX_TRAINING_CELLS = 1 << 20
"""Maximum cells of a training batch, beyond which the batches of a window get equal cells instead of equal rows."""
TOKEN_CELLS = 16
"""Cost of a token, which an encoder reads, in items of a list, whose embeddings are averaged."""


@dataclass(frozen=True, kw_only=True)
class Block:
    """Shape and type of an array of an encoded split.

    Dense: (rows, *shape). Ragged: values (total, *shape) and offsets; in a batch (B, L, *shape) with `pad` after the
    end of each row.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    """Type on disk; in a graph ids are always int32."""
    ragged: bool = False
    pad: float = 0
    cells: int = 1
    """Cost of an item of a ragged array, in items of a list of ids."""


@dataclass(frozen=True, kw_only=True)
class Ragged:
    """`rows` lists of values. values: (total, ...); offsets: (rows + 1,) int64, ascending from 0 to total."""

    values: NDArray[Any]
    offsets: NDArray[np.int64]

    @classmethod
    def from_lengths(cls, values: NDArray[Any], lengths: NDArray[Any]) -> Self:
        """Split the values into rows of those lengths."""
        offsets = np.zeros(len(lengths) + 1, dtype=np.int64)
        np.cumsum(lengths, out=offsets[1:])
        return cls(values=values, offsets=offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Items per row, (rows,)."""
        return np.diff(self.offsets)

    def take(self, rows: NDArray[Any]) -> Self:
        """Those rows, in that order."""
        starts, lengths = self.offsets[rows], self.lengths[rows]
        ends = np.cumsum(lengths)
        positions = np.arange(ends[-1] if len(ends) else 0) + np.repeat(starts - ends + lengths, lengths)
        return self.from_lengths(self.values[positions], lengths)

    def padded(self, pad: Any) -> NDArray[Any]:
        """(rows, longest, ...) with `pad` after the end of each row; at least one column."""
        lengths = self.lengths
        shape = (len(self), max(1, int(lengths.max(initial=0))), *self.values.shape[1:])
        out = np.full(shape, pad, dtype=self.values.dtype)
        out[pad_positions(lengths)] = self.values[self.offsets[0] : self.offsets[-1]]
        return out


def pad_positions(lengths: NDArray[Any]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """(rows,) lengths -> row and column of every value in the padded array: (total,) each."""
    rows = np.repeat(np.arange(len(lengths)), lengths)
    starts = np.cumsum(lengths) - lengths
    return rows, np.arange(len(rows)) - np.repeat(starts, lengths)


def finite_rows(values: NDArray[Any] | Ragged) -> NDArray[np.bool_]:
    """(rows,) mask of the rows without a NaN or infinite value."""
    if not isinstance(values, Ragged):
        return np.asarray(np.isfinite(values).all(axis=tuple(range(1, values.ndim))))
    rows = np.repeat(np.arange(len(values)), values.lengths)
    is_finite = np.isfinite(values.values).all(axis=tuple(range(1, values.values.ndim)))
    return np.asarray(np.bincount(rows[~is_finite], minlength=len(values)) == 0)


def select_rows(values: Any, mask: NDArray[np.bool_]) -> Any:
    """The rows of a mask, of an array or a `Ragged`."""
    return values.take(np.flatnonzero(mask)) if isinstance(values, Ragged) else values[mask]


def flat(values: NDArray[Any] | Ragged) -> NDArray[Any]:
    """The rows of a dense array, or the items of a ragged one: (n, ...)."""
    return values.values if isinstance(values, Ragged) else values


def row_ranges(lengths: NDArray[Any], rows: int, max_cells: int | None = None) -> Iterator[tuple[int, int]]:
    """(n,) lengths -> start and stop of ranges of `rows` rows, or fewer where padding would exceed the cells.

    Args:
        max_cells: maximum rows times the longest row, by default MAX_CELLS.
    """
    start, max_cells = 0, MAX_CELLS if max_cells is None else max_cells
    while start < len(lengths):
        longest = np.maximum.accumulate(np.maximum(lengths[start : start + rows], 1))
        cells = longest * np.arange(1, len(longest) + 1)
        stop = start + max(1, int((cells <= max_cells).sum()))
        yield start, stop
        start = stop
