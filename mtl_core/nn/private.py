"""The tasks' private layers."""

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mtl_core.nn.linear import OneDnnLinear, linear


class PrivateLayers(nn.ModuleList):
    """A linear layer with ReLU per task, (..., width) -> (..., out_width); no layers if `out_width` is 0."""

    def __init__(self, width: int, out_width: int, tasks: int) -> None:
        super().__init__(OneDnnLinear(width, out_width) for _ in range(tasks if out_width else 0))

    def forward(self, x: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """An input per task, or one for all tasks -> an output per task."""
        if len(x) > 1 or not self.training:
            inputs = x if len(x) > 1 else [x[0]] * len(self)
            return tuple(F.relu(layer(task_input)) for layer, task_input in zip(self, inputs, strict=True))
        # One product for all tasks: in small batches a call takes longer than its product.
        weight, bias = (torch.cat([getattr(layer, name) for layer in self]) for name in ("weight", "bias"))
        return F.relu(linear(x[0], weight, bias)).chunk(len(self), dim=-1)
