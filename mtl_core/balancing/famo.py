"""FAMO: fast adaptive multitask optimization, under which all losses fall at about the same rate.

Liu, Feng, Stone and Liu 2023, "FAMO: Fast Adaptive Multitask Optimization", NeurIPS, algorithm 1: the sum of
z log(loss), scaled to a convex combination of gradients, where z is the softmax of a logit per task. After each step
Adam updates the logits by the decrease of each logarithm.

Departs from the paper where tasks take no part: the softmax is over the others, and only their logits change. 1e-8 is
added to every loss.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torchjd import scalarization

from mtl_core.balancing.base import Losses
from mtl_core.balancing.scalarisation import MIN_LOSS, ScalarisationBalancer, refuse_negative
from mtl_core.balancing.task_adam import TaskAdam


class FAMOBalancer(ScalarisationBalancer):
    """torchjd's weighted sum, with logits that are updated here.

    torchjd keeps the state of its Adam outside of its buffers, and updates the logits of tasks that take no part.
    """

    def __init__(self, tasks: tuple[str, ...], *, learning_rate: float, weight_decay: float) -> None:
        """Learning rate and weight decay are those of the logits."""
        super().__init__()
        self._tasks = tasks
        start = torch.zeros(len(tasks))
        self.logits = TaskAdam(start, learning_rate=learning_rate, weight_decay=weight_decay)
        self._before: tuple[list[int], Tensor] = [], start

    def total(self, positions: list[int], losses: Tensor) -> Tensor:
        refuse_negative("famo", self._tasks, positions, losses)
        self._before = positions, losses.detach()
        weighted = scalarization.FAMO(len(positions))
        torch.nn.utils.vector_to_parameters(self.logits.values[positions], weighted.parameters())
        return weighted(losses)

    def after_step(self, losses: Callable[[], Losses]) -> None:
        positions, before = self._before
        losses_after = losses()
        after = torch.stack([losses_after[position] for position in positions])
        refuse_negative("famo", self._tasks, positions, after)
        decrease = (before + MIN_LOSS).log() - (after + MIN_LOSS).log()
        weights = self.logits.values[positions].softmax(dim=0)
        self.logits.step(positions, weights * (decrease - weights @ decrease))
