"""MMoE: shared experts, mixed by a gate per task.

Ma, Zhao, Yi, Chen, Hong and Chi 2018, "Modeling Task Relationships in Multi-task Learning with Multi-gate
Mixture-of-Experts", KDD, section "Multi-gate Mixture-of-Experts": task k sees f^k(x) = sum_i g^k(x)_i f_i(x) with
g^k(x) = softmax(W_gk x).

Departs from the paper: gates have a bias, experts have LayerNorm and dropout.
"""

from torch import Tensor, nn

from mtl_core.nn.experts import Experts, Gate
from mtl_core.trunks.base import Trunk


class MMoETrunk(Trunk):
    """Experts, and a gate per task on the trunk's input."""

    def __init__(self, width: int, tasks: int, *, experts: int, widths: tuple[int, ...], dropout: float) -> None:
        super().__init__()
        self.experts = Experts(experts, width, widths, dropout)
        self.gates = nn.ModuleList(Gate(width, experts) for _ in range(tasks))
        self.out_width = self.experts.out_width

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:  # (..., width)
        experts = self.experts(x)  # (experts, ..., out_width)
        # One product for all gates would give a paused task a gradient of zeros instead of None.
        return tuple(gate(x, experts) for gate in self.gates)  # tasks times (..., out_width)

    def task_parameters(self, task: int) -> tuple[nn.Parameter, ...]:
        return tuple(self.gates[task].parameters())
