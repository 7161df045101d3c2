"""The network that joins input layer, trunk and heads."""

from typing import Self

import torch
from torch import Tensor, nn

from mtl_core.balancing import Shared
from mtl_core.config import Model
from mtl_core.data.encoder import Encoder
from mtl_core.model.head import Head
from mtl_core.model.inputs import InputLayer

__all__ = ["Network"]


class Network(nn.Module):
    """Blocks of a batch by name -> logits per task: {task: (B, outputs)}."""

    def __init__(self, encoder: Encoder, options: Model) -> None:
        super().__init__()
        self.tasks = tuple(task.name for task in encoder.tasks)
        separate_inputs = options.trunk.separate_inputs
        inputs = [InputLayer(encoder, options) for _ in range(len(self.tasks) if separate_inputs else 1)]
        self.inputs = nn.ModuleList(inputs)
        self.trunk = options.trunk.build(inputs[0].width, len(self.tasks))
        # A list, not a dict by name: a task may be called what a module's attribute is called.
        self.heads = nn.ModuleList(Head(options.head, self.trunk.out_width, task) for task in encoder.tasks)
        self._separate_inputs = separate_inputs

    @classmethod
    def seeded(cls, encoder: Encoder, options: Model, seed: int) -> Self:
        """The network with the initial weights of that seed."""
        torch.manual_seed(seed)
        return cls(encoder, options)

    def represent(self, inputs: dict[str, Tensor]) -> tuple[Tensor, ...]:
        """Blocks -> per task, in order, (B, out_width): what its head sees."""
        rows = [layer(inputs).row for layer in self.inputs]  # (B, width) each
        representations: tuple[Tensor, ...] = self.trunk(
            torch.stack(rows, dim=-2) if self._separate_inputs else rows[0]
        )
        return representations

    def forward(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        representations = self.represent(inputs)
        return {task: head(x) for task, head, x in zip(self.tasks, self.heads, representations, strict=True)}

    def own(self, task: int) -> tuple[nn.Parameter, ...]:
        """The parameters that serve that task alone: its head, and what the trunk has for it."""
        inputs = self.inputs[task].parameters() if self._separate_inputs else ()
        return (*inputs, *self.trunk.task_parameters(task), *self.heads[task].parameters())

    def shared(self) -> Shared:
        """Every other parameter."""
        own = {id(parameter) for task in range(len(self.tasks)) for parameter in self.own(task)}
        parameters = tuple(parameter for parameter in self.parameters() if id(parameter) not in own)
        return Shared(
            parameters=parameters,
            last=next((parameter for parameter in reversed(parameters) if parameter.ndim > 1), None),
        )
