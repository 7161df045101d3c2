"""Logits and predictions over a whole split."""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

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


def stored_logits(network: Network, split: EncodedSplit, tasks: Collection[str]) -> dict[str, list[Tensor]]:
    """The logits of these tasks, batch by batch: views of one tensor per task."""
    batches = ({task: logits[task] for task in tasks} for _, logits in logits_of(network, split))
    return {task: views for task, (_, views) in _store(batches, split).items()}


def predictions_of(network: Network, split: EncodedSplit) -> dict[str, NDArray[Any]]:
    """Per task (n,) or (n, classes) predictions in the user's units, of rows or items as in `flat_labels`."""
    return _joined((predictions for _, predictions in _outputs_of(network, network.predict, split)), split)


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
    return _joined(batches, split)


def _joined(batches: Iterable[Mapping[str, Tensor]], split: EncodedSplit) -> dict[str, NDArray[Any]]:
    return {task: values.numpy() for task, (values, _) in _store(batches, split).items()}


def _store(batches: Iterable[Mapping[str, Tensor]], split: EncodedSplit) -> dict[str, tuple[Tensor, list[Tensor]]]:
    """Task -> (n, ...) outputs of all batches in one tensor, and its views of each batch.

    Small tensors that outlive their batch would split the freed memory of the batches, so that it could not be reused:
    2 GB for 100,000 texts.
    """
    stored: dict[str, tuple[Tensor, list[Tensor]]] = {}
    filled: Counter[str] = Counter()
    for batch in batches:
        for task, values in batch.items():
            if task not in stored:
                stored[task] = values.new_empty((len(split.flat_labels(task)), *values.shape[1:])), []
            start, (whole, views) = filled[task], stored[task]
            filled[task] += len(values)
            views.append(whole[start : filled[task]].copy_(values))
    return stored


def copied_weights(module: nn.Module) -> dict[str, Tensor]:
    """A copy of the module's state dict."""
    return {name: tensor.clone() for name, tensor in module.state_dict().items()}
