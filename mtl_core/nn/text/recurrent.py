"""Recurrent encoders: LSTM or GRU layers in both directions."""

import torch
from torch import Tensor, nn

from mtl_core.nn.dropout import FastDropout
from mtl_core.nn.text.encoder import TextEncoder, masked


class RecurrentEncoder(TextEncoder):
    """Layers of two recurrent networks each, one per direction: (B, L, width) -> (B, L, 2 * hidden).

    The backward network reads each row reversed within its own length. `bidirectional=True` of torch would read the
    padding first, so that a row's output would depend on the longest row of its batch, and packed sequences cannot be
    exported to ONNX. Dropout is applied to the inputs and outputs of every layer (Ma and Hovy 2016, "End-to-end
    Sequence Labeling via Bi-directional LSTM-CNNs-CRF", section 3.2.2).
    """

    def __init__(
        self, kind: type[nn.LSTM] | type[nn.GRU], width: int, hidden: int, *, layers: int, dropout: float
    ) -> None:
        """hidden: width of each direction."""
        super().__init__()
        self.out_width = 2 * hidden
        widths = (width, *[self.out_width] * (layers - 1))
        self.forwards = nn.ModuleList(kind(layer_width, hidden, batch_first=True) for layer_width in widths)
        self.backwards = nn.ModuleList(kind(layer_width, hidden, batch_first=True) for layer_width in widths)
        self.dropout = FastDropout(dropout)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        order = _reversal(mask)
        x = self.dropout(x)
        for forwards, backwards in zip(self.forwards, self.backwards, strict=True):
            ahead, _ = forwards(x)
            back, _ = backwards(_reorder(x, order))
            x = self.dropout(torch.cat([ahead, _reorder(back, order)], dim=2))
        return masked(x, mask)


def _reversal(mask: Tensor) -> Tensor:
    """(B, L) -> (B, L) positions that reverse each row within its length; padding is not moved."""
    positions = torch.arange(mask.shape[1], device=mask.device)
    return torch.where(mask, mask.sum(dim=1, keepdim=True) - 1 - positions, positions)


def _reorder(x: Tensor, order: Tensor) -> Tensor:
    """(B, L, width), (B, L) positions -> the items of each row at these positions."""
    return x.gather(1, order.unsqueeze(2).expand(-1, -1, x.shape[2]))
