"""Parity: ONNX and PyTorch predictions compared, on ordinary and adversarial rows."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import torch
from numpy.typing import NDArray

from mtl_core.data.encoder import Encoder
from mtl_core.errors import ExportError
from mtl_core.export.session import Predictions, predict_in_chunks, run_graph
from mtl_core.graphs.runtime import Session
from mtl_core.model import Network
from mtl_core.tasks import Objective

MAX_CELLS = 1 << 22
"""Maximum raw values per batch; a network has some dozens of numbers for each."""


@dataclass(frozen=True, kw_only=True)
class Parity:
    """The largest difference between graph and network, in units of the task's scale.

    NaN if a prediction is not finite.
    """

    difference: float
    task: str
    rows: int


def parity(session: Session, network: Network, encoder: Encoder, table: pa.Table) -> Parity:
    """Compare graph and network on raw rows.

    A task's scale is 1 for probabilities, and the standard deviation of the training labels for numbers. A prediction
    that is not finite makes the difference NaN, even if both sides are equal, since it cannot be served.

    Raises:
        ExportError: the predictions of graph and network have different shapes.
    """
    tasks = [task.name for task in encoder.tasks]
    rows = max(1, MAX_CELLS // len(encoder.inputs))
    by_graph = run_graph(session, table, encoder.inputs, tasks, sequences=encoder.sequences, rows=min(rows, 8192))
    network.eval()

    def predict(chunk: pa.Table) -> Predictions:
        blocks = {name: torch.from_numpy(block) for name, block in encoder.batch(chunk).items()}
        with torch.inference_mode():
            return {task: values.numpy() for task, values in network.predict(blocks).items()}

    by_network = predict_in_chunks(predict, table, encoder.inputs, encoder.sequences, rows)
    return largest_difference(network.objectives, by_graph, by_network, table.num_rows)


def largest_difference(
    objectives: Sequence[Objective], by_graph: Predictions, by_network: Predictions, rows: int
) -> Parity:
    """The parity of the task whose predictions differ most; ExportError for predictions of different shapes."""
    parities = []
    for task in objectives:
        difference = _max_difference(task.name, by_graph[task.name], by_network[task.name]) / task.scale
        parities.append(Parity(difference=difference, task=task.name, rows=rows))
    return max(parities, key=lambda task: math.inf if math.isnan(task.difference) else task.difference)


def _max_difference(task: str, by_graph: NDArray[Any], by_network: NDArray[Any]) -> float:
    if by_graph.shape != by_network.shape:
        raise ExportError(
            f"model.onnx: predictions of task {task!r} must have shape {by_network.shape} as the network's have, found "
            f"{by_graph.shape}; the graph is of another network: export the model again"
        )
    if not (np.isfinite(by_graph).all() and np.isfinite(by_network).all()):
        return math.nan
    return float(np.abs(by_graph.astype(np.float64) - by_network).max(initial=0.0))  # 0 if no row has an item
