"""ExcessMTL: more weight for tasks that are farther from their best achievable loss, as estimated from gradients.

He et al. 2024, "Robust Multi-Task Learning with Excess Risks", ICML, equations 6, 7 and 9: weights on the simplex grow
exponentially with each task's excess risk, the sum of gradient^2 / sqrt(sum of its squares so far), relative to its
mean over the warm-up.

Implemented here, since torchjd keeps the state outside of its buffers and resets it when the number of tasks changes. A
task that takes no part keeps its weight. A task without a risk in the warm-up is scaled by its first risk. The size of
the state is tasks x shared parameters.
"""

from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor

from mtl_core.balancing.jacobian import GradientBalancer

EPSILON = 1e-7
"""Added to divisors, as in the authors' code."""


class ExcessMTLBalancer(GradientBalancer):
    """`step_size`: of the exponent; `warm_up`: epochs with equal weights."""

    method: ClassVar[str] = "excess_mtl"

    log_weights: Tensor  # (tasks,)
    squares: Tensor  # (tasks, width) sums of squared gradients; width is 0 before the first step
    risks: Tensor  # (tasks,) sums over the warm-up
    counts: Tensor  # (tasks,) number of risks in each sum
    epochs: Tensor  # ()

    def __init__(self, tasks: tuple[str, ...], *, step_size: float, warm_up: int) -> None:
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
        warming_up = self.epochs < self._warm_up
        counted = torch.ones_like(risks, dtype=torch.bool) if warming_up else self.counts[rows] == 0
        self.risks[rows] += torch.where(counted, risks, 0.0)
        self.counts[rows] += counted
        if not warming_up:
            scaled = risks / (self.risks[rows] / self.counts[rows] + EPSILON)
            before = self.log_weights[rows]
            after = (before + self._step_size * scaled).log_softmax(dim=0)
            self.log_weights[rows] = after + before.logsumexp(dim=0)  # keeps the sum of the weights of these tasks


def _resize_squares(balancer: ExcessMTLBalancer, state: Mapping[str, Tensor], prefix: str, *_: object) -> None:
    """Resize the squares of a new balancer to the size in a checkpoint."""
    balancer.squares = torch.zeros_like(state[prefix + "squares"])
