"""Logits and predictions over a whole split."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from mtl_core.data.encoded import EncodedSplit
from mtl_core.model.network import Network, to_predictions

ROWS = 8192
"""Maximum rows of a batch without gradients."""


def logits_of(network: Network, split: EncodedSplit) -> Iterator[tuple[slice, dict[str, torch.Tensor]]]:
    """The network's logits in evaluation mode, batch by batch in row order.

    (B, outputs) per task or, for one of level token, (items, outputs).
    """
    network.eval()
    with torch.inference_mode():
        for start, stop in split.spans(ROWS):
            logits = network(split.slice(start, stop).inputs)
            yield slice(start, stop), {task: split.flat(task, of_task, start, stop) for task, of_task in logits.items()}


def predictions_of(network: Network, split: EncodedSplit) -> dict[str, NDArray[Any]]:
    """Per task (n,) or (n, classes) predictions in the user's units, of rows or items as in `flat_labels`."""
    chunks: dict[str, list[NDArray[Any]]] = {task: [] for task in network.tasks}
    for _, logits in logits_of(network, split):
        for task, predictions in network.predictions(logits).items():
            chunks[task].append(predictions.numpy())
    return {name: np.concatenate(arrays) for name, arrays in chunks.items()}


def uncalibrated_predictions_of(network: Network, split: EncodedSplit) -> dict[str, NDArray[Any]]:
    """The predictions without calibration, of the tasks whose calibration is not the identity."""
    pairs = zip(network.objectives, network.calibration, strict=True)
    tasks = [task for task, calibration in pairs if not calibration.is_identity]
    if not tasks:
        return {}
    chunks: dict[str, list[NDArray[Any]]] = {task.name: [] for task in tasks}
    for _, logits in logits_of(network, split):
        for task in tasks:
            chunks[task.name].append(to_predictions(task, logits[task.name]).numpy())
    return {name: np.concatenate(arrays) for name, arrays in chunks.items()}
