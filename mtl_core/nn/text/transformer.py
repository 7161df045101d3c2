"""Transformer encoder."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mtl_core.nn.dropout import FastDropout
from mtl_core.nn.linear import OneDnnLinear
from mtl_core.nn.text.encoder import TextEncoder, masked

WAVELENGTH = 10_000
"""Longest wavelength of the positions, divided by 2 pi, in items."""


class TransformerEncoder(TextEncoder):
    """Projection, sinusoidal positions, blocks of self-attention: (B, L, width) -> (B, L, out_width).

    Vaswani et al. 2017, "Attention Is All You Need"; normalised before and not after each sum (Xiong et al. 2020, "On
    Layer Normalization in the Transformer Architecture"), which trains without a warm-up.
    """

    def __init__(self, width: int, out_width: int, *, layers: int, heads: int, dropout: float) -> None:
        """`heads` must divide `out_width`."""
        super().__init__()
        self.out_width = out_width
        # Normalised first: initial embeddings are small, and the positions of size 1 would hide them.
        self.projection = nn.Sequential(nn.LayerNorm(width), OneDnnLinear(width, out_width))
        self.dropout = FastDropout(dropout)
        self.blocks = nn.ModuleList(TransformerBlock(out_width, heads, dropout) for _ in range(layers))
        self.norm = nn.LayerNorm(out_width)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        x = self.dropout(self.projection(x) + sinusoids(x.shape[1], self.out_width))
        keys = mask[:, None, None]  # (B, 1, 1, L), the same for all heads and queries
        for block in self.blocks:
            x = block(x, keys)
        return masked(self.norm(x), mask)


class TransformerBlock(nn.Module):
    """Self-attention and a feed-forward network of 4 times the width, both residual: (B, L, width) -> (B, L, width)."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.attention_norm, self.norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.queries_keys_values = OneDnnLinear(width, 3 * width)
        self.out = OneDnnLinear(width, width)
        self.feed_forward = nn.Sequential(
            OneDnnLinear(width, 4 * width), nn.GELU(), FastDropout(dropout), OneDnnLinear(4 * width, width)
        )
        self.dropout = FastDropout(dropout)

    def forward(self, x: Tensor, keys: Tensor) -> Tensor:
        x = x + self.dropout(self._attention(self.attention_norm(x), keys))
        out: Tensor = x + self.dropout(self.feed_forward(self.norm(x)))
        return out

    def _attention(self, x: Tensor, keys: Tensor) -> Tensor:
        # (B, L, 3 * width) -> 3 times (B, heads, L, width / heads)
        query, key, value = self.queries_keys_values(x).unflatten(2, (3, self.heads, -1)).permute(2, 0, 3, 1, 4)
        attended = F.scaled_dot_product_attention(query, key, value, attn_mask=keys)
        out: Tensor = self.out(attended.transpose(1, 2).flatten(2))
        return out


def sinusoids(length: int, width: int) -> Tensor:
    """(length, width) sines, then cosines of the positions, with wavelengths in geometric progression.

    Vaswani et al. 2017, section 3.5, with sines and cosines as halves, which the next layer cannot tell from
    alternating ones.
    """
    half = -(-width // 2)
    frequencies = WAVELENGTH ** (-torch.arange(half) / half)
    angles = torch.arange(length).unsqueeze(1) * frequencies  # (length, half)
    return torch.cat([angles.sin(), angles.cos()], dim=1)[:, :width]
