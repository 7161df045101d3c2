"""AdaTT: every task has experts of its own, and mixes those of all tasks, level by level.

Li, Zhang, Yuan, Gao, Zhang, Yang, Liu and Yang 2023, "AdaTT: Adaptive Task-to-Task Fusion Network for Multitask
Learning in Recommendations", KDD, section 3: without shared experts AdaTT-sp (3.1), with them the general form (3.2). A
unit is equation 11, which is 7 to 10 in one product.

Departs from the paper: a single native expert has no learned weight in any unit (the paper: where all units have a
single one), several start with their mean, gates have a bias, experts have LayerNorm and dropout.
"""

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mtl_core.nn.experts import Experts, Gate, mixture
from mtl_core.trunks.base import Trunk


class AdaTTTrunk(Trunk):
    """Levels of fusion, one after the other."""

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
        """`experts` of every task and `shared_experts`, which may be 0, at each level; `widths` of every expert."""
        super().__init__()
        self.out_width = widths[-1]
        self.streams = tasks + (shared_experts > 0)
        in_widths = (width, *[self.out_width] * (levels - 1))
        self.levels = nn.ModuleList(
            Fusion(
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
        streams = (x,) * self.streams  # every task's, and the shared one if any
        for level in self.levels:
            streams = level(streams)
        return streams  # tasks times (..., out_width)

    def task_parameters(self, task: int) -> tuple[nn.Parameter, ...]:
        # Every task mixes all experts, and the output of a unit below the last level is the input of some expert.
        return tuple(cast(Fusion, self.levels[-1]).units[task].parameters())


class Fusion(nn.Module):
    """A level of fusion: streams of every task and a shared one, if any -> the same, at the last level without it."""

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
        self.natives = [experts] * tasks + ([shared_experts] if shared_experts else [])  # of each stream
        units = self.natives[:tasks] if last else self.natives
        total = sum(self.natives)
        self.experts = Experts(total, width, widths, dropout)
        self.units = nn.ModuleList(
            FusionUnit(width, total, first=sum(units[:unit]), natives=natives) for unit, natives in enumerate(units)
        )

    def forward(self, streams: tuple[Tensor, ...]) -> tuple[Tensor, ...]:  # each (..., width)
        inputs = [x for x, natives in zip(streams, self.natives, strict=True) for _ in range(natives)]
        experts = self.experts(*inputs)  # (experts, ..., out_width)
        return tuple(unit(x, experts) for unit, x in zip(self.units, streams, strict=False))  # each (..., out_width)


class FusionUnit(nn.Module):
    """A gate over all experts, plus a learned combination of the native ones: `natives` experts from `first` on."""

    def __init__(self, width: int, experts: int, *, first: int, natives: int) -> None:
        super().__init__()
        self.gate = Gate(width, experts)
        self.padding = (first, experts - first - natives)
        mean = torch.full((natives,), 1 / natives)
        if natives > 1:
            self.native = nn.Parameter(mean)
        else:
            self.register_buffer("native", mean, persistent=False)

    def forward(self, x: Tensor, experts: Tensor) -> Tensor:  # (..., width), (experts, ..., out_width)
        return mixture(self.gate.weights(x) + F.pad(self.native, self.padding), experts)  # (..., out_width)
