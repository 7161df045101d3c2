"""Logits and predictions over a whole split."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from mtl_core.data.encoded import EncodedSplit
from mtl_core.model.network import Network, to_predictions

CHUNK_ROWS = 8192
"""Maximum rows of a batch without gradients."""


def logits_of(network: Network, split: EncodedSplit) -> Iterator[tuple[slice, dict[str, Tensor]]]:
    """The network's logits in evaluation mode, batch by batch in row order.

    (B, outputs) per task, (items, outputs) for a task of level token.
    """
    return _outputs_of(network, network.__call__, split)


def predictions_of(network: Network, split: EncodedSplit) -> dict[str, NDArray[Any]]:
    """Per task (n,) or (n, classes) predictions in the user's units, of rows or items as in `flat_labels`."""
    return _concatenated(predictions for _, predictions in _outputs_of(network, network.predict, split))


def _outputs_of(
    network: Network, forward: Callable[[dict[str, Tensor]], dict[str, Tensor]], split: EncodedSplit
) -> Iterator[tuple[slice, dict[str, Tensor]]]:
    network.eval()
    with torch.inference_mode():
        for start, stop in split.row_ranges(CHUNK_ROWS):
            outputs = forward(split.slice(start, stop).inputs)
            yield slice(start, stop), {task: split.flat(task, rows, start, stop) for task, rows in outputs.items()}


def uncalibrated_predictions_of(network: Network, split: EncodedSplit) -> dict[str, NDArray[Any]]:
    """The predictions without calibration, of the tasks whose calibration is not the identity."""
    pairs = zip(network.objectives, network.calibration, strict=True)
    tasks = [task for task, calibration in pairs if not calibration.is_identity]
    if not tasks:
        return {}
    batches = (
        {task.name: to_predictions(task, logits[task.name]) for task in tasks}
        for _, logits in logits_of(network, split)
    )
    return _concatenated(batches)


def _concatenated(batches: Iterable[Mapping[str, Tensor]]) -> dict[str, NDArray[Any]]:
    chunks: defaultdict[str, list[NDArray[Any]]] = defaultdict(list)
    for batch in batches:
        for task, predictions in batch.items():
            chunks[task].append(predictions.numpy())
    return {name: np.concatenate(arrays) for name, arrays in chunks.items()}


def copied_weights(module: nn.Module) -> dict[str, Tensor]:
    """A copy of the module's state dict."""
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}
