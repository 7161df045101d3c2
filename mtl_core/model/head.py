"""The head of one task."""

from torch import Tensor, nn

from mtl_core.config import HeadOptions
from mtl_core.tasks import Objective
from mtl_core.trunks.dropout import QuickDropout
from mtl_core.trunks.linear import QuickLinear

__all__ = ["Head"]


class Head(nn.Module):
    """(..., width) -> (..., outputs) logits, through one hidden layer where the options ask for it."""

    def __init__(self, options: HeadOptions, width: int, objective: Objective) -> None:
        super().__init__()
        hidden: list[nn.Module] = []
        if options.width:
            hidden = [QuickLinear(width, options.width), nn.ReLU(), QuickDropout(options.dropout)]
            width = options.width
        self.hidden = nn.Sequential(*hidden)
        self.last = objective.head_layer(width)

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.last(self.hidden(x))
        return logits
