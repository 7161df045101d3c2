"""Labels of multilabel targets: their names, learned or declared, and the labels of each row."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Literal

import numpy as np
import pyarrow as pa

from mtl_core import arrow_compute as pc
from mtl_core.arrow import ColumnType
from mtl_core.errors import DataError
from mtl_core.tasks.base import Codec, Labels, LabelValues, TaskFitter
from mtl_core.tasks.label_sources import encode_column, encode_names, rows_per_name, split_names

if TYPE_CHECKING:
    from mtl_core.tasks.multilabel import Multilabel

MAX_LABELS = 1_000


class MultilabelFitter(TaskFitter):
    """Counts the yes and the known answers of each label; learns the labels where none are declared."""

    def __init__(self, options: Multilabel, name: str, column_type: ColumnType) -> None:
        self.options, self.name, self.type = options, name, column_type
        self.declared = options.columns or options.labels
        self.yes: Counter[str] = Counter()
        self.known: Counter[str] = Counter()
        self.rows = 0

    def update(self, values: pa.Array) -> None:
        if not self.declared:
            rows, names = split_names(values, self.options.separator)
            self.rows += int(np.count_nonzero(np.diff(rows, prepend=-1)))
            self.yes.update(rows_per_name(rows, names))
            return
        labels = self.options.codec(self.name, self.type, self.declared).encode(values)
        self.yes.update(dict(zip(self.declared, (labels == 1).sum(axis=0).tolist(), strict=True)))
        self.known.update(dict(zip(self.declared, (labels >= 0).sum(axis=0).tolist(), strict=True)))

    def finish(self) -> MultilabelCodec:
        labels = self.declared
        if not labels:
            del self.yes[self.options.none]
            labels = tuple(sorted(name for name, count in self.yes.items() if count >= self.options.min_count))
            self.known.update(dict.fromkeys(labels, self.rows))
        self._check(labels)
        counts = tuple((self.known[label] - self.yes[label], self.yes[label]) for label in labels)
        return self.options.codec(self.name, self.type, labels).model_copy(update={"counts": counts})

    def _check(self, labels: tuple[str, ...]) -> None:
        columns = ", ".join(map(repr, self.options.targets))
        if len(labels) < 2 or len(labels) > MAX_LABELS:
            raise DataError(
                f"task {self.name!r}: a multilabel task has 2 to {MAX_LABELS:,} labels, found {len(labels):,} names "
                f"in {self.options.min_count} rows or more of {columns} in the training split; check `separator`, "
                "change `min_count`, or declare `labels`"
            )
        if unknown := [label for label in labels if not self.known[label]]:
            raise DataError(
                f"task {self.name!r}: every label must be known in some row of the training split, found none for "
                f"{unknown[0]!r} in {columns}; leave it out, or check the split"
            )
        if not any(0 < self.yes[label] < self.known[label] for label in labels):
            raise DataError(
                f"task {self.name!r}: some label needs both answers in the training split, found labels that all rows "
                f"have or none in {columns}; check the target and the split"
            )


class MultilabelCodec(Codec):
    """Labels (rows, labels) int8: 1, 0, or -1 where unknown. A row is labelled where one of them is known."""

    kind: Literal["multilabel"] = "multilabel"
    labels: tuple[str, ...]
    separator: str
    """Between the names of one text; "" where every label has a column of its own."""
    none: str
    declared: bool
    """True where the labels are declared, so that any other name but `none` is refused."""
    counts: tuple[tuple[int, int], ...] = ()
    """Rows of the training split that are no and yes, per label."""

    def encode(self, values: pa.Array) -> LabelValues:
        if not self.separator:
            columns = zip(self.targets, values.flatten(), strict=True)
            return np.stack([encode_column(self.name, column, entries) for column, entries in columns], axis=1)
        labels, others = encode_names(values, self.separator, self.labels)
        unknown = others.filter(pc.not_equal(others, self.none))
        if self.declared and len(unknown):
            raise DataError(
                f"task {self.name!r}: the labels are {', '.join(self.labels)}, found {unknown[0].as_py()!r} in "
                f"{self.target!r}; declare all of them under `labels`"
            )
        return labels

    def labelled(self, labels: Labels) -> Labels:
        labelled: Labels = (labels >= 0).any(1)  # type: ignore[assignment]  # NumPy's types do not know the rank
        return labelled
