"""Dates and times: calendar parts as sine and cosine or as embeddings, and elapsed time as a number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import field_validator, model_validator

from mtl_core.arrow import as_strings, is_temporal, is_text, value_type
from mtl_core.errors import DataError, nearest
from mtl_core.expectations import Expectation, expect
from mtl_core.features.base import Block, Feature, FeatureFitter, FittedFeature, TreeColumns
from mtl_core.features.calendar import (
    CYCLES,
    PERIODS,
    Moments,
    Part,
    cycle_of,
    from_waves,
    part_table,
    wave_table,
)
from mtl_core.features.datetime_nodes import GraphRows, add_nodes
from mtl_core.features.facts import ColumnFacts, Proposal
from mtl_core.features.iso import first_text, is_moment, read_seconds, suite_pattern
from mtl_core.features.running_stats import RunningStats
from mtl_core.features.zones import Zone, is_zone
from mtl_core.input_types import DatetimeInput, InputType

if TYPE_CHECKING:
    import pandas as pd

    from mtl_core.config import Model
    from mtl_core.export.builder import GraphBuilder
    from mtl_core.nn.sequences import GroupModule

__all__ = ["Datetime", "FittedDatetime"]

DEFAULT_CYCLIC: tuple[Part, ...] = ("hour", "weekday", "dayofyear")
MISSING = 0
"""The id of a missing moment; the values of a part follow it."""
MAX_STRAYS = 0.001
"""Share of the texts that may be no moments where this kind is proposed: validation sets so many rows aside."""
MIN_MARGIN = np.timedelta64(3653, "D")
"""Ten years: so far at least may new moments lie from those of the reference."""
_FIRST_DAY, _LAST_DAY = np.datetime64("1678-01-01"), np.datetime64("2262-01-01")
"""What a validated frame, which counts nanoseconds, can hold."""


class Datetime(Feature):
    """A date, a timestamp with or without a zone, or ISO 8601 text.

    Parts are minute, hour, weekday, day, month and dayofyear. By default those of hour, weekday and dayofyear that vary
    in training are cyclic and none is categorical: the values of a cycle lie on a circle, of which a unit of the
    network can single out any point, and neighbours begin alike. A missing moment is zeros and an id of its own; where
    training had any, a column says so.
    """

    kind: Literal["datetime"] = "datetime"
    cyclic: tuple[Part, ...] | None = None
    """Parts as a sine and a cosine each."""
    categorical: tuple[Part, ...] = ()
    """Parts as an embedding each."""
    elapsed: bool = True
    """Time itself, standardised and clipped to the training range."""
    timezone: str = ""
    """IANA zone of the calendar parts, for a column with a zone or offsets alone; UTC where none is given."""

    @field_validator("cyclic", "categorical")
    @classmethod
    def _once(cls, parts: tuple[Part, ...] | None) -> tuple[Part, ...] | None:
        if parts is not None and len(set(parts)) < len(parts):
            raise ValueError(f"must name each part once, found {', '.join(parts)}; remove what is repeated")
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
            return Proposal(options=options, doubt=f"its zone {zone} is no IANA name: calendar parts are taken in UTC")
        if not facts.is_text:
            return None
        texts = as_strings(facts.values)
        texts = texts.filter(pc.not_equal(texts, ""))
        least = max(1.0, len(texts) * (1 - MAX_STRAYS))
        if is_moment(texts, zoned=False).sum() >= least:
            return Proposal(options=options)
        if is_moment(texts, zoned=True).sum() >= least:
            return Proposal(options=options, doubt="calendar parts are taken in UTC; timezone: names another zone")
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
        """The form of text, row by row. Of dates and timestamps a range that is wide, since new rows are later than the
        reference; what stands for a missing date, as 1900-01-01 or 9999-12-31, still lies outside.
        """
        values = [known for each in parts if len(known := each.dropna())]
        if type_in_suite == "str" and values:
            texts = pa.array([text for known in values for text in known.unique().tolist()], pa.string())
            zoned = bool(is_moment(texts, zoned=True).sum() > is_moment(texts, zoned=False).sum())
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
    """Statistics of the seconds, the positions in each cycle that occur, and the count of missing moments."""

    def __init__(self, options: Datetime, name: str, column: str, zoned: bool | None) -> None:
        """zoned: None where the column is text, whose first values say it."""
        self.options, self.name, self.column, self.zoned = options, name, column, zoned
        self.zone = Zone.named(options.timezone) if options.timezone else None
        self.stats, self.missing = RunningStats(), 0
        self.seen = {cycle: np.zeros(size, dtype=np.bool_) for cycle, size in CYCLES.items()}

    def update(self, values: pa.Array) -> None:
        if self.zoned is None and (first := first_text(values)) is not None:
            self.zoned = bool(is_moment(pa.array([first]), zoned=True)[0])
            if not self.zoned:
                self.options.refuse_zone(self.name, self.column, f"text such as {first!r}")
        seconds = read_seconds(values, self.name, self.column, zoned=bool(self.zoned))
        known = seconds[np.isfinite(seconds)]
        self.missing += seconds.size - known.size
        self.stats.update(known)
        for cycle, position in Moments.of(known, self.zone).positions.items():
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

    def _varies(self, part: Part) -> bool:
        return len(np.unique(part_table(part)[self.seen[cycle_of(part)]])) > 1


class FittedDatetime(FittedFeature):
    """(rows,) moments -> (rows, width) float32: elapsed time, the flag, a sine and a cosine of each cyclic part; and
    (rows, categorical parts) ids in a block of their own.
    """

    kind: Literal["datetime"] = "datetime"
    zoned: bool
    zone: Zone | None
    """Where the parts are taken: UTC, or the column's own clock, without one."""
    cyclic: tuple[Part, ...]
    categorical: tuple[Part, ...]
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
        return self._numbers(self._moments(values))

    def _moments(self, values: pa.Array) -> Moments:
        return Moments.of(read_seconds(values, self.name, self.column, zoned=self.zoned), self.zone)

    def _numbers(self, moments: Moments) -> NDArray[np.float32]:
        columns: list[NDArray[Any]] = []
        if self.elapsed:
            columns.append((np.clip(moments.seconds, self.low, self.high) - self.mean) / self.deviation)
        for part in self.cyclic:
            columns += list(wave_table(part)[:, moments.positions[cycle_of(part)]])
        if self.flag_missing:
            columns.insert(int(self.elapsed), np.ones(len(moments.known)))
        out = np.empty((len(moments.known), len(columns)), dtype=np.float32)
        for place, (name, values) in enumerate(zip(self.numbers, columns, strict=True)):
            out[:, place] = np.where(moments.known ^ (name == "missing"), values, 0.0)
        return out

    def _ids(self, moments: Moments) -> NDArray[np.int64]:
        """(rows, categorical parts)"""
        ids = [np.where(moments.known, moments.part(part) + 1, MISSING) for part in self.categorical]
        return np.stack(ids, axis=1) if ids else np.zeros((len(moments.known), 0), dtype=np.int64)

    @classmethod
    def blocks(cls, features: Sequence[Self]) -> dict[str, Block]:
        numbers = sum(len(feature.numbers) for feature in features)
        sizes = [size for feature in features for size in feature.sizes]
        narrow = np.int16 if sum(sizes) <= np.iinfo(np.int16).max else np.int32
        found = {
            "datetime": Block(shape=(numbers,), dtype=np.dtype(np.float32)),
            "datetime_parts": Block(shape=(len(sizes),), dtype=np.dtype(narrow)),
        }
        return {name: block for name, block in found.items() if block.shape != (0,)}

    @classmethod
    def offsets(cls, features: Sequence[Self]) -> NDArray[np.int32]:
        """(C,) first row of each categorical part in the embedding table that all share."""
        sizes = [size for feature in features for size in feature.sizes]
        return np.cumsum([0, *sizes[:-1]], dtype=np.int32)[: len(sizes)]

    @classmethod
    def encode_blocks(cls, features: Sequence[Self], columns: Mapping[str, pa.Array]) -> dict[str, Any]:
        moments = [feature._moments(columns[feature.column]) for feature in features]
        numbers = [feature._numbers(found) for feature, found in zip(features, moments, strict=True)]
        ids = [feature._ids(found) for feature, found in zip(features, moments, strict=True)]
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
            alike = {place: feature for place, feature in enumerate(features) if feature.zone == zone}
            raw = graph.stack(inputs[feature.column] for feature in alike.values())
            add_nodes(graph, alike, raw, numbers, ids)
        wanted = [(place, name) for place, feature in enumerate(features) for name in feature.numbers]
        parts = [(place, part) for place, feature in enumerate(features) for part in feature.categorical]
        found = {}
        if wanted:
            found["datetime"] = graph.add("Transpose", graph.pick(numbers.values, numbers.held, wanted))
        if parts:
            shift = graph.constant(cls.offsets(features)[:, None], np.int32)
            shifted = graph.add("Add", graph.pick(ids.values, ids.held, parts), shift)
            found["datetime_parts"] = graph.add("Transpose", shifted)
        return found

    def adversarial(self) -> pa.Array:
        """The borders of the calendar and of the training range, and moments around changes of the offset."""
        starts = np.array(self.zone.starts if self.zone else (), dtype=np.int64)
        near = np.searchsorted(starts, self.high)
        starts = np.concatenate([starts[:1], starts[max(0, near - 2) : near + 2], starts[-1:]])
        borders = np.concatenate([starts, np.floor([self.low, self.high]).astype(np.int64), [0, 951_868_800]])
        micros = (borders * 1_000_000)[:, None] + np.array([-1, 0, 999_999])
        moments = pa.array(micros.ravel(), pa.int64()).cast(self.input_type.raw_type)
        return pa.concat_arrays([self.input_type.adversarial(), moments])

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
        place, own_id = 0, 0
        for feature in features:
            plain = len(feature.numbers) - 2 * len(feature.cyclic)
            columns += list(numbers[:, place : place + plain].T) if plain else []
            for position, part in enumerate(feature.cyclic):
                start = place + plain + 2 * position
                columns.append(from_waves(part, numbers[:, start], numbers[:, start + 1]))
            for position, part in enumerate(feature.categorical):
                if part not in feature.cyclic:
                    columns.append(ids[:, own_id + position] - 1)
            place, own_id = place + len(feature.numbers), own_id + len(feature.categorical)
        return TreeColumns(values=np.stack(columns, axis=1).astype(np.float32), categorical=(False,) * len(columns))
