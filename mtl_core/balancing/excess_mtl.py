"""Excess risks: a task weighs more the farther it is from the best that it could be (He 2024)."""

from collections.abc import Mapping
from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor

from mtl_core.balancing.base import Balancer, Balancing
from mtl_core.balancing.jacobian import GradientBalancer

__all__ = ["ExcessMTL"]

SMALL = 1e-7
"""Keeps divisors from 0, as in the authors' code."""


class ExcessMTL(Balancing):
    """Weights on the simplex that grow exponentially with each task's excess risk, as its gradient estimates it: the
    sum of `gradient² / sqrt(its squares so far)`, relative to its mean over the warm-up (He 2024, equations 6, 7, 9).

    Written out here, since torchjd keeps that state where no checkpoint sees it and starts anew when the number of
    tasks changes. A task that takes no part keeps its weight. One that took none in the warm-up, or one without a
    warm-up, is measured by the first risk found. The state is as large as the shared parameters, times the tasks.
    """

    needs_sharing: ClassVar[bool] = True

    method: Literal["excess_mtl"] = "excess_mtl"
    step_size: Annotated[float, Field(gt=0)] = 0.01
    """Of the exponent; the paper's eta."""
    warm_up: Annotated[int, Field(ge=0)] = 3
    """Epochs with equal weights; the paper's appendix C.1 has 3."""

    def build(self, tasks: tuple[str, ...]) -> Balancer:
        return ExcessBalancer(self, tasks)


class ExcessBalancer(GradientBalancer):
    """State per task in buffers."""

    log_weights: Tensor  # (tasks,)
    squares: Tensor  # (tasks, width), without width before the first step
    risks: Tensor  # (tasks,) summed over the warm-up
    counts: Tensor  # (tasks,) how often
    epochs: Tensor  # ()

    def __init__(self, options: ExcessMTL, tasks: tuple[str, ...]) -> None:
        super().__init__(options.method, tasks)
        self._options = options
        self.register_buffer("log_weights", torch.full((len(tasks),), 1 / len(tasks)).log())
        self.register_buffer("squares", torch.zeros(len(tasks), 0))
        self.register_buffer("risks", torch.zeros(len(tasks)))
        self.register_buffer("counts", torch.zeros(len(tasks)))
        self.register_buffer("epochs", torch.tensor(0))
        self.register_load_state_dict_pre_hook(_as_wide)  # type: ignore[no-untyped-call] # torch's

    def direction(self, positions: tuple[int, ...], jacobian: Tensor) -> Tensor:
        rows = torch.tensor(positions)
        if self.squares.shape[1] != jacobian.shape[1]:
            self.squares = jacobian.new_zeros(len(self.tasks), jacobian.shape[1])
        squared = jacobian.square()
        self.squares[rows] += squared
        risks = (squared / (self.squares[rows] + SMALL).sqrt()).sum(dim=1)  # (present,)
        self._learn(rows, risks)
        return self.log_weights[rows].softmax(dim=0) @ jacobian

    def after_epoch(self, means: Mapping[int, float]) -> None:
        self.epochs += 1

    def _learn(self, rows: Tensor, risks: Tensor) -> None:
        warming = self.epochs < self._options.warm_up
        measured = torch.ones_like(risks, dtype=torch.bool) if warming else self.counts[rows] == 0
        self.risks[rows] += torch.where(measured, risks, 0.0)
        self.counts[rows] += measured
        if not warming:
            scaled = risks / (self.risks[rows] / self.counts[rows] + SMALL)
            before = self.log_weights[rows]
            grown = (before + self._options.step_size * scaled).log_softmax(dim=0)
            self.log_weights[rows] = grown + before.logsumexp(dim=0)  # those who take part keep their sum


def _as_wide(balancer: ExcessBalancer, state: Mapping[str, Tensor], prefix: str, *_: object) -> None:
    """Makes room for the squares of a checkpoint, since a new balancer does not know how many there are."""
    balancer.squares = torch.zeros_like(state[prefix + "squares"])
