"""ExcessMTL: a task weighs more the farther it is from its best achievable loss, as its gradients estimate it.

He et al. 2024, "Robust Multi-Task Learning with Excess Risks", ICML, equations 6, 7 and 9: weights on the simplex grow
exponentially with each task's excess risk, the sum of gradient^2 / sqrt(sum of its squares so far), relative to its
mean over the warm-up.

Written here, since torchjd keeps that state where no checkpoint contains it and starts anew when the number of tasks
changes. A task that takes no part keeps its weight. A task that took no part in the warm-up, or every task where there
is no warm-up, is measured by its first risk. The state is as large as the shared parameters, times the tasks.
"""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from mtl_core.balancing.jacobian import GradientBalancer

EPSILON = 1e-7
"""Keeps divisors from 0, as in the authors' code."""


class ExcessMTLBalancer(GradientBalancer):
    """State per task in buffers."""

    method: ClassVar[str] = "excess_mtl"

    log_weights: Tensor  # (tasks,)
    squares: Tensor  # (tasks, width), without width before the first step
    risks: Tensor  # (tasks,) summed over the warm-up
    counts: Tensor  # (tasks,) number of risks in that sum
    epochs: Tensor  # ()

    def __init__(self, tasks: tuple[str, ...], *, step_size: float, warm_up: int) -> None:
        """`step_size`: of the exponent; `warm_up`: epochs with equal weights."""
        super().__init__(tasks)
        self._step_size, self._warm_up = step_size, warm_up
        self.register_buffer("log_weights", torch.full((len(tasks),), 1 / len(tasks)).log())
        self.register_buffer("squares", torch.zeros(len(tasks), 0))
        self.register_buffer("risks", torch.zeros(len(tasks)))
        self.register_buffer("counts", torch.zeros(len(tasks)))
        self.register_buffer("epochs", torch.tensor(0))
        self.register_load_state_dict_pre_hook(_resize_squares)  # type: ignore[no-untyped-call] # torch's

    def direction(self, positions: tuple[int, ...], jacobian: Tensor) -> Tensor:
        rows = torch.tensor(positions)
        if self.squares.shape[1] != jacobian.shape[1]:
            self.squares = jacobian.new_zeros(len(self.tasks), jacobian.shape[1])
        squared = jacobian.square()
        self.squares[rows] += squared
        risks = (squared / (self.squares[rows] + EPSILON).sqrt()).sum(dim=1)  # (present,)
        self._update(rows, risks)
        return self.log_weights[rows].softmax(dim=0) @ jacobian

    def after_epoch(self, means: Mapping[int, float]) -> None:
        self.epochs += 1

    def _update(self, rows: Tensor, risks: Tensor) -> None:
        warming = self.epochs < self._warm_up
        measured = torch.ones_like(risks, dtype=torch.bool) if warming else self.counts[rows] == 0
        self.risks[rows] += torch.where(measured, risks, 0.0)
        self.counts[rows] += measured
        if not warming:
            scaled = risks / (self.risks[rows] / self.counts[rows] + EPSILON)
            before = self.log_weights[rows]
            grown = (before + self._step_size * scaled).log_softmax(dim=0)
            self.log_weights[rows] = grown + before.logsumexp(dim=0)  # the tasks that take part keep their sum


def _resize_squares(balancer: ExcessMTLBalancer, state: Mapping[str, Tensor], prefix: str, *_: object) -> None:
    """Give the squares the size that a checkpoint has, which a new balancer does not know."""
    balancer.squares = torch.zeros_like(state[prefix + "squares"])
