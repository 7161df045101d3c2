"""Calibration of the trained network on the validation split; its methods are in `calibration_fit`."""

from dataclasses import dataclass

import torch
from torch import Tensor

from mtl_core.data.encoded import EncodedSplit
from mtl_core.model import Network
from mtl_core.model.inference import logits_of
from mtl_core.nn.calibration import Calibration
from mtl_core.numbers import defined
from mtl_core.tasks.calibrated import MIN_LABELS, CalibratedObjective
from mtl_core.training.calibration_fit import METHODS, fit_group
from mtl_core.training.history import TaskCalibration

__all__ = ["calibrate"]


def calibrate(network: Network, validation: EncodedSplit, *, enabled: bool = True) -> tuple[TaskCalibration, ...]:
    """Fit the calibration of every task whose predictions are probabilities, in place; the record of each.

    A pure function of the network's weights and the validation split; rows count as one each, whatever their weights.
    A task stays as it is where its log loss on validation would not fall, where no two of its classes have MIN_LABELS
    labelled rows, where a logit is not finite, or if not `enabled`.
    """
    pairs = list(zip(network.objectives, network.calibration, strict=True))
    tasks = [(task, one) for task, one in pairs if isinstance(task, CalibratedObjective)]
    logits: dict[str, list[Tensor]] = {task.name: [] for task, _ in tasks}
    if tasks:
        for _, of_batch in logits_of(network, validation):
            for name, chunks in logits.items():
                chunks.append(of_batch[name])
    found = []
    for task, calibration in tasks:
        assert isinstance(calibration, Calibration)
        labels = validation.flat_labels(task.name)
        known = task.codec.labelled(labels)
        of_task = torch.cat(logits.pop(task.name))[known]
        split = _Labelled(network=network, task=task, logits=of_task, labels=labels[known])
        calibration.reset()
        found.append(_calibrate(split, calibration) if enabled else split.unchanged("off"))
    return tuple(found)


@dataclass(frozen=True, kw_only=True)
class _Labelled:
    """The labelled rows of a task on validation."""

    network: Network
    task: CalibratedObjective
    logits: Tensor
    labels: Tensor

    def measure(self) -> tuple[float, float]:
        """Log loss and ECE of the network's predictions; NaN where they are undefined."""
        name = self.task.name
        with torch.inference_mode():
            predictions = self.network.predictions({name: self.logits})[name].numpy()
        metrics = (self.task.options.metric_named(metric) for metric in ("log_loss", "ece"))
        log_loss, ece = (metric(self.labels.numpy(), predictions) for metric in metrics)
        return log_loss, ece

    def unchanged(self, reason: str) -> TaskCalibration:
        """The record of a task that keeps the identity."""
        log_loss, ece = (defined(value) for value in self.measure())
        return TaskCalibration(
            task=self.task.name,
            method="identity",
            reason=reason,
            log_loss_before=log_loss,
            log_loss_after=log_loss,
            ece_before=ece,
            ece_after=ece,
        )


def _calibrate(split: _Labelled, calibration: Calibration) -> TaskCalibration:
    if not split.logits.isfinite().all():
        return split.unchanged("a logit is not finite")
    # A copy, since tensors of inference mode take no part in derivatives.
    groups = split.task.groups(split.logits.clone().double(), split.labels)
    sufficient = [group for group in groups if group.is_sufficient]
    if not sufficient:
        return split.unchanged(f"fewer than two classes with {MIN_LABELS} labelled validation rows")
    fits = [fit_group(split.task, group) for group in sufficient]
    before = split.measure()
    scale, bias = calibration.scale.clone(), calibration.bias.clone()
    for group, fit in zip(sufficient, fits, strict=True):
        scale[list(group.outputs)], bias[list(group.outputs)] = fit.scale.float(), fit.bias.float()
    calibration.set(scale, bias)
    after = split.measure()
    if not after[0] < before[0]:
        calibration.reset()
        return split.unchanged("log loss on validation would not fall")
    return TaskCalibration(
        task=split.task.name,
        method=max((fit.method for fit in fits), key=METHODS.index),
        temperatures=tuple((1 / scale).tolist()),
        log_loss_before=defined(before[0]),
        log_loss_after=defined(after[0]),
        ece_before=defined(before[1]),
        ece_after=defined(after[1]),
    )
