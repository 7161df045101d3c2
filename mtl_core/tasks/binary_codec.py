"""Labels of binary targets: which values are yes, which are no, and what any other one is."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core import arrow_compute as pc
from mtl_core.arrow import as_numbers, as_strings
from mtl_core.errors import DataError
from mtl_core.tasks.base import UNLABELLED, Codec, Labels, LabelValues, TaskFitter

MAX_NAMED = 5
"""Maximum values that an error names."""
NOTHING, OTHER = -2, -1
"""Positions of a missing value, and of one that is not known."""
Value = str | bool | float
Others = Literal["refuse", "negative", "unlabelled"]


class BinaryFitter(TaskFitter):
    """Counts both classes, checks that each occurs, and learns the value for no where it is not declared."""

    def __init__(self, codec: BinaryCodec) -> None:
        self.declared, self.counts = codec, np.zeros(2, dtype=np.int64)
        self.learns = codec.positive is not None and not codec.negative and codec.others == "refuse"
        self.counting = codec.model_copy(update={"others": "negative"}) if self.learns else codec
        self.seen: set[Value] = set()
        """Values besides `positive`; only some of very many."""

    def update(self, values: pa.Array) -> None:
        labels = self.counting.encode(values)
        self.counts += np.bincount(labels[labels >= 0], minlength=2)
        if self.learns and len(self.seen) <= MAX_NAMED:
            others, is_text = values.filter(pa.array(labels == 0)), self.declared.type == "string"
            distinct = as_strings(others).unique().to_pylist() if is_text else np.unique(as_numbers(others)).tolist()
            self.seen.update(distinct[: MAX_NAMED + 1])

    @property
    def codec(self) -> BinaryCodec:
        """The codec for what was seen so far; DataError where it is unclear which values are no."""
        if not self.learns:
            return self.declared
        return self.declared.model_copy(update={"negative": self.declared.learned(self.seen)})

    def finish(self) -> BinaryCodec:
        if not self.counts.all():
            raise DataError(
                f"task {self.declared.name!r}: a binary task needs both answers in the training split, found "
                f"{self.counts[1]} yes and {self.counts[0]} no in target {self.declared.target!r}; "
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
    """Rows of the training split that are no and yes."""

    @property
    def known(self) -> tuple[Value, ...]:
        """The values that are a label, yes before no."""
        return (1, 0) if self.positive is None else (self.positive, *self.negative)

    @property
    def refuses(self) -> bool:
        """True if a value that is no label is an error."""
        if self.at_least is not None or self.others == "unlabelled":
            return False
        return self.others == "refuse" or self.positive is None

    def learned(self, seen: Collection[Value]) -> tuple[Value, ...]:
        """The value for no, from the values besides `positive`; none of none, and DataError for several."""
        if len(seen) < 2:
            return tuple(seen)
        named = ", ".join(map(_shown, sorted(seen, key=str)[:MAX_NAMED])) + (" ..." if len(seen) > MAX_NAMED else "")
        raise DataError(
            f"task {self.name!r}: a binary target has one value besides `positive: {_plain(self.positive)}`, found "
            f"{named} in {self.target!r}; list those that are no in `negative: [...]`, with `others: unlabelled` where "
            "any other is no label; or say with `others: negative` that all of them are no"
        )

    def positions(self, values: pa.Array) -> NDArray[np.int64]:
        """(rows,) target -> positions in `known`; NOTHING for a missing value, OTHER for one that is not there."""
        if self.type == "string":
            text = as_strings(values)
            found = pc.fill_null(pc.index_in(text, value_set=pa.array(map(str, self.known), pa.string())), OTHER)
            missing = pc.equal(text, "").to_numpy(zero_copy_only=False)
            return np.where(missing, NOTHING, found.to_numpy()).astype(np.int64)
        numbers = as_numbers(values)
        positions = np.where(np.isnan(numbers), NOTHING, OTHER)
        for position, value in enumerate(self.known):
            positions[numbers == float(value)] = position
        return positions

    def encode(self, values: pa.Array) -> LabelValues:
        if self.at_least is not None:
            numbers = as_numbers(values)
            return np.where(np.isnan(numbers), UNLABELLED, numbers >= self.at_least).astype(np.int8)
        positions = self.positions(values)
        others = positions == OTHER
        if self.refuses and others.any():
            raise DataError(self._unknown(values[int(others.argmax())]))
        other = UNLABELLED if self.others == "unlabelled" else 0
        labels = np.where(positions == 0, 1, np.where(others, other, np.where(positions > 0, 0, UNLABELLED)))
        return labels.astype(np.int8)

    def _unknown(self, value: pa.Scalar) -> str:
        found = value.as_py()
        shown = _shown(found if self.type == "string" else float(found))
        if self.positive is None:
            return (
                f"task {self.name!r}: a binary target is 0 or 1, found {shown} in {self.target!r}; say what counts as "
                "yes with `positive: VALUE` or `at_least: NUMBER`, or with `others: unlabelled` that it is no label"
            )
        return (
            f"task {self.name!r}: the target must be {' or '.join(map(_shown, self.known))}, found {shown} in "
            f"{self.target!r}; add it to `negative`, say with `others: unlabelled` that it is no label, or quarantine "
            "the row"
        )

    def labelled(self, labels: Labels) -> Labels:
        return labels >= 0


def described(value: Value) -> str:
    """A value in an error."""
    return f"the text {value!r}" if isinstance(value, str) else _shown(value)


def _shown(value: Value | None) -> str:
    return repr(value) if isinstance(value, str) else _plain(value)


def _plain(value: Value | None) -> str:
    """As `params.yaml` has it."""
    return (
        f"{value}".lower() if isinstance(value, bool) else f"{value:.15g}" if isinstance(value, float) else f"{value}"
    )
