"""Multi-layer perceptron."""

from torch import Tensor, nn

from mtl_core.nn.dropout import FastDropout
from mtl_core.nn.linear import OneDnnLinear


class MLP(nn.Module):
    """Linear layers, each with LayerNorm, ReLU and dropout: (..., width) -> (..., out_width).

    LayerNorm has no running statistics, which would change for a paused task.
    """

    def __init__(self, width: int, widths: tuple[int, ...], dropout: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for out_width in widths:
            layers += [OneDnnLinear(width, out_width), nn.LayerNorm(out_width), nn.ReLU(), FastDropout(dropout)]
            width = out_width
        self.layers = nn.Sequential(*layers)
        self.out_width = width

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.layers(x)
        return out
