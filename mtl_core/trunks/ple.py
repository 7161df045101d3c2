"""PLE: task-specific and shared experts in several levels of extraction.

Tang, Liu, Zhao and Gong 2020, "Progressive Layered Extraction (PLE): A Novel Multi-Task Learning (MTL) Model for
Personalized Recommendations", RecSys. Every level has experts per task and shared experts. The gate of a task mixes the
experts of that task and the shared ones (section "Customized Gate Control"). A shared gate mixes all experts; its
output is the input of the shared experts of the next level (section "Progressive Layered Extraction"). The input of
gates and experts is the output of their stream one level below.

Departs from the paper: gates have a bias, experts have LayerNorm and dropout.

Below the last level, the experts of a task affect the other tasks through the shared gate.
"""

from typing import ClassVar, cast

import torch
from torch import Tensor, nn

from mtl_core.nn.experts import Experts, Gate
from mtl_core.trunks.base import Trunk


class Extraction(nn.Module):
    """A level of extraction. Streams: one per task, and a shared one, which the last level does not return."""

    def __init__(
        self,
        width: int,
        tasks: int,
        *,
        experts: int,
        shared_experts: int,
        widths: tuple[int, ...],
        dropout: float,
        last: bool,
    ) -> None:
        super().__init__()
        self.experts = nn.ModuleList(Experts(experts, width, widths, dropout) for _ in range(tasks))
        self.shared_experts = Experts(shared_experts, width, widths, dropout)
        self.gates = nn.ModuleList(Gate(width, experts + shared_experts) for _ in range(tasks))
        self.shared_gate = None if last else Gate(width, tasks * experts + shared_experts)

    def forward(self, streams: tuple[Tensor, ...]) -> tuple[Tensor, ...]:  # tasks + 1 times (..., width)
        *inputs, shared_input = streams
        # Outputs of experts, (experts, ..., out_width) each.
        per_task = [experts(x) for experts, x in zip(self.experts, inputs, strict=True)]
        shared = self.shared_experts(shared_input)
        gated = zip(self.gates, inputs, per_task, strict=True)
        outputs = tuple(gate(x, torch.cat([experts, shared])) for gate, x, experts in gated)
        if self.shared_gate is None:
            return outputs
        return (*outputs, self.shared_gate(shared_input, torch.cat([*per_task, shared])))


class PLETrunk(Trunk):
    """Levels of experts, one after the other."""

    level_type: ClassVar[type[nn.Module]] = Extraction

    def __init__(
        self,
        width: int,
        tasks: int,
        *,
        experts: int,
        shared_experts: int,
        levels: int,
        widths: tuple[int, ...],
        dropout: float,
    ) -> None:
        """`experts` per task and `shared_experts` at each level; layer `widths` of every expert."""
        super().__init__()
        self.out_width = widths[-1]
        self.streams = tasks + (shared_experts > 0)
        in_widths = (width, *[self.out_width] * (levels - 1))
        self.levels = nn.ModuleList(
            self.level_type(
                in_width,
                tasks,
                experts=experts,
                shared_experts=shared_experts,
                widths=widths,
                dropout=dropout,
                last=level == levels,
            )
            for level, in_width in enumerate(in_widths, start=1)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:  # (..., width)
        streams = (x,) * self.streams  # one per task, and a shared one if there are shared experts
        for level in self.levels:
            streams = level(streams)
        return streams  # tasks times (..., out_width)

    def task_parameters(self, task: int) -> tuple[nn.Parameter, ...]:
        # The output of a gate is the input of the task's experts one level up; those of the last level affect one task.
        levels = [cast(Extraction, level) for level in self.levels[-2:]]
        modules = (*(level.gates[task] for level in levels), levels[-1].experts[task])
        return tuple(parameter for module in modules for parameter in module.parameters())
