"""Calibration of the trained network on the validation split; its methods are in `calibration_fit`."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import Tensor

from mtl_core.data.encoded import EncodedSplit
from mtl_core.model import Network
from mtl_core.model.inference import stored_logits
from mtl_core.nn.calibration import Calibration
from mtl_core.numbers import Number, finite_or_none
from mtl_core.tasks.calibrated import MIN_LABELS, CalibratedObjective
from mtl_core.training.calibration_fit import METHODS, fit_group
from mtl_core.training.history import TaskCalibration


def calibrate(network: Network, validation: EncodedSplit, *, enabled: bool = True) -> tuple[TaskCalibration, ...]:
    """Fit in place the calibration of every task that predicts probabilities, and return a record of each.

    A pure function of the network's weights and the validation split; weights of rows are ignored. A task keeps the
    identity where its log loss on validation would not fall, where fewer than two of its classes have MIN_LABELS
    labelled rows, where a logit is not finite, or if not `enabled`.
    """
    pairs = zip(network.objectives, network.calibration, strict=True)
    calibrated = [(task, calibration) for task, calibration in pairs if isinstance(task, CalibratedObjective)]
    logits = stored_logits(network, validation, [task.name for task, _ in calibrated]) if calibrated else {}
    records = []
    for task, calibration in calibrated:
        assert isinstance(calibration, Calibration)
        labels = validation.flat_labels(task.name)
        mask = task.codec.labelled(labels)
        split = _Split(network=network, task=task, logits=logits.pop(task.name), mask=mask, labels=labels[mask])
        calibration.reset()
        records.append(_calibrate(split, calibration) if enabled else split.unchanged("off"))
    return tuple(records)


class _Metrics(NamedTuple):
    """Metrics of a task on validation; None if they are undefined."""

    value: Number
    """The task's own metric."""
    log_loss: Number
    ece: Number


@dataclass(frozen=True, kw_only=True)
class _Split:
    """Logits of a task on validation, batch by batch, the (rows,) mask of labelled rows, and the labels of these."""

    network: Network
    task: CalibratedObjective
    logits: list[Tensor]
    mask: Tensor
    labels: Tensor

    def measure(self) -> _Metrics:
        """Metrics of the network's predictions."""
        name, options = self.task.name, self.task.options
        with torch.inference_mode():
            batches = [self.network.predictions({name: logits})[name] for logits in self.logits]
            predictions = torch.cat(batches)[self.mask].numpy()
        metrics = (self.task.metric, options.metric_named("log_loss"), options.metric_named("ece"))
        return _Metrics(*(finite_or_none(metric(self.labels.numpy(), predictions)) for metric in metrics))

    def record(self, before: _Metrics, after: _Metrics, **fields: Any) -> TaskCalibration:
        return TaskCalibration(
            task=self.task.name,
            value=after.value,
            log_loss_before=before.log_loss,
            log_loss_after=after.log_loss,
            ece_before=before.ece,
            ece_after=after.ece,
            **fields,
        )

    def unchanged(self, reason: str) -> TaskCalibration:
        """The record of a task that keeps the identity."""
        metrics = self.measure()
        return self.record(metrics, metrics, method="identity", reason=reason)


def _calibrate(split: _Split, calibration: Calibration) -> TaskCalibration:
    # A copy, since autograd refuses tensors of inference mode.
    logits = torch.cat(split.logits)[split.mask].clone().double()
    if not logits.isfinite().all():
        return split.unchanged("a logit is not finite")
    sufficient = [group for group in split.task.groups(logits, split.labels) if group.is_sufficient]
    if not sufficient:
        return split.unchanged(f"fewer than two classes with {MIN_LABELS} labelled validation rows")
    fits = [fit_group(split.task, group) for group in sufficient]
    before = split.measure()
    scale, bias = calibration.scale.clone(), calibration.bias.clone()
    for group, fit in zip(sufficient, fits, strict=True):
        scale[list(group.outputs)], bias[list(group.outputs)] = fit.scale.float(), fit.bias.float()
    calibration.set(scale, bias)
    after = split.measure()
    if before.log_loss is None or after.log_loss is None or after.log_loss >= before.log_loss:
        calibration.reset()
        return split.unchanged("log loss on validation would not fall")
    method = max((fit.method for fit in fits), key=METHODS.index)
    return split.record(before, after, method=method, temperatures=tuple((1 / scale).tolist()))
