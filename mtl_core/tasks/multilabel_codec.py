"""Labels of multilabel targets: their names, learned or declared, and the labels of each row."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core import arrow_compute as pc
from mtl_core.arrow import ColumnType, as_numbers, as_strings
from mtl_core.errors import DataError
from mtl_core.tasks.base import UNLABELLED, Codec, Labels, LabelValues, TaskFitter

if TYPE_CHECKING:
    from mtl_core.tasks.multilabel import Multilabel

MAX_LABELS = 1_000


class MultilabelFitter(TaskFitter):
    """Counts the positive and the labelled rows of each label; learns the labels where none are declared."""

    def __init__(self, options: Multilabel, name: str, column_type: ColumnType) -> None:
        self.options, self.name, self.type = options, name, column_type
        self.declared = options.columns or options.labels
        self.positives: Counter[str] = Counter()
        self.labelled_rows: Counter[str] = Counter()
        self.rows = 0

    def update(self, values: pa.Array) -> None:
        if not self.declared:
            rows, names = _split_names(values, self.options.separator)
            self.rows += len(np.unique(rows))
            self.positives.update(_rows_per_name(rows, names))
            return
        labels = self.options.codec(self.name, self.type, self.declared).encode(values)
        self.positives.update(dict(zip(self.declared, (labels == 1).sum(axis=0).tolist(), strict=True)))
        self.labelled_rows.update(dict(zip(self.declared, (labels >= 0).sum(axis=0).tolist(), strict=True)))

    def finish(self) -> MultilabelCodec:
        labels = self.declared
        if not labels:
            del self.positives[self.options.none]
            labels = tuple(sorted(name for name, count in self.positives.items() if count >= self.options.min_count))
            self.labelled_rows.update(dict.fromkeys(labels, self.rows))
        self._check(labels)
        counts = tuple((self.labelled_rows[label] - self.positives[label], self.positives[label]) for label in labels)
        return self.options.codec(self.name, self.type, labels).model_copy(update={"counts": counts})

    def _check(self, labels: tuple[str, ...]) -> None:
        columns = ", ".join(map(repr, self.options.targets))
        if len(labels) < 2 or len(labels) > MAX_LABELS:
            raise DataError(
                f"task {self.name!r}: a multilabel task has 2 to {MAX_LABELS:,} labels, found {len(labels):,} names "
                f"in {self.options.min_count} rows or more of {columns} in the training split; check `separator`, "
                "change `min_count`, or declare `labels`"
            )
        if unknown := [label for label in labels if not self.labelled_rows[label]]:
            raise DataError(
                f"task {self.name!r}: every label must be known in some row of the training split, found none for "
                f"{unknown[0]!r} in {columns}; leave it out, or check the split"
            )
        if not any(0 < self.positives[label] < self.labelled_rows[label] for label in labels):
            raise DataError(
                f"task {self.name!r}: some label needs positive and negative rows in the training split, found labels "
                f"that all rows have or none in {columns}; check the target and the split"
            )


class MultilabelCodec(Codec):
    """Labels (rows, labels) int8: 1, 0, or -1 where unknown. A row is labelled where one of them is known."""

    kind: Literal["multilabel"] = "multilabel"
    labels: tuple[str, ...]
    separator: str
    """Between the names of one text; "" if every label has a column of its own."""
    none: str
    declared: bool
    """True if the labels are declared, so that any other name but `none` is refused."""
    counts: tuple[tuple[int, int], ...] = ()
    """Negative and positive rows of the training split, per label."""

    def encode(self, values: pa.Array) -> LabelValues:
        if not self.separator:
            return np.stack(list(map(self._encode_column, self.targets, values.flatten())), axis=1)
        rows, names = _split_names(values, self.separator)
        matches = pc.fill_null(pc.index_in(names, value_set=pa.array(self.labels, pa.string())), -1)
        unknown = names.filter(pc.and_(pc.less(matches, 0), pc.not_equal(names, self.none)))
        if self.declared and len(unknown):
            raise DataError(
                f"task {self.name!r}: the labels are {', '.join(self.labels)}, found {unknown[0].as_py()!r} in "
                f"{self.target!r}; declare all of them under `labels`"
            )
        indices = matches.to_numpy(zero_copy_only=False)
        labels = np.full((len(values), len(self.labels)), UNLABELLED, dtype=np.int8)
        labels[rows] = 0
        labels[rows[indices >= 0], indices[indices >= 0]] = 1
        return labels

    def _encode_column(self, column: str, values: pa.Array) -> NDArray[np.int8]:
        numbers = as_numbers(values)
        invalid = ~np.isnan(numbers) & (numbers != 0) & (numbers != 1)
        if invalid.any():
            raise DataError(
                f"task {self.name!r}: a label's column holds 0, 1 or nothing, found {numbers[invalid][0]:g} in "
                f"{column!r}; repair it, or quarantine the row"
            )
        return np.where(np.isnan(numbers), UNLABELLED, numbers == 1).astype(np.int8)

    def labelled(self, labels: Labels) -> Labels:
        labelled: Labels = (labels >= 0).any(1)  # type: ignore[assignment]  # NumPy's types do not know the rank
        return labelled


def _split_names(values: pa.Array, separator: str) -> tuple[NDArray[np.int64], pa.Array]:
    """(rows,) text -> (n,) ascending rows and (n,) names: all names in the text, stripped, without empty ones."""
    parts = pc.split_pattern(as_strings(values), pattern=separator)
    names = pc.utf8_trim_whitespace(parts.flatten())
    is_name = pc.not_equal(names, "")
    rows = pc.list_parent_indices(parts).filter(is_name)
    return rows.to_numpy(zero_copy_only=False).astype(np.int64), names.filter(is_name)


def _rows_per_name(rows: NDArray[np.int64], names: pa.Array) -> dict[str, int]:
    """Name -> number of rows that contain it, once or several times."""
    codes = names.dictionary_encode()
    indices, distinct = codes.indices.to_numpy(zero_copy_only=False), codes.dictionary.to_pylist()
    pairs = np.unique(rows * len(distinct) + indices)
    counts = np.bincount(pairs % max(len(distinct), 1), minlength=len(distinct))
    return dict(zip(distinct, counts.tolist(), strict=True))
