"""No sharing: every task has an input layer and a stack of its own. The yardstick of all sharing."""

from typing import ClassVar, Literal

from torch import Tensor, nn

from mtl_core.trunks.base import Trunk, TrunkOptions
from mtl_core.trunks.layers import Dropout, Stack, Widths

__all__ = ["SingleTask", "SingleTaskTrunk"]


class SingleTask(TrunkOptions):
    """As many networks as tasks, each as large as `shared_bottom` of these widths."""

    own_inputs: ClassVar[bool] = True

    kind: Literal["single_task"] = "single_task"
    widths: Widths = (256, 128)
    dropout: Dropout = 0.1

    def build(self, width: int, tasks: int) -> Trunk:
        return SingleTaskTrunk(self, width, tasks)


class SingleTaskTrunk(Trunk):
    """A stack per task."""

    def __init__(self, options: SingleTask, width: int, tasks: int) -> None:
        super().__init__()
        self.stacks = nn.ModuleList(Stack(width, options.widths, options.dropout) for _ in range(tasks))
        self.out_width = options.widths[-1]

    def forward(self, x: Tensor) -> tuple[Tensor, ...]:  # (..., tasks, width)
        return tuple(stack(x[..., task, :]) for task, stack in enumerate(self.stacks))  # tasks times (..., out_width)

    def own(self, task: int) -> tuple[nn.Parameter, ...]:
        return tuple(self.stacks[task].parameters())
