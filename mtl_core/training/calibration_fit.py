"""Methods of calibration: scale and bias of a task's logits, fitted by log loss.

One scale per group of outputs (temperature scaling: Guo, Pleiss, Sun and Weinberger 2017, section 4.2). Tasks with
class weights have a bias too (Platt 1999; Alexandari, Kundaje and Shrikumar 2020), which removes the bias of the
probabilities that the weights cause, unless the task's own metric rates decisions. Classes on enough rows have a scale
and a bias each (vector scaling: Guo 2017). Log loss is convex in both, for ordinal tasks too (Pratt 1981).
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mtl_core.tasks.calibrated import CalibratedObjective, OutputGroup
from mtl_core.training.history import CalibrationMethod

METHODS: tuple[CalibrationMethod, ...] = ("identity", "temperature", "temperature_and_bias", "vector")
"""All methods, ascending by their number of parameters."""
VECTOR_ROWS, VECTOR_CLASSES = 1_000, 3
"""Minimum rows and classes of vector scaling."""
MIN_SCALE = 0.01
"""Minimum scale, a temperature of 100."""


@dataclass(frozen=True, kw_only=True)
class Fit:
    """Fitted scale and bias of a group of outputs."""

    method: CalibrationMethod
    scale: Tensor
    """(outputs,) float64."""
    bias: Tensor
    """(outputs,) float64."""
    loss: float
    """Sum of the log losses of the rows."""
    parameters: int
    """Number of fitted parameters."""


def fit_group(task: CalibratedObjective, group: OutputGroup) -> Fit:
    """The fit with the lowest AIC (Akaike 1974) of all methods that the group's rows allow.

    Half of the AIC is the sum of log losses plus the number of parameters, so that noise alone does not favour a method
    with more parameters.
    """
    return min(_fits(task, group), key=lambda fit: fit.loss + fit.parameters)


def _fits(task: CalibratedObjective, group: OutputGroup) -> Iterator[Fit]:
    outputs, all_frequent = len(group.outputs), group.frequent_classes == len(group.counts)
    biases = outputs if task.independent_outputs else 1
    yield _fit(task, group, "identity", scales=0, biases=0)
    yield _fit(task, group, "temperature", scales=1, biases=0)
    if task.keeps_bias:
        return
    if task.is_class_weighted and all_frequent:
        yield _fit(task, group, "temperature_and_bias", scales=1, biases=biases)
    large = len(group.labels) >= VECTOR_ROWS and outputs >= VECTOR_CLASSES
    if task.independent_outputs and all_frequent and large:
        yield _fit(task, group, "vector", scales=outputs, biases=outputs)


def _fit(task: CalibratedObjective, group: OutputGroup, method: CalibrationMethod, *, scales: int, biases: int) -> Fit:
    """Maximum a posteriori fit with that many scales and biases, either one per output or one for the whole group.

    The prior is a standard normal around the identity and weighs about as much as one row. It makes the fit unique, and
    finite where the classes are perfectly separable.
    """
    start = torch.tensor([1.0] * scales + [0.0] * biases, dtype=torch.float64)

    def scale_and_bias(parameters: Tensor) -> tuple[Tensor, Tensor]:
        scale, bias = parameters[:scales], parameters[scales:]
        columns = group.values.shape[1]
        return (
            scale.expand(columns) if scales else parameters.new_ones(columns),
            bias.expand(columns) if biases else parameters.new_zeros(columns),
        )

    def loss(parameters: Tensor) -> Tensor:
        scale, bias = scale_and_bias(parameters)
        return task.log_loss(group.values * scale + bias, group.labels).sum()

    def objective(values: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        parameters = torch.from_numpy(values.copy()).requires_grad_()
        total = loss(parameters) + (parameters - start).square().sum() / 2
        torch.autograd.backward(total)
        assert parameters.grad is not None
        return total.item(), parameters.grad.numpy()

    fitted = torch.from_numpy(_minimum(objective, start.numpy(), scales)) if scales else start
    with torch.no_grad():
        scale, bias = scale_and_bias(fitted)
        total = loss(fitted).item()
    outputs = len(group.outputs)
    return Fit(
        method=method,
        scale=scale.expand(outputs).clone(),
        bias=bias.expand(outputs).clone(),
        loss=total,
        # Softmax is invariant to a common shift of all biases.
        parameters=scales + (biases - 1 if biases > 1 else biases),
    )


def _minimum(
    objective: Callable[[NDArray[np.float64]], tuple[float, NDArray[np.float64]]],
    start: NDArray[np.float64],
    scales: int,
) -> NDArray[np.float64]:
    """The minimum of a convex function, with the first `scales` of its parameters at least MIN_SCALE."""
    from scipy.optimize import minimize  # slow to import

    bounds: list[tuple[float | None, float | None]] = [(MIN_SCALE, None)] * scales
    bounds += [(None, None)] * (len(start) - scales)
    options = {"maxiter": 1_000, "ftol": 1e-13, "gtol": 1e-8}
    minimum: NDArray[np.float64] = minimize(
        objective, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options
    ).x
    return minimum
