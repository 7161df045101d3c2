"""Convolutional encoder."""

from torch import Tensor, nn

from mtl_core.nn.dropout import FastDropout
from mtl_core.nn.text.encoder import TextEncoder, masked


class ConvEncoder(TextEncoder):
    """Layers of convolution, LayerNorm, ReLU and dropout: (B, L, width) -> (B, L, out_width).

    Padding is set to 0 before each layer, as the convolution does beyond the longest row. A layer whose input is as
    wide as its output adds the input to it (He et al. 2016, "Deep Residual Learning for Image Recognition").
    """

    def __init__(self, width: int, out_width: int, *, layers: int, kernel: int, dropout: float) -> None:
        """kernel: number of neighbouring items that a layer combines, odd."""
        super().__init__()
        self.out_width = out_width
        self.layers = nn.ModuleList(
            ConvLayer(width if index == 0 else out_width, out_width, kernel, dropout) for index in range(layers)
        )

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = masked(x, mask)
        for layer in self.layers:
            x = masked(layer(x), mask)
        return x


class ConvLayer(nn.Module):
    """Convolution, LayerNorm, ReLU and dropout: (B, L, width) -> (B, L, out_width); residual if these are equal."""

    def __init__(self, width: int, out_width: int, kernel: int, dropout: float) -> None:
        super().__init__()
        self.conv = nn.Conv1d(width, out_width, kernel, padding=kernel // 2)
        self.norm = nn.LayerNorm(out_width)
        self.dropout = FastDropout(dropout)
        self.residual = width == out_width

    def forward(self, x: Tensor) -> Tensor:
        convolved = self.conv(x.transpose(1, 2)).transpose(1, 2)  # Conv1d takes (B, width, L)
        out: Tensor = self.dropout(self.norm(convolved).relu())
        return x + out if self.residual else out
