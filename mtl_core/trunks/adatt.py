"""AdaTT: task-specific experts, and per task and level a gate over the experts of all tasks.

Li, Zhang, Yuan, Gao, Zhang, Yang, Liu and Yang 2023, "AdaTT: Adaptive Task-to-Task Fusion Network for Multitask
Learning in Recommendations", KDD, section 3: without shared experts AdaTT-sp (3.1), with them the general form (3.2). A
unit is equation 11, which is 7 to 10 in one product.

Departs from the paper: a single native expert never has a learned weight (the paper: only if all units have a single
one), the weights of several start as their mean, gates have a bias, experts have LayerNorm and dropout.
"""

from typing import ClassVar, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mtl_core.nn.experts import Experts, Gate, mixture
from mtl_core.trunks.ple import PLETrunk


class Fusion(nn.Module):
    """A level of fusion. Streams: one per task, and a shared one, if any, which the last level does not return."""

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
        self.natives = [experts] * tasks + ([shared_experts] if shared_experts else [])  # number per stream
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
    """A gate over all experts, plus a learned combination of the native ones: `natives` experts from index `first`."""

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


class AdaTTTrunk(PLETrunk):
    """Levels of fusion, one after the other; `shared_experts` may be 0."""

    level_type: ClassVar[type[nn.Module]] = Fusion

    def task_parameters(self, task: int) -> tuple[nn.Parameter, ...]:
        # The output of a unit below the last level is the input of experts that all tasks mix.
        return tuple(cast(Fusion, self.levels[-1]).units[task].parameters())
