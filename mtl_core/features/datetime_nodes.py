"""ONNX nodes of `FittedDatetime.encode_blocks`, for all features of one zone at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
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
from mtl_core.features.standardised import standardised_nodes

if TYPE_CHECKING:
    from mtl_core.export.builder import GraphBuilder
    from mtl_core.features.datetime import FittedDatetime
    from mtl_core.features.zones import Zone


@dataclass(frozen=True)
class GraphRows:
    """Names of (n, rows) values in a graph, and for each of their rows its key: feature index and column name."""

    values: list[str] = field(default_factory=list)
    keys: list[tuple[int, str]] = field(default_factory=list)

    def add(self, value: str, indices: Sequence[int], *names: str) -> None:
        """Add a value of several rows: the row of every index, for each name in turn."""
        self.values.append(value)
        self.keys.extend((index, name) for name in names for index in indices)


def add_nodes(
    graph: GraphBuilder, group: Mapping[int, FittedDatetime], raw: str, numbers: GraphRows, ids: GraphRows
) -> None:
    """Add numbers and ids of the features of one zone, given by index; raw: (D, rows) seconds."""
    features, indices = list(group.values()), list(group)
    known = graph.add("Less", graph.add("Abs", raw), graph.constant(np.inf, np.float64))
    seconds = graph.add("Where", known, raw, graph.constant(0.0, np.float64))
    limits = (graph.constant(limit, np.float64) for limit in (MIN_SECONDS, MAX_SECONDS))
    seconds = graph.add("Clip", seconds, *limits)
    if any(feature.elapsed for feature in features):
        scaled = _elapsed_nodes(graph, features, seconds)
        zero = graph.constant(0.0, np.float32)
        numbers.add(graph.add("Where", known, scaled, zero), indices, "elapsed")
    if any(feature.flag_missing for feature in features):
        numbers.add(graph.cast(graph.add("Not", known), np.float32), indices, "missing")
    cyclic = dict.fromkeys(part for feature in features for part in feature.cyclic)
    categorical = dict.fromkeys(part for feature in features for part in feature.categorical)
    wanted = dict.fromkeys(cycle_of(part) for part in (*cyclic, *categorical))
    for cycle, position in _position_nodes(graph, seconds, features[0].zone, wanted).items():
        if own := [part for part in cyclic if cycle_of(part) == cycle]:
            table = np.concatenate([sin_cos_table(part) for part in own])  # (2 parts, positions)
            names = [f"{wave} {part}" for part in own for wave in ("sin", "cos")]
            numbers.add(_lookup_nodes(graph, table, position, known, len(indices)), indices, *names)
        if own := [part for part in categorical if cycle_of(part) == cycle]:
            table = np.stack([part_table(part) + 1 for part in own]).astype(np.int32)
            ids.add(_lookup_nodes(graph, table, position, known, len(indices)), indices, *own)


def _elapsed_nodes(graph: GraphBuilder, features: Sequence[FittedDatetime], seconds: str) -> str:
    """(D, rows) seconds -> the same standardised and clipped, float32."""
    means = np.array([[feature.mean] for feature in features])  # (D, 1)
    deviations = np.array([[feature.deviation] for feature in features])
    edges = (np.array([[feature.low, feature.high] for feature in features]) - means) / deviations  # (D, 2)
    return standardised_nodes(graph, seconds, means, deviations, edges[:, :1], edges[:, 1:])


def _lookup_nodes(graph: GraphBuilder, table: NDArray[Any], position: str, known: str, features: int) -> str:
    """(n, positions) table, (D, rows) positions -> (n * D, rows); 0 where a timestamp is missing."""
    found = graph.add("Gather", graph.constant(table, table.dtype.type), position, axis=1)  # (n, D, rows)
    found = graph.add("Where", known, found, graph.constant(0, table.dtype.type))
    return graph.add("Reshape", found, graph.constant([len(table) * features, -1], np.int64))


def _position_nodes(graph: GraphBuilder, seconds: str, zone: Zone | None, cycles: Iterable[Cycle]) -> dict[Cycle, str]:
    """Positions as in `Timestamps`, for the given cycles: (D, rows) float64 -> (D, rows) int64 or int32."""

    def with_number(op: str, value: str, number: int, dtype: type[np.generic] = np.int32) -> str:
        return graph.add(op, value, graph.constant(number, dtype))

    wanted = set(cycles)
    if not wanted:
        return {}
    local = with_number("Add", graph.cast(graph.add("Floor", seconds), np.int64), SHIFT, np.int64)
    if zone is not None:
        local = zone.local_nodes(graph, local, SHIFT)
    day = with_number("Div", local, 86_400, np.int64)
    found: dict[Cycle, str] = {}
    if "day" in wanted:
        before = with_number("Mul", day, 86_400, np.int64)
        found["day"] = with_number("Div", graph.cast(graph.add("Sub", local, before), np.int32), 60)
    day = graph.cast(day, np.int32)
    if "week" in wanted:
        found["week"] = with_number("Mod", with_number("Add", day, 2), 7)
    if "year" in wanted:
        of_era = with_number("Mod", day, ERA)
        common = graph.add("Sub", of_era, with_number("Div", of_era, 1460))
        common = graph.add("Add", common, with_number("Div", of_era, 36_524))
        common = graph.add("Sub", common, with_number("Div", of_era, 146_096))
        starts = graph.constant(YEAR_STARTS, np.int32)
        found["year"] = graph.add("Sub", of_era, graph.add("Gather", starts, with_number("Div", common, 365)))
    return found
