"""No sharing: a separate input layer and MLP per task. The baseline of all sharing."""

from torch import Tensor, nn

from mtl_core.nn.mlp import MLP
from mtl_core.trunks.base import Trunk


class SingleTaskTrunk(Trunk):
    """An MLP per task."""

    def __init__(self, width: int, tasks: int, *, widths: tuple[int, ...], dropout: float) -> None:
        super().__init__()
        self.stacks = nn.ModuleList(MLP(width, widths, dropout) for _ in range(tasks))
        self.out_width = widths[-1]

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:  # (..., tasks, width)
        return tuple(mlp(x[..., task, :]) for task, mlp in enumerate(self.stacks))  # tasks times (..., out_width)

    def task_parameters(self, task: int) -> tuple[nn.Parameter, ...]:
        return tuple(self.stacks[task].parameters())
