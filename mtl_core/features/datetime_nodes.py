"""ONNX nodes of `FittedDatetime.encode_blocks`, for all features of one zone at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mtl_core.features.calendar import (
    ERA,
    MAX_SECONDS,
    MIN_SECONDS,
    SHIFT,
    YEAR_STARTS,
    Cycle,
    cycle_of,
    part_table,
    sin_cos_table,
)
from mtl_core.features.datetime_arrays import ColumnKeys, id_keys, number_keys
from mtl_core.features.standardisation import standardisation_nodes, statistics

if TYPE_CHECKING:
    from mtl_core.features.fitted_datetime import FittedDatetime
    from mtl_core.features.zones import Zone
    from mtl_core.graphs.builder import GraphBuilder


@dataclass(frozen=True)
class _RowNodes:
    """Names of (n, rows) values in a graph, and the keys of all their rows in order."""

    values: list[str] = field(default_factory=list)
    keys: ColumnKeys = field(default_factory=list)

    def add(self, value: str, indices: Sequence[int], *names: str) -> None:
        """Add a value of several rows: the row of every index, for each name in turn."""
        self.values.append(value)
        self.keys.extend((index, name) for name in names for index in indices)


def block_nodes(graph: GraphBuilder, features: Sequence[FittedDatetime], inputs: Mapping[str, str]) -> dict[str, str]:
    """Name of the value of each block: (rows, numbers) float32, (rows, categorical parts) int32."""
    numbers, ids = _RowNodes(), _RowNodes()
    for zone in dict.fromkeys(feature.zone for feature in features):
        group = {index: feature for index, feature in enumerate(features) if feature.zone == zone}
        raw = graph.stack(inputs[feature.column] for feature in group.values())
        _add_group(graph, group, raw, numbers, ids)
    blocks = {}
    if keys := number_keys(features):
        blocks["datetime"] = graph.add("Transpose", graph.pick(numbers.values, numbers.keys, keys))
    if keys := id_keys(features):
        offsets = graph.constant(type(features[0]).offsets(features)[:, None], np.int32)
        shifted = graph.add("Add", graph.pick(ids.values, ids.keys, keys), offsets)
        blocks["datetime_parts"] = graph.add("Transpose", shifted)
    return blocks


def _add_group(
    graph: GraphBuilder, group: Mapping[int, FittedDatetime], raw: str, numbers: _RowNodes, ids: _RowNodes
) -> None:
    """Add numbers and ids of the features of one zone, given by index; raw: (D, rows) seconds."""
    features, indices = list(group.values()), list(group)
    valid = graph.add("Less", graph.add("Abs", raw), graph.constant(np.inf, np.float64))
    seconds = graph.add("Where", valid, raw, graph.constant(0.0, np.float64))
    limits = (graph.constant(limit, np.float64) for limit in (MIN_SECONDS, MAX_SECONDS))
    seconds = graph.add("Clip", seconds, *limits)
    if any(feature.elapsed for feature in features):
        scaled = standardisation_nodes(graph, seconds, *statistics(features))
        zero = graph.constant(0.0, np.float32)
        numbers.add(graph.add("Where", valid, scaled, zero), indices, "elapsed")
    if any(feature.flag_missing for feature in features):
        numbers.add(graph.cast(graph.add("Not", valid), np.float32), indices, "missing")
    cyclic = dict.fromkeys(part for feature in features for part in feature.cyclic)
    categorical = dict.fromkeys(part for feature in features for part in feature.categorical)
    cycles = {cycle_of(part) for part in (*cyclic, *categorical)}
    for cycle, position in _position_nodes(graph, seconds, features[0].zone, cycles).items():
        if parts := [part for part in cyclic if cycle_of(part) == cycle]:
            table = np.concatenate([sin_cos_table(part) for part in parts])  # (2 parts, positions)
            names = [f"{wave} {part}" for part in parts for wave in ("sin", "cos")]
            numbers.add(_lookup_nodes(graph, table, position, valid, len(indices)), indices, *names)
        if parts := [part for part in categorical if cycle_of(part) == cycle]:
            table = np.stack([part_table(part) + 1 for part in parts]).astype(np.int32)
            ids.add(_lookup_nodes(graph, table, position, valid, len(indices)), indices, *parts)


def _lookup_nodes(graph: GraphBuilder, table: NDArray[Any], position: str, valid: str, features: int) -> str:
    """(n, positions) table, (D, rows) positions -> (n * D, rows); 0 where a timestamp is missing."""
    values = graph.add("Gather", graph.constant(table, table.dtype.type), position, axis=1)  # (n, D, rows)
    values = graph.add("Where", valid, values, graph.constant(0, table.dtype.type))
    return graph.add("Reshape", values, graph.constant([len(table) * features, -1], np.int64))


def _position_nodes(graph: GraphBuilder, seconds: str, zone: Zone | None, cycles: set[Cycle]) -> dict[Cycle, str]:
    """Positions as in `Timestamps`, for the given cycles: (D, rows) float64 -> (D, rows) int64 or int32."""

    def with_number(op: str, value: str, number: int, dtype: type[np.generic] = np.int32) -> str:
        return graph.add(op, value, graph.constant(number, dtype))

    if not cycles:
        return {}
    local = with_number("Add", graph.cast(graph.add("Floor", seconds), np.int64), SHIFT, np.int64)
    if zone is not None:
        local = zone.local_nodes(graph, local, SHIFT)
    day = with_number("Div", local, 86_400, np.int64)
    positions: dict[Cycle, str] = {}
    if "day" in cycles:
        midnight = with_number("Mul", day, 86_400, np.int64)
        positions["day"] = with_number("Div", graph.cast(graph.add("Sub", local, midnight), np.int32), 60)
    day = graph.cast(day, np.int32)
    if "week" in cycles:
        positions["week"] = with_number("Mod", with_number("Add", day, 2), 7)
    if "year" in cycles:
        day_of_era = with_number("Mod", day, ERA)
        without_leap_days = graph.add("Sub", day_of_era, with_number("Div", day_of_era, 1460))
        without_leap_days = graph.add("Add", without_leap_days, with_number("Div", day_of_era, 36_524))
        without_leap_days = graph.add("Sub", without_leap_days, with_number("Div", day_of_era, 146_096))
        starts = graph.constant(YEAR_STARTS, np.int32)
        year = with_number("Div", without_leap_days, 365)
        positions["year"] = graph.add("Sub", day_of_era, graph.add("Gather", starts, year))
    return positions
