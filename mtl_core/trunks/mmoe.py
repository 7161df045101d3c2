"""MMoE: experts that all tasks share, mixed for each task by a gate of its own.

Ma, Zhao, Yi, Chen, Hong and Chi 2018, "Modeling Task Relationships in Multi-task Learning with Multi-gate
Mixture-of-Experts", KDD, section "Multi-gate Mixture-of-Experts": task k sees f^k(x) = sum_i g^k(x)_i f_i(x) with
g^k(x) = softmax(W_gk x). We give the gates a bias, and the experts LayerNorm and dropout.
"""

from typing import Literal

from torch import Tensor, nn

from mtl_core.trunks.base import Trunk, TrunkOptions
from mtl_core.trunks.layers import Count, Dropout, Experts, Gate, Widths

__all__ = ["MMoE", "MMoETrunk"]


class MMoE(TrunkOptions):
    """Multi-gate mixture of experts."""

    kind: Literal["mmoe"] = "mmoe"
    experts: Count = 4
    """How many; all tasks share them."""
    widths: Widths = (128, 128)
    """The layers of every expert."""
    dropout: Dropout = 0.1

    def build(self, width: int, tasks: int) -> Trunk:
        return MMoETrunk(self, width, tasks)


class MMoETrunk(Trunk):
    """Experts, and a gate per task that sees the trunk's input."""

    def __init__(self, options: MMoE, width: int, tasks: int) -> None:
        super().__init__()
        self.experts = Experts(options.experts, width, options.widths, options.dropout)
        self.gates = nn.ModuleList(Gate(width, options.experts) for _ in range(tasks))
        self.out_width = self.experts.out_width

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:  # (..., width)
        experts = self.experts(x)  # (experts, ..., out_width)
        # Gate by gate: in one product, a task at rest would have a gradient of zeros, not none.
        return tuple(gate(x, experts) for gate in self.gates)  # tasks times (..., out_width)

    def own(self, task: int) -> tuple[nn.Parameter, ...]:
        return tuple(self.gates[task].parameters())
