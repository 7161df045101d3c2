"""Base class of the methods that weigh gradients: the Jacobian of the losses by the shared parameters."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

from mtl_core.balancing.base import Balancer, Losses, Shared
from mtl_core.errors import TrainingError


class GradientBalancer(Balancer):
    """Combines the tasks' gradients on the shared parameters into one direction for them.

    Parameters of one task alone get that task's plain gradient, whatever the direction. A task whose gradient on the
    shared parameters is exactly 0 does not count; where only one task counts, its gradient is the direction.

    Makes a backward pass per task, which needs nothing of the network but its parameters, where torchjd's
    `mtl_backward` must be given the tensors at which the tasks part. `benchmarks/balancing.py` prints the cost.
    """

    method: ClassVar[str]
    """Its name in `params.yaml`, for messages."""

    def __init__(self, tasks: tuple[str, ...]) -> None:
        super().__init__()
        self.tasks = tasks

    @abstractmethod
    def direction(self, positions: tuple[int, ...], jacobian: Tensor) -> Tensor:
        """(present, width) finite gradients, none of them 0, of two tasks or more at those positions -> (width,)."""

    def backward(self, losses: Losses, shared: Shared) -> None:
        rows = list(_rows(losses, shared.parameters))
        reached = [any(row[number] is not None for row in rows) for number in range(len(shared.parameters))]
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
            self._check_finite(direction)
        parts = torch.split(direction, [parameter.numel() for parameter in shared.parameters])
        for parameter, part, is_reached in zip(shared.parameters, parts, reached, strict=True):
            if is_reached:
                parameter.grad = part.view_as(parameter)

    def _check_finite(self, direction: Tensor) -> None:
        if not torch.isfinite(direction).all():
            raise TrainingError(
                f"training.balancing.method: {self.method} must find a finite direction, found "
                f"{direction[~torch.isfinite(direction)][0]:g} in it; nothing was updated. "
                "Lower training.learning_rate, or use another method"
            )


def refuse_infinite(norms: Tensor, tasks: tuple[str, ...], positions: Sequence[int]) -> None:
    """TrainingError where a (present,) norm of a task's gradient on shared parameters is not finite."""
    if torch.isfinite(norms).all():
        return
    bad = [
        f"{tasks[position]} ({norm:g})"
        for position, norm, finite in zip(positions, norms.tolist(), torch.isfinite(norms).tolist(), strict=True)
        if not finite
    ]
    raise TrainingError(
        "every task's gradient on the shared parameters must have a finite norm, found "
        f"{', '.join(bad)}; nothing was updated. Lower training.learning_rate, or look for extreme targets"
    )


def _rows(losses: Losses, parameters: tuple[nn.Parameter, ...]) -> Iterator[list[Tensor | None]]:
    """Each loss's gradients on the shared parameters; those on others are added to their `.grad`."""
    for number, loss in enumerate(losses.values(), start=1):
        torch.autograd.backward(loss, retain_graph=number < len(losses))
        yield [parameter.grad for parameter in parameters]
        for parameter in parameters:
            parameter.grad = None


def _matrix(rows: list[list[Tensor | None]], parameters: tuple[nn.Parameter, ...]) -> Tensor:
    """(losses, width) those gradients in one matrix, 0 where a loss does not reach a parameter."""
    entries = [
        (torch.zeros_like(parameter) if entry is None else entry).flatten()
        for row in rows
        for entry, parameter in zip(row, parameters, strict=True)
    ]
    return torch.cat(entries).detach().view(len(rows), -1)
