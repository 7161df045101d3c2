"""Encoding of dates and times, fitted on the training split: arrays, network module and ONNX nodes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core.features.base import FittedFeature, TreeColumns
from mtl_core.features.calendar import CalendarPart, Timestamps
from mtl_core.features.datetime_arrays import encode_ids, encode_numbers, id_counts, number_keys, tree_columns
from mtl_core.features.datetime_nodes import block_nodes
from mtl_core.features.iso import read_seconds
from mtl_core.features.vocabulary import id_dtype, table_offsets
from mtl_core.features.zones import Zone
from mtl_core.input_types import DatetimeInput
from mtl_core.ragged import Block

if TYPE_CHECKING:
    from mtl_core.config import Model
    from mtl_core.graphs.builder import GraphBuilder
    from mtl_core.nn.sequences import GroupModule


class FittedDatetime(FittedFeature):
    """(rows,) timestamps -> (rows, width) float32, and (rows, categorical parts) ids in a second block.

    The float32 columns are elapsed time, the flag, a sine and a cosine of each cyclic part.
    """

    kind: Literal["datetime"] = "datetime"
    zoned: bool
    zone: Zone | None
    """Zone of the calendar parts; None for UTC, or for the wall clock of a column without a zone."""
    cyclic: tuple[CalendarPart, ...]
    categorical: tuple[CalendarPart, ...]
    elapsed: bool
    mean: float
    deviation: float
    low: float
    high: float
    flag_missing: bool

    @property
    def input_type(self) -> DatetimeInput:
        return DatetimeInput(zoned=self.zoned)

    @property
    def numbers(self) -> tuple[str, ...]:
        """Names of its columns in the block of numbers."""
        first = ("elapsed",) * self.elapsed + ("missing",) * self.flag_missing
        return (*first, *(f"{wave} {part}" for part in self.cyclic for wave in ("sin", "cos")))

    def encode(self, values: pa.Array) -> NDArray[np.float32]:
        """The numbers only; `encode_blocks` also has the ids."""
        return encode_numbers(self, self._timestamps(values))

    def _timestamps(self, values: pa.Array) -> Timestamps:
        return Timestamps.from_seconds(read_seconds(values, self.name, self.column, zoned=self.zoned), self.zone)

    @classmethod
    def blocks(cls, features: Sequence[Self]) -> dict[str, Block]:
        numbers, counts = len(number_keys(features)), id_counts(features)
        blocks = {
            "datetime": Block(shape=(numbers,), dtype=np.dtype(np.float32)),
            "datetime_parts": Block(shape=(len(counts),), dtype=id_dtype(sum(counts))),
        }
        return {name: block for name, block in blocks.items() if block.shape != (0,)}

    @classmethod
    def offsets(cls, features: Sequence[Self]) -> NDArray[np.int32]:
        """(C,) first row of each categorical part in the embedding table that all share."""
        return table_offsets(id_counts(features))

    @classmethod
    def encode_blocks(cls, features: Sequence[Self], columns: Mapping[str, pa.Array]) -> dict[str, Any]:
        timestamps = [(feature, feature._timestamps(columns[feature.column])) for feature in features]
        numbers = np.concatenate([encode_numbers(*pair) for pair in timestamps], axis=1)
        ids = np.concatenate([encode_ids(*pair) for pair in timestamps], axis=1) + cls.offsets(features)
        arrays = {"datetime": numbers, "datetime_parts": ids}
        return {name: arrays[name].astype(block.dtype, copy=False) for name, block in cls.blocks(features).items()}

    @classmethod
    def module(cls, features: Sequence[Self], options: Model) -> GroupModule:
        from mtl_core.nn.dense import DenseAndEmbedding
        from mtl_core.nn.embedding import SharedEmbedding

        counts = id_counts(features)
        embedding = SharedEmbedding("datetime_parts", sum(counts), len(counts), options.embedding) if counts else None
        return DenseAndEmbedding("datetime", len(number_keys(features)), embedding)

    @classmethod
    def to_onnx(cls, graph: GraphBuilder, features: Sequence[Self], inputs: Mapping[str, str]) -> dict[str, str]:
        return block_nodes(graph, features, inputs)

    def adversarial(self) -> pa.Array:
        """The limits of the calendar and of the training range, and timestamps around changes of the offset."""
        starts = np.array(self.zone.starts if self.zone else (), dtype=np.int64)
        near = np.searchsorted(starts, self.high)
        starts = np.concatenate([starts[:1], starts[max(0, near - 2) : near + 2], starts[-1:]])
        limits = np.floor([self.low, self.high]).astype(np.int64)
        seconds = np.concatenate([starts, limits, [0, 951_868_800]])  # 1970-01-01, 2000-03-01
        micros = (seconds * 1_000_000)[:, None] + np.array([-1, 0, 999_999])
        timestamps = pa.array(micros.ravel(), pa.int64()).cast(self.input_type.raw_type)
        return pa.concat_arrays([self.input_type.adversarial(), timestamps])

    def describe(self) -> str:
        first, last = (datetime(1970, 1, 1) + timedelta(seconds=end) for end in (self.low, self.high))
        parts = ", ".join(dict.fromkeys((*self.cyclic, *self.categorical)))
        zone = f" in {self.zone.name if self.zone else 'UTC'}" if self.zoned and parts else ""
        return f"{first.date()} to {last.date()}" + (f"; {parts}{zone}" if parts else "")

    @classmethod
    def to_columns(cls, features: Sequence[Self], blocks: Mapping[str, Any]) -> TreeColumns:
        ids = np.asarray(blocks.get("datetime_parts", 0)) - cls.offsets(features)
        return tree_columns(features, np.asarray(blocks.get("datetime")), ids)
