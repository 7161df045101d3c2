"""Dates and times: calendar parts as sine and cosine or as embeddings, and elapsed time as a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import AfterValidator, model_validator

from mtl_core import arrow_compute as pc
from mtl_core.arrow import as_strings, is_temporal, scalar_type, value_type
from mtl_core.errors import DataError
from mtl_core.expectations import Expectation
from mtl_core.features.base import Feature, FittedFeature, TreeColumns
from mtl_core.features.calendar import CalendarPart, CalendarParts, Timestamps
from mtl_core.features.datetime_arrays import encode_ids, encode_numbers, id_counts, number_keys, tree_columns
from mtl_core.features.datetime_nodes import block_nodes
from mtl_core.features.facts import ColumnFacts, Proposal
from mtl_core.features.iso import is_iso_timestamp, pattern_expectation, read_seconds
from mtl_core.features.profiling import day_range_expectation
from mtl_core.features.vocabulary import id_dtype, table_offsets
from mtl_core.features.zones import Zone, check_zone, is_zone
from mtl_core.input_types import DatetimeInput
from mtl_core.ragged import Block

if TYPE_CHECKING:
    import pandas as pd

    from mtl_core.config import Model
    from mtl_core.export.builder import GraphBuilder
    from mtl_core.features.datetime_fitter import DatetimeFitter
    from mtl_core.nn.sequences import GroupModule

MAX_INVALID = 0.001
"""Maximum share of texts that are no timestamps where this kind is proposed; validation quarantines such rows."""


class Datetime(Feature):
    """A date, a timestamp with or without a zone, or ISO 8601 text.

    Parts are minute, hour, weekday, day, month and dayofyear. By default those of hour, weekday and dayofyear that vary
    in training are cyclic and none is categorical: sine and cosine put the values of a cycle on a circle, where a
    linear unit can separate any one of them and neighbours are close. A missing value is encoded as zeros and a
    separate id; where training has any, a further column flags them.
    """

    kind: Literal["datetime"] = "datetime"
    cyclic: CalendarParts | None = None
    """Parts that are encoded as sine and cosine."""
    categorical: CalendarParts = ()
    """Parts that are encoded as embeddings."""
    elapsed: bool = True
    """Elapsed time as a number, standardised and clipped to the training range."""
    timezone: Annotated[str, AfterValidator(check_zone)] = ""
    """IANA zone of the calendar parts, only for a column with a zone or offsets; UTC where none is given."""

    @model_validator(mode="after")
    def _check_encodings(self) -> Self:
        if not (self.elapsed or self.categorical or self.cyclic != ()):
            raise ValueError("must have elapsed: true, or a part in cyclic or categorical, found none of them")
        return self

    @classmethod
    def propose(cls, facts: ColumnFacts) -> Proposal | None:
        options: dict[str, Any] = {"kind": "datetime"}
        if facts.is_temporal:
            zone = getattr(facts.type, "tz", None)
            if zone is None or is_zone(zone):
                return Proposal(options=options | ({"timezone": zone} if zone else {}))
            warning = f"its zone {zone} is no IANA name: calendar parts are taken in UTC"
            return Proposal(options=options, warning=warning)
        if not facts.is_text:
            return None
        texts = as_strings(facts.values)
        texts = texts.filter(pc.not_equal(texts, ""))
        min_valid = max(1.0, len(texts) * (1 - MAX_INVALID))
        if is_iso_timestamp(texts, zoned=False).sum() >= min_valid:
            return Proposal(options=options)
        if is_iso_timestamp(texts, zoned=True).sum() >= min_valid:
            return Proposal(options=options, warning="calendar parts are taken in UTC; timezone: names another zone")
        return None

    def input_type(self, name: str, column: str, arrow_type: pa.DataType) -> DatetimeInput:
        if scalar_type(arrow_type) == "string":
            return DatetimeInput(zoned=bool(self.timezone))
        if not is_temporal(arrow_type):
            raise DataError(
                f"feature {name!r}: a datetime feature needs a column of dates, timestamps or ISO 8601 text, found "
                f"{arrow_type} in column {column!r}; convert the column, or declare another kind"
            )
        zoned = getattr(value_type(arrow_type), "tz", None) is not None
        if not zoned:
            self.check_no_timezone(name, column, str(arrow_type))
        return DatetimeInput(zoned=zoned)

    def check_no_timezone(self, name: str, column: str, values: str) -> None:
        """DataError where a zone is declared for a column that has none; `values` describes its values."""
        if self.timezone:
            raise DataError(
                f"feature {name!r}: timezone needs a column with a zone or offsets, found {values} in column "
                f"{column!r}, whose parts are those of its wall clock; remove timezone, or write the column with a zone"
            )

    def fitter(self, name: str, column: str, arrow_type: pa.DataType) -> DatetimeFitter:
        from mtl_core.features.datetime_fitter import DatetimeFitter

        zoned = self.input_type(name, column, arrow_type).zoned
        return DatetimeFitter(self, name, column, None if scalar_type(arrow_type) == "string" else zoned)

    def expectations(self, column: str, type_in_suite: str, parts: Sequence[pd.Series]) -> list[Expectation]:
        """A pattern for text, a wide range for dates and timestamps."""
        present = [values for part in parts if len(values := part.dropna())]
        if present and type_in_suite == "str":
            return [pattern_expectation(column, present)]
        return [day_range_expectation(column, present)] if present and type_in_suite == "datetime64" else []


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
