"""The network that joins input layer, trunk and heads."""

from typing import Self

import torch
from torch import Tensor, nn

from mtl_core.data.encoder import Encoder
from mtl_core.model.head import Head
from mtl_core.model.inputs import InputLayer
from mtl_core.problem import Model

__all__ = ["Network"]


class Network(nn.Module):
    """Blocks of a batch -> logits per task: {"ids": (B, C), "floats": (B, D)} -> {task: (B, outputs)}."""

    def __init__(self, encoder: Encoder, options: Model) -> None:
        super().__init__()
        self.tasks = tuple(task.name for task in encoder.tasks)
        self.input = InputLayer(encoder, options.embedding)
        self.trunk = options.trunk.build(self.input.width, len(self.tasks))
        # A list, not a dict by name: a task may be called what a module's attribute is called.
        self.heads = nn.ModuleList(Head(options.head, self.trunk.out_width, task.outputs) for task in encoder.tasks)

    @classmethod
    def seeded(cls, encoder: Encoder, options: Model, seed: int) -> Self:
        """The network with the initial weights of that seed."""
        torch.manual_seed(seed)
        return cls(encoder, options)

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        shared = self.trunk(self.input(inputs))  # per task (B, out_width)
        return {task: head(x) for task, head, x in zip(self.tasks, self.heads, shared, strict=True)}
