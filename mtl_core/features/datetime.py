"""Dates and times: calendar parts as sine and cosine or as embeddings, and elapsed time as a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import field_validator, model_validator

from mtl_core import arrow_compute as pc
from mtl_core.arrow import as_strings, is_temporal, is_text, value_type
from mtl_core.errors import DataError, nearest
from mtl_core.expectations import Expectation, expect
from mtl_core.features.base import Feature, FeatureFitter, FittedFeature, TreeColumns
from mtl_core.features.calendar import (
    CYCLES,
    PERIODS,
    CalendarPart,
    Timestamps,
    cycle_of,
    from_sin_cos,
    part_table,
    sin_cos_table,
)
from mtl_core.features.datetime_nodes import GraphRows, add_nodes
from mtl_core.features.facts import ColumnFacts, Proposal
from mtl_core.features.iso import first_text, is_iso_timestamp, read_seconds, suite_pattern
from mtl_core.features.running_stats import RunningStats
from mtl_core.features.vocabulary import id_dtype, table_offsets
from mtl_core.features.zones import Zone, is_zone
from mtl_core.input_types import DatetimeInput, InputType
from mtl_core.ragged import Block

if TYPE_CHECKING:
    import pandas as pd

    from mtl_core.config import Model
    from mtl_core.export.builder import GraphBuilder
    from mtl_core.nn.sequences import GroupModule

DEFAULT_CYCLIC: tuple[CalendarPart, ...] = ("hour", "weekday", "dayofyear")
MISSING = 0
"""The id of a missing timestamp; the values of a part follow it."""
MAX_INVALID = 0.001
"""Maximum share of texts that are no timestamps where this kind is proposed: validation sets these rows aside."""
MIN_MARGIN = np.timedelta64(3653, "D")
"""Ten years: minimum margin of the expected range around the reference."""
_FIRST_DAY, _LAST_DAY = np.datetime64("1678-01-01"), np.datetime64("2262-01-01")
"""Range of the nanosecond timestamps of a validated pandas frame."""


class Datetime(Feature):
    """A date, a timestamp with or without a zone, or ISO 8601 text.

    Parts are minute, hour, weekday, day, month and dayofyear. By default those of hour, weekday and dayofyear that vary
    in training are cyclic and none is categorical: sine and cosine put the values of a cycle on a circle, where a
    linear unit can separate any one of them and neighbours are close. A missing value is encoded as zeros and an id of
    its own; where training has any, a further column flags them.
    """

    kind: Literal["datetime"] = "datetime"
    cyclic: tuple[CalendarPart, ...] | None = None
    """Parts that are encoded as sine and cosine."""
    categorical: tuple[CalendarPart, ...] = ()
    """Parts that are encoded as embeddings."""
    elapsed: bool = True
    """Elapsed time as a number, standardised and clipped to the training range."""
    timezone: str = ""
    """IANA zone of the calendar parts, only for a column with a zone or offsets; UTC where none is given."""

    @field_validator("cyclic", "categorical")
    @classmethod
    def _once(cls, parts: tuple[CalendarPart, ...] | None) -> tuple[CalendarPart, ...] | None:
        if parts is not None and len(set(parts)) < len(parts):
            raise ValueError(f"must name each part once, found {', '.join(parts)}; remove the repetition")
        return parts

    @field_validator("timezone")
    @classmethod
    def _known(cls, timezone: str) -> str:
        if timezone and not is_zone(timezone):
            from zoneinfo import available_timezones

            known = sorted(available_timezones())
            raise ValueError(
                f"must be a zone of the IANA database, as Europe/Berlin, found {timezone!r}; {nearest(timezone, known)}"
            )
        return timezone

    @model_validator(mode="after")
    def _learns_something(self) -> Self:
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
        least = max(1.0, len(texts) * (1 - MAX_INVALID))
        if is_iso_timestamp(texts, zoned=False).sum() >= least:
            return Proposal(options=options)
        if is_iso_timestamp(texts, zoned=True).sum() >= least:
            return Proposal(options=options, warning="calendar parts are taken in UTC; timezone: names another zone")
        return None

    def input_type(self, name: str, column: str, arrow_type: pa.DataType) -> InputType:
        own = value_type(arrow_type)
        if is_text(own) or pa.types.is_null(own):
            return DatetimeInput(zoned=bool(self.timezone))
        if not is_temporal(own):
            raise DataError(
                f"feature {name!r}: a datetime feature needs a column of dates, timestamps or ISO 8601 text, found "
                f"{arrow_type} in column {column!r}; convert the column, or declare another kind"
            )
        zoned = pa.types.is_timestamp(own) and own.tz is not None
        if not zoned:
            self.refuse_zone(name, column, str(arrow_type))
        return DatetimeInput(zoned=zoned)

    def refuse_zone(self, name: str, column: str, found: str) -> None:
        """DataError where a zone is declared for a column that has none."""
        if self.timezone:
            raise DataError(
                f"feature {name!r}: timezone needs a column with a zone or offsets, found {found} in column "
                f"{column!r}, whose parts are those of its own clock; remove timezone, or write the column with a zone"
            )

    def fitter(self, name: str, column: str, arrow_type: pa.DataType) -> DatetimeFitter:
        found = self.input_type(name, column, arrow_type)
        own = value_type(arrow_type)
        by_values = is_text(own) or pa.types.is_null(own)
        assert isinstance(found, DatetimeInput)
        return DatetimeFitter(self, name, column, None if by_values else found.zoned)

    def expectations(self, column: str, type_in_suite: str, parts: Sequence[pd.Series]) -> list[Expectation]:
        """A pattern for text; for dates and timestamps a wide range, since new rows are later than the reference.

        The range is without placeholders of missing dates such as 1900-01-01 or 9999-12-31.
        """
        values = [known for each in parts if len(known := each.dropna())]
        if type_in_suite == "str" and values:
            texts = pa.array([text for known in values for text in known.unique().tolist()], pa.string())
            zoned = bool(is_iso_timestamp(texts, zoned=True).sum() > is_iso_timestamp(texts, zoned=False).sum())
            notes = f"ISO 8601 {'with' if zoned else 'without'} an offset"
            return [expect("column_values_to_match_regex", notes, column=column, regex=suite_pattern(zoned=zoned))]
        if type_in_suite == "datetime64" and values:
            days = [np.asarray(known, dtype="datetime64[D]") for known in values]
            low, high = min(known.min() for known in days), max(known.max() for known in days)
            margin = max(high - low, MIN_MARGIN)
            limits = {"min_value": max(low - margin, _FIRST_DAY), "max_value": min(high + margin, _LAST_DAY)}
            texts_of = {key: str(day) for key, day in limits.items()}
            return [expect("column_values_to_be_between", f"{low} to {high}", column=column, **texts_of)]
        return []


class DatetimeFitter(FeatureFitter):
    """Statistics of the seconds, the positions in each cycle that occur, and the count of missing timestamps."""

    def __init__(self, options: Datetime, name: str, column: str, zoned: bool | None) -> None:
        """zoned: None for a column of text, where the first value decides."""
        self.options, self.name, self.column, self.zoned = options, name, column, zoned
        self.zone = Zone.named(options.timezone) if options.timezone else None
        self.stats, self.missing = RunningStats(), 0
        self.seen = {cycle: np.zeros(size, dtype=np.bool_) for cycle, size in CYCLES.items()}

    def update(self, values: pa.Array) -> None:
        if self.zoned is None and (first := first_text(values)) is not None:
            self.zoned = bool(is_iso_timestamp(pa.array([first]), zoned=True)[0])
            if not self.zoned:
                self.options.refuse_zone(self.name, self.column, f"text such as {first!r}")
        seconds = read_seconds(values, self.name, self.column, zoned=bool(self.zoned))
        known = seconds[np.isfinite(seconds)]
        self.missing += seconds.size - known.size
        self.stats.update(known)
        for cycle, position in Timestamps.of(known, self.zone).positions.items():
            self.seen[cycle][position] = True

    def finish(self) -> FittedDatetime:
        if not self.stats.count:
            raise DataError(
                f"feature {self.name!r}: column {self.column!r} holds no date or time in the training split; leave the "
                "feature out, or check the split"
            )
        cyclic = self.options.cyclic
        if cyclic is None:
            cyclic = tuple(part for part in DEFAULT_CYCLIC if self._varies(part))
        if not (cyclic or self.options.categorical or self.options.elapsed):
            raise DataError(
                f"feature {self.name!r}: a part of column {self.column!r} must vary in the training split, found the "
                f"same {', '.join(DEFAULT_CYCLIC)} in all rows; set elapsed: true, or name other parts in cyclic"
            )
        return FittedDatetime(
            name=self.name,
            column=self.column,
            zoned=bool(self.zoned),
            zone=self.zone,
            cyclic=cyclic,
            categorical=self.options.categorical,
            elapsed=self.options.elapsed,
            mean=self.stats.mean,
            deviation=self.stats.deviation or 1.0,
            low=self.stats.low,
            high=self.stats.high,
            flag_missing=self.missing > 0,
        )

    def _varies(self, part: CalendarPart) -> bool:
        return len(np.unique(part_table(part)[self.seen[cycle_of(part)]])) > 1


class FittedDatetime(FittedFeature):
    """(rows,) timestamps -> (rows, width) float32, and (rows, categorical parts) ids in a block of their own.

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
    def input_type(self) -> InputType:
        return DatetimeInput(zoned=self.zoned)

    @property
    def numbers(self) -> tuple[str, ...]:
        """Names of its columns in the block of numbers."""
        first = ("elapsed",) * self.elapsed + ("missing",) * self.flag_missing
        return (*first, *(f"{wave} {part}" for part in self.cyclic for wave in ("sin", "cos")))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Number of ids of each categorical part."""
        return tuple(PERIODS[part] + 1 for part in self.categorical)

    def encode(self, values: pa.Array) -> NDArray[np.float32]:
        """The numbers alone; `encode_blocks` gives the ids too."""
        return self._numbers(self._timestamps(values))

    def _timestamps(self, values: pa.Array) -> Timestamps:
        return Timestamps.of(read_seconds(values, self.name, self.column, zoned=self.zoned), self.zone)

    def _numbers(self, timestamps: Timestamps) -> NDArray[np.float32]:
        columns: list[NDArray[Any]] = []
        if self.elapsed:
            columns.append((np.clip(timestamps.seconds, self.low, self.high) - self.mean) / self.deviation)
        for part in self.cyclic:
            columns += list(sin_cos_table(part)[:, timestamps.positions[cycle_of(part)]])
        if self.flag_missing:
            columns.insert(int(self.elapsed), np.ones(len(timestamps.known)))
        out = np.empty((len(timestamps.known), len(columns)), dtype=np.float32)
        for index, (name, values) in enumerate(zip(self.numbers, columns, strict=True)):
            out[:, index] = np.where(timestamps.known ^ (name == "missing"), values, 0.0)
        return out

    def _ids(self, timestamps: Timestamps) -> NDArray[np.int64]:
        """Ids of the categorical parts, (rows, categorical parts)."""
        ids = [np.where(timestamps.known, timestamps.part(part) + 1, MISSING) for part in self.categorical]
        return np.stack(ids, axis=1) if ids else np.zeros((len(timestamps.known), 0), dtype=np.int64)

    @classmethod
    def blocks(cls, features: Sequence[Self]) -> dict[str, Block]:
        numbers = sum(len(feature.numbers) for feature in features)
        sizes = [size for feature in features for size in feature.sizes]
        found = {
            "datetime": Block(shape=(numbers,), dtype=np.dtype(np.float32)),
            "datetime_parts": Block(shape=(len(sizes),), dtype=id_dtype(sum(sizes))),
        }
        return {name: block for name, block in found.items() if block.shape != (0,)}

    @classmethod
    def offsets(cls, features: Sequence[Self]) -> NDArray[np.int32]:
        """(C,) first row of each categorical part in the embedding table that all share."""
        return table_offsets([size for feature in features for size in feature.sizes])

    @classmethod
    def encode_blocks(cls, features: Sequence[Self], columns: Mapping[str, pa.Array]) -> dict[str, Any]:
        timestamps = [feature._timestamps(columns[feature.column]) for feature in features]
        numbers = [feature._numbers(found) for feature, found in zip(features, timestamps, strict=True)]
        ids = [feature._ids(found) for feature, found in zip(features, timestamps, strict=True)]
        joined = {
            "datetime": np.concatenate(numbers, axis=1),
            "datetime_parts": np.concatenate(ids, axis=1) + cls.offsets(features),
        }
        return {name: joined[name].astype(block.dtype, copy=False) for name, block in cls.blocks(features).items()}

    @classmethod
    def module(cls, features: Sequence[Self], options: Model) -> GroupModule:
        from mtl_core.nn.dense import DenseAndEmbedding
        from mtl_core.nn.embedding import SharedEmbedding

        sizes = [size for feature in features for size in feature.sizes]
        embedding = SharedEmbedding("datetime_parts", sum(sizes), len(sizes), options.embedding) if sizes else None
        return DenseAndEmbedding("datetime", sum(len(feature.numbers) for feature in features), embedding)

    @classmethod
    def to_onnx(cls, graph: GraphBuilder, features: Sequence[Self], inputs: Mapping[str, str]) -> dict[str, str]:
        numbers, ids = GraphRows(), GraphRows()
        for zone in dict.fromkeys(feature.zone for feature in features):
            alike = {index: feature for index, feature in enumerate(features) if feature.zone == zone}
            raw = graph.stack(inputs[feature.column] for feature in alike.values())
            add_nodes(graph, alike, raw, numbers, ids)
        wanted = [(index, name) for index, feature in enumerate(features) for name in feature.numbers]
        parts = [(index, part) for index, feature in enumerate(features) for part in feature.categorical]
        found = {}
        if wanted:
            found["datetime"] = graph.add("Transpose", graph.pick(numbers.values, numbers.keys, wanted))
        if parts:
            shift = graph.constant(cls.offsets(features)[:, None], np.int32)
            shifted = graph.add("Add", graph.pick(ids.values, ids.keys, parts), shift)
            found["datetime_parts"] = graph.add("Transpose", shifted)
        return found

    def adversarial(self) -> pa.Array:
        """The borders of the calendar and of the training range, and timestamps around changes of the offset."""
        starts = np.array(self.zone.starts if self.zone else (), dtype=np.int64)
        near = np.searchsorted(starts, self.high)
        starts = np.concatenate([starts[:1], starts[max(0, near - 2) : near + 2], starts[-1:]])
        borders = np.concatenate([starts, np.floor([self.low, self.high]).astype(np.int64), [0, 951_868_800]])
        micros = (borders * 1_000_000)[:, None] + np.array([-1, 0, 999_999])
        timestamps = pa.array(micros.ravel(), pa.int64()).cast(self.input_type.raw_type)
        return pa.concat_arrays([self.input_type.adversarial(), timestamps])

    def describe(self) -> str:
        first, last = (datetime(1970, 1, 1) + timedelta(seconds=end) for end in (self.low, self.high))
        parts = ", ".join(dict.fromkeys((*self.cyclic, *self.categorical)))
        where = f" in {self.zone.name if self.zone else 'UTC'}" if self.zoned and parts else ""
        return f"{first.date()} to {last.date()}" + (f"; {parts}{where}" if parts else "")

    @classmethod
    def to_columns(cls, features: Sequence[Self], blocks: Mapping[str, Any]) -> TreeColumns:
        """Elapsed time, flags, and each part once, as a whole number from 0, or -1 where it is missing."""
        columns: list[NDArray[Any]] = []
        numbers = np.asarray(blocks.get("datetime"))
        ids = np.asarray(blocks.get("datetime_parts", 0)) - cls.offsets(features)
        index, own_id = 0, 0
        for feature in features:
            plain = len(feature.numbers) - 2 * len(feature.cyclic)
            columns += list(numbers[:, index : index + plain].T) if plain else []
            for position, part in enumerate(feature.cyclic):
                start = index + plain + 2 * position
                columns.append(from_sin_cos(part, numbers[:, start], numbers[:, start + 1]))
            for position, part in enumerate(feature.categorical):
                if part not in feature.cyclic:
                    columns.append(ids[:, own_id + position] - 1)
            index, own_id = index + len(feature.numbers), own_id + len(feature.categorical)
        return TreeColumns(values=np.stack(columns, axis=1).astype(np.float32), categorical=(False,) * len(columns))
