"""AdaTT: each task has experts and takes from everybody's, level by level.

Li, Zhang, Yuan, Gao, Zhang, Yang, Liu and Yang 2023, "AdaTT: Adaptive Task-to-Task Fusion Network for Multitask
Learning in Recommendations", KDD, section 3: without shared experts AdaTT-sp (3.1), with them the general form (3.2). A
unit is equation 11, which is 7 to 10 in one product. We take a single native expert as it is in every unit (the paper:
where all units have a single one), start several at their mean, and give gates a bias, experts LayerNorm and dropout.
"""

from typing import Annotated, Literal, cast

import torch
import torch.nn.functional as F
from pydantic import Field
from torch import Tensor, nn

from mtl_core.trunks.base import Trunk, TrunkOptions
from mtl_core.trunks.layers import Count, Dropout, Experts, Gate, Widths, mixed

__all__ = ["AdaTT", "AdaTTTrunk", "Fusion", "FusionUnit"]


class AdaTT(TrunkOptions):
    """Adaptive task-to-task fusion."""

    kind: Literal["adatt"] = "adatt"
    experts: Count = 1
    """Of every task, at each level."""
    shared_experts: Annotated[int, Field(ge=0, le=64)] = 0
    """Of no single task, at each level; without any this is AdaTT-sp."""
    levels: Count = 2
    widths: Widths = (128,)
    """The layers of every expert, at each level."""
    dropout: Dropout = 0.1

    def build(self, width: int, tasks: int) -> Trunk:
        return AdaTTTrunk(self, width, tasks)


class AdaTTTrunk(Trunk):
    """Levels of fusion, one upon the other."""

    def __init__(self, options: AdaTT, width: int, tasks: int) -> None:
        super().__init__()
        self.out_width = options.widths[-1]
        self.streams = tasks + (options.shared_experts > 0)
        widths = (width, *[self.out_width] * (options.levels - 1))
        self.levels = nn.ModuleList(
            Fusion(options, width, tasks, last=level == options.levels) for level, width in enumerate(widths, start=1)
        )

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:  # (..., width)
        streams = (x,) * self.streams  # every task's, and the shared one if any
        for level in self.levels:
            streams = level(streams)
        return streams  # tasks times (..., out_width)

    def own(self, task: int) -> tuple[nn.Parameter, ...]:
        # Every task takes from every expert, and what a unit below the last level makes is some expert's input.
        return tuple(cast(Fusion, self.levels[-1]).units[task].parameters())


class Fusion(nn.Module):
    """One level: streams of every task and a shared one, if any -> the same, without the shared one at the last."""

    def __init__(self, options: AdaTT, width: int, tasks: int, *, last: bool) -> None:
        super().__init__()
        shared = [options.shared_experts] if options.shared_experts else []
        self.natives = [options.experts] * tasks + shared  # of each stream
        units = self.natives[:tasks] if last else self.natives
        experts = sum(self.natives)
        self.experts = Experts(experts, width, options.widths, options.dropout)
        self.units = nn.ModuleList(
            FusionUnit(width, experts, first=sum(units[:unit]), natives=natives) for unit, natives in enumerate(units)
        )

    def forward(self, streams: tuple[Tensor, ...]) -> tuple[Tensor, ...]:  # each (..., width)
        inputs = [x for x, natives in zip(streams, self.natives, strict=True) for _ in range(natives)]
        experts = self.experts(*inputs)  # (experts, ..., out_width)
        return tuple(unit(x, experts) for unit, x in zip(self.units, streams, strict=False))  # each (..., out_width)


class FusionUnit(nn.Module):
    """A gate over all experts, plus a learned combination of the native ones: so many of them, from `first` on."""

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
        return mixed(self.gate.weights(x) + F.pad(self.native, self.padding), experts)  # (..., out_width)
