"""ONNX nodes that standardise and clip numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from mtl_core.export.builder import GraphBuilder


def standardised_nodes(
    graph: GraphBuilder,
    values: str,
    mean: NDArray[np.float64],
    deviation: NDArray[np.float64],
    low: NDArray[np.float64],
    high: NDArray[np.float64],
) -> str:
    """float64 values -> (values - mean) / deviation as float32, clipped to the standardised `low` and `high`.

    `encode` clips raw values. Standardisation is monotone, so clipping its result gives the same, at half the width.
    """
    # (mean - x) / -deviation: ONNX Runtime drops `x - c` and `x / c` where c, rounded to float32, is 0 and 1.
    centred = graph.add("Sub", graph.constant(mean, np.float64), values)
    scaled = graph.cast(graph.add("Div", centred, graph.constant(-deviation, np.float64)), np.float32)
    clipped = graph.add("Max", scaled, graph.constant(low, np.float32))
    return graph.add("Min", clipped, graph.constant(high, np.float32))
