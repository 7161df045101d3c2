"""The head of one task."""

from torch import Tensor, nn

from mtl_core.config import HeadOptions
from mtl_core.nn.dropout import FastDropout
from mtl_core.nn.linear import OneDnnLinear
from mtl_core.tasks import Objective


class Head(nn.Module):
    """(..., width) -> (..., outputs) logits, through one hidden layer where the options have one."""

    def __init__(self, options: HeadOptions, width: int, objective: Objective) -> None:
        super().__init__()
        hidden: list[nn.Module] = []
        if options.width:
            hidden = [OneDnnLinear(width, options.width), nn.ReLU(), FastDropout(options.dropout)]
            width = options.width
        self.hidden = nn.Sequential(*hidden)
        self.last = objective.head_layer(width)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.last(self.hidden(x))
        return logits
