"""Base class of the methods that combine gradients: the Jacobian of the losses on the shared parameters."""

import math
from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from mtl_core.balancing.base import Balancer, Losses, SharedParameters
from mtl_core.errors import TrainingError


class GradientBalancer(Balancer):
    """Combines the tasks' gradients on the shared parameters into one direction.

    Parameters of a single task get that task's gradient. A task whose gradient on the shared parameters is exactly 0 is
    ignored; if only one task is left, its gradient is the direction.

    Makes a backward pass per task. torchjd's `mtl_backward` would need the tensors after which the tasks' computations
    separate; this needs the parameters alone. `benchmarks/balancing.py` prints the cost.
    """

    method: ClassVar[str]
    """Name in `params.yaml`, for errors."""

    def __init__(self, tasks: tuple[str, ...]) -> None:
        super().__init__()
        self.tasks = tasks

    @abstractmethod
    def direction(self, positions: tuple[int, ...], jacobian: Tensor) -> Tensor:
        """(present, width) finite, nonzero gradients of two or more tasks at those positions -> (width,)."""

    def backward(self, losses: Losses, shared: SharedParameters) -> None:
        rows = list(_rows(losses, shared.parameters))
        reached = [any(row[index] is not None for row in rows) for index in range(len(shared.parameters))]
        if not any(reached):
            return
        jacobian = _matrix(rows, shared.parameters)  # (present, width)
        norms = jacobian.norm(dim=1)
        refuse_infinite(norms, self.tasks, tuple(losses))
        nonzero = norms.nonzero().flatten().tolist()
        if len(nonzero) < 2:
            direction = jacobian.sum(dim=0)
        else:
            positions = tuple(losses)
            direction = self.direction(tuple(positions[row] for row in nonzero), jacobian[nonzero])
            if not torch.isfinite(direction).all():
                raise TrainingError(
                    f"training.balancing.method: {self.method} must find a finite direction, found "
                    f"{direction[~torch.isfinite(direction)][0]:g} in it; nothing was updated. "
                    "Lower training.learning_rate, or use another method"
                )
        parts = torch.split(direction, [parameter.numel() for parameter in shared.parameters])
        for parameter, part, is_reached in zip(shared.parameters, parts, reached, strict=True):
            if is_reached:
                parameter.grad = part.view_as(parameter)


def refuse_infinite(norms: Tensor, tasks: tuple[str, ...], positions: Sequence[int]) -> None:
    """Raise TrainingError if a (present,) norm of a task's gradient on shared parameters is not finite."""
    if torch.isfinite(norms).all():
        return
    errors = [
        f"{tasks[position]} ({norm:g})"
        for position, norm in zip(positions, norms.tolist(), strict=True)
        if not math.isfinite(norm)
    ]
    raise TrainingError(
        "every task's gradient on the shared parameters must have a finite norm, found "
        f"{', '.join(errors)}; nothing was updated. Lower training.learning_rate, or look for extreme targets"
    )


def _rows(losses: Losses, parameters: tuple[nn.Parameter, ...]) -> Iterator[list[Tensor | None]]:
    """Each loss's gradients on the shared parameters; those on other parameters are added to their `.grad`."""
    for count, loss in enumerate(losses.values(), start=1):
        torch.autograd.backward(loss, retain_graph=count < len(losses))
        yield [parameter.grad for parameter in parameters]
        for parameter in parameters:
            parameter.grad = None


def _matrix(rows: list[list[Tensor | None]], parameters: tuple[nn.Parameter, ...]) -> Tensor:
    """(losses, width) matrix of the gradients, 0 where a loss does not depend on a parameter."""
    gradients = [
        (torch.zeros_like(parameter) if gradient is None else gradient).flatten()
        for row in rows
        for gradient, parameter in zip(row, parameters, strict=True)
    ]
    return torch.cat(gradients).detach().view(len(rows), -1)
