"""ONNX nodes that standardise and clip numbers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mtl_core.features.fitted_datetime import FittedDatetime
    from mtl_core.features.numeric import FittedNumeric
    from mtl_core.graphs.builder import GraphBuilder

Array = NDArray[np.float64]


def statistics(features: Sequence[FittedNumeric] | Sequence[FittedDatetime]) -> tuple[Array, Array, Array, Array]:
    """Mean, deviation, low and high of D features, each (D, 1)."""
    mean, deviation, low, high = zip(*((f.mean, f.deviation, f.low, f.high) for f in features), strict=True)
    return np.array([mean]).T, np.array([deviation]).T, np.array([low]).T, np.array([high]).T


def standardisation_nodes(
    graph: GraphBuilder, values: str, mean: Array, deviation: Array, low: Array, high: Array
) -> str:
    """float64 values, clipped to [low, high] -> (values - mean) / deviation as float32.

    `encode` clips raw values. Standardisation is monotone, so clipping its result gives the same, at half the width.
    """
    # (mean - x) / -deviation: ONNX Runtime drops `x - c` and `x / c` where c, rounded to float32, is 0 and 1.
    centred = graph.add("Sub", graph.constant(mean, np.float64), values)
    scaled = graph.cast(graph.add("Div", centred, graph.constant(-deviation, np.float64)), np.float32)
    clipped = graph.add("Max", scaled, graph.constant((low - mean) / deviation, np.float32))
    return graph.add("Min", clipped, graph.constant((high - mean) / deviation, np.float32))
