"""A head: what belongs to one task alone."""

from torch import Tensor, nn

from mtl_core.problem import HeadOptions

__all__ = ["Head"]


class Head(nn.Module):
    """(..., width) -> (..., outputs) logits, through one hidden layer where the options ask for it."""

    def __init__(self, options: HeadOptions, width: int, outputs: int) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        if options.width:
            layers = [nn.Linear(width, options.width), nn.ReLU(), nn.Dropout(options.dropout)]
            width = options.width
        self.layers = nn.Sequential(*layers, nn.Linear(width, outputs))

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.layers(x)
        return logits
