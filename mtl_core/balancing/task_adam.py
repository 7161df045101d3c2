"""Adam over one value per task, for weights that the network's optimiser does not train."""

import torch
from torch import Tensor, nn
from torch.optim.adam import adam


class TaskAdam(nn.Module):
    """Adam (Kingma and Ba 2015, algorithm 1) whose whole state is in buffers, hence in a checkpoint.

    The value and the moments of a task without a gradient stay bit-identical.
    """

    values: Tensor
    """(tasks,)."""

    def __init__(self, start: Tensor, *, learning_rate: float, weight_decay: float = 0.0) -> None:
        super().__init__()
        self._learning_rate, self._weight_decay = learning_rate, weight_decay
        self.register_buffer("values", start)
        for name in ("means", "squares", "steps"):
            self.register_buffer(name, torch.zeros_like(start))

    def step(self, positions: list[int], gradient: Tensor) -> None:
        """Update the values at those positions by their (present,) gradient."""
        # Views, which Adam updates in place.
        values, means, squares, steps = ([buffer[position] for position in positions] for buffer in self.buffers())
        adam(
            *(values, list(gradient.unbind()), means, squares, [], steps),
            foreach=False,
            amsgrad=False,
            beta1=0.9,
            beta2=0.999,
            lr=self._learning_rate,
            weight_decay=self._weight_decay,
            eps=1e-8,
            maximize=False,
        )
