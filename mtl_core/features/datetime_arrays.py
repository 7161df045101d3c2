"""NumPy arrays of `FittedDatetime`: encoded timestamps, and the inputs of tree models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mtl_core.features.base import TreeColumns
from mtl_core.features.calendar import PERIODS, Timestamps, cycle_of, from_sin_cos, sin_cos_table

if TYPE_CHECKING:
    from mtl_core.features.fitted_datetime import FittedDatetime

ColumnKeys = list[tuple[int, str]]
"""Feature index and name of each column of a block."""


def number_keys(features: Sequence[FittedDatetime]) -> ColumnKeys:
    """Keys of the columns of the block of numbers."""
    return [(index, name) for index, feature in enumerate(features) for name in feature.numbers]


def id_keys(features: Sequence[FittedDatetime]) -> ColumnKeys:
    """Keys of the columns of the block of ids."""
    return [(index, part) for index, feature in enumerate(features) for part in feature.categorical]


def id_counts(features: Sequence[FittedDatetime]) -> list[int]:
    """Number of ids of each column of the block of ids."""
    return [PERIODS[part] + 1 for feature in features for part in feature.categorical]


def encode_numbers(feature: FittedDatetime, timestamps: Timestamps) -> NDArray[np.float32]:
    """(rows, numbers): elapsed time, the missing flag, sine and cosine of each cyclic part; 0 where it is missing."""
    columns: list[NDArray[Any]] = []
    if feature.elapsed:
        elapsed = (np.clip(timestamps.seconds, feature.low, feature.high) - feature.mean) / feature.deviation
        columns.append(np.where(timestamps.valid, elapsed, 0.0))
    if feature.flag_missing:
        columns.append(~timestamps.valid)
    for part in feature.cyclic:
        columns += list(np.where(timestamps.valid, sin_cos_table(part)[:, timestamps.positions[cycle_of(part)]], 0.0))
    out = np.empty((len(timestamps.valid), len(columns)), dtype=np.float32)
    for index, column in enumerate(columns):
        out[:, index] = column
    return out


def encode_ids(feature: FittedDatetime, timestamps: Timestamps) -> NDArray[np.int64]:
    """(rows, categorical parts) ids: 0 where a timestamp is missing, else the part's value + 1."""
    out = np.zeros((len(timestamps.valid), len(feature.categorical)), dtype=np.int64)
    for index, part in enumerate(feature.categorical):
        out[timestamps.valid, index] = timestamps.part(part)[timestamps.valid] + 1
    return out


def tree_columns(features: Sequence[FittedDatetime], numbers: NDArray[Any], ids: NDArray[Any]) -> TreeColumns:
    """Elapsed time, flags, and each part once, as a whole number from 0, or -1 where it is missing."""
    number = {key: numbers[:, column] for column, key in enumerate(number_keys(features))}
    part_id = {key: ids[:, column] for column, key in enumerate(id_keys(features))}
    columns: list[NDArray[Any]] = []
    for index, feature in enumerate(features):
        columns += [number[index, name] for name in ("elapsed", "missing") if name in feature.numbers]
        for part in feature.cyclic:
            columns.append(from_sin_cos(part, number[index, f"sin {part}"], number[index, f"cos {part}"]))
        columns += [part_id[index, part] - 1 for part in feature.categorical if part not in feature.cyclic]
    return TreeColumns(values=np.stack(columns, axis=1).astype(np.float32), categorical=(False,) * len(columns))
