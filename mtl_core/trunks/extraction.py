"""Extraction: what CGC and PLE are built of.

Tang, Liu, Zhao and Gong 2020, "Progressive Layered Extraction (PLE): A Novel Multi-Task Learning (MTL) Model for
Personalized Recommendations", RecSys. At each level every task has experts of its own, and there are shared ones. A
task's gate mixes the task's own with the shared ones (section "Customized Gate Control"), a shared gate mixes all of
them and feeds the shared experts of the next level (section "Progressive Layered Extraction"). Gates and experts see
what their stream came to one level below. We give the gates a bias, and the experts LayerNorm and dropout.

A task's expert below the last level reaches the other tasks through the shared gate, so it is not the task's own.
"""

from abc import ABC
from typing import cast

import torch
from torch import Tensor, nn

from mtl_core.trunks.base import Trunk, TrunkOptions
from mtl_core.trunks.layers import Count, Dropout, Experts, Gate, Widths

__all__ = ["Extraction", "ExtractionOptions", "ExtractionTrunk"]


class ExtractionOptions(TrunkOptions, ABC):
    """What CGC and PLE have in common."""

    kind: str
    experts: Count = 1
    """Of every task, at each level."""
    shared_experts: Count = 1
    """Of all tasks, at each level."""
    widths: Widths = (128, 128)
    """The layers of every expert."""
    dropout: Dropout = 0.1


class ExtractionTrunk(Trunk):
    """Levels of extraction, one upon the other."""

    def __init__(self, options: ExtractionOptions, width: int, tasks: int, *, levels: int) -> None:
        super().__init__()
        self.tasks, self.out_width = tasks, options.widths[-1]
        widths = (width, *[self.out_width] * (levels - 1))
        self.levels = nn.ModuleList(
            Extraction(options, width, tasks, last=level == levels) for level, width in enumerate(widths, start=1)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:  # (..., width)
        streams = (x,) * (self.tasks + 1)  # every task's, and the shared one
        for level in self.levels:
            streams = level(streams)
        return streams  # tasks times (..., out_width)

    def own(self, task: int) -> tuple[nn.Parameter, ...]:
        # A gate feeds its task's experts one level up; those of the last level feed the task alone.
        levels = [cast(Extraction, level) for level in self.levels[-2:]]
        parts = (*(level.gates[task] for level in levels), levels[-1].experts[task])
        return tuple(parameter for part in parts for parameter in part.parameters())


class Extraction(nn.Module):
    """One level: streams of every task and a shared one -> the same, without the shared one at the last level."""

    def __init__(self, options: ExtractionOptions, width: int, tasks: int, *, last: bool) -> None:
        super().__init__()
        own, shared = options.experts, options.shared_experts
        self.experts = nn.ModuleList(Experts(own, width, options.widths, options.dropout) for _ in range(tasks))
        self.shared_experts = Experts(shared, width, options.widths, options.dropout)
        self.gates = nn.ModuleList(Gate(width, own + shared) for _ in range(tasks))
        self.shared_gate = None if last else Gate(width, tasks * own + shared)

    def forward(self, streams: tuple[Tensor, ...]) -> tuple[Tensor, ...]:  # tasks + 1 times (..., width)
        *inputs, shared_input = streams
        own = [experts(x) for experts, x in zip(self.experts, inputs, strict=True)]  # (experts, ..., out_width) each
        shared = self.shared_experts(shared_input)  # (shared_experts, ..., out_width)
        mixtures = zip(self.gates, inputs, own, strict=True)
        outputs = tuple(gate(x, torch.cat([experts, shared])) for gate, x, experts in mixtures)
        if self.shared_gate is None:
            return outputs
        return (*outputs, self.shared_gate(shared_input, torch.cat([*own, shared])))
