"""Labels of binary targets: positive values, negative values, and the treatment of any other."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core import arrow_compute as pc
from mtl_core.arrow import as_numbers, as_strings
from mtl_core.errors import DataError
from mtl_core.tasks.base import UNLABELLED, Codec, LabelValues, TaskFitter

MAX_NAMED = 5
"""Maximum values that an error names."""
MISSING, OTHER = -2, -1
"""Indices of a missing value, and of one that is no label."""
Value = str | bool | float
Others = Literal["refuse", "negative", "unlabelled"]


class BinaryFitter(TaskFitter):
    """Counts both classes, checks that each occurs, and learns the negative value where it is not declared."""

    def __init__(self, codec: BinaryCodec) -> None:
        self.declared, self.counts = codec, np.zeros(2, dtype=np.int64)
        self.learns = codec.positive is not None and not codec.negative and codec.others == "refuse"
        self.counting_codec = codec.model_copy(update={"others": "negative"}) if self.learns else codec
        self.other_values: set[Value] = set()
        """Values besides `positive`; only some of them if there are very many."""

    def update(self, values: pa.Array) -> None:
        labels = self.counting_codec.encode(values)
        self.counts += np.bincount(labels[labels >= 0], minlength=2)
        if self.learns and len(self.other_values) <= MAX_NAMED:
            others, is_text = values.filter(pa.array(labels == 0)), self.declared.type == "string"
            distinct = as_strings(others).unique().to_pylist() if is_text else np.unique(as_numbers(others)).tolist()
            self.other_values.update(distinct[: MAX_NAMED + 1])

    @property
    def codec(self) -> BinaryCodec:
        """The codec for the rows so far; DataError if it is unclear which values are negative."""
        if not self.learns:
            return self.declared
        return self.declared.model_copy(update={"negative": self.declared.learned_negative(self.other_values)})

    def finish(self) -> BinaryCodec:
        if not self.counts.all():
            raise DataError(
                f"task {self.declared.name!r}: a binary task needs both classes in the training split, found "
                f"{self.counts[1]} positive and {self.counts[0]} negative rows in target {self.declared.target!r}; "
                "check `positive` or `at_least`, and the split"
            )
        return self.codec.model_copy(update={"counts": tuple(self.counts.tolist())})


class BinaryCodec(Codec):
    """Labels (rows,) int8: 0, 1, or -1 where unlabelled."""

    kind: Literal["binary"] = "binary"
    positive: Value | None
    at_least: float | None
    negative: tuple[Value, ...] = ()
    """The values that are no."""
    others: Others = "negative"
    """Treatment of any other value. The default is for encoders from before this field, which have no value for no."""
    counts: tuple[int, int] = (0, 0)
    """Negative and positive rows of the training split."""

    @property
    def label_values(self) -> tuple[Value, ...]:
        """The values that are a label, positive before negative."""
        return (1, 0) if self.positive is None else (self.positive, *self.negative)

    def learned_negative(self, others: Collection[Value]) -> tuple[Value, ...]:
        """The value for no, from the values besides `positive`: empty if there is none, DataError for several."""
        if len(others) < 2:
            return tuple(others)
        named = ", ".join(map(_quoted, sorted(others, key=str)[:MAX_NAMED]))
        more = " ..." if len(others) > MAX_NAMED else ""
        raise DataError(
            f"task {self.name!r}: a binary target has one value besides `positive: {_plain(self.positive)}`, found "
            f"{named}{more} in {self.target!r}; list the negative ones in `negative: [...]`, with `others: unlabelled` "
            "if other values are not labels, or `others: negative` if they are negative"
        )

    def indices(self, values: pa.Array) -> NDArray[np.int64]:
        """(rows,) target -> indices in `label_values`, MISSING or OTHER."""
        if self.type == "string":
            text = as_strings(values)
            matches = pc.index_in(text, value_set=pa.array(map(str, self.label_values), pa.string()))
            missing = pc.equal(text, "").to_numpy(zero_copy_only=False)
            return np.where(missing, MISSING, pc.fill_null(matches, OTHER).to_numpy()).astype(np.int64)
        numbers = as_numbers(values)
        indices = np.where(np.isnan(numbers), MISSING, OTHER)
        for index, value in enumerate(self.label_values):
            indices[numbers == float(value)] = index
        return indices

    def encode(self, values: pa.Array) -> LabelValues:
        if self.at_least is not None:
            numbers = as_numbers(values)
            return np.where(np.isnan(numbers), UNLABELLED, numbers >= self.at_least).astype(np.int8)
        indices = self.indices(values)
        is_other = indices == OTHER
        refuses_others = self.others == "refuse" or (self.others == "negative" and self.positive is None)
        if refuses_others and is_other.any():
            raise DataError(self._refusal(values[int(is_other.argmax())].as_py()))
        other = UNLABELLED if self.others == "unlabelled" else 0
        labels = np.where(indices == 0, 1, np.where(is_other, other, np.where(indices > 0, 0, UNLABELLED)))
        return labels.astype(np.int8)

    def _refusal(self, value: Value) -> str:
        shown = _quoted(value if self.type == "string" else float(value))
        if self.positive is None:
            return (
                f"task {self.name!r}: a binary target is 0 or 1, found {shown} in {self.target!r}; declare "
                "the positive ones: `positive: VALUE` or `at_least: NUMBER`; or `others: unlabelled`, if it is no label"
            )
        return (
            f"task {self.name!r}: the target must be {' or '.join(map(_quoted, self.label_values))}, found {shown} in "
            f"{self.target!r}; add it to `negative`, declare `others: unlabelled` if it is not a label, or quarantine "
            "the row"
        )


def format_value(value: Value) -> str:
    """A value, as an error of the declaration names it."""
    return f"the text {value!r}" if isinstance(value, str) else _quoted(value)


def _quoted(value: Value | None) -> str:
    return repr(value) if isinstance(value, str) else _plain(value)


def _plain(value: Value | None) -> str:
    """As in `params.yaml`."""
    if isinstance(value, bool):
        return f"{value}".lower()
    return f"{value:.15g}" if isinstance(value, float) else f"{value}"
