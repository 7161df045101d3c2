"""An ensemble within one network: members that share everything but a scale per input and the heads."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn


class MemberInputs(nn.Module):
    """(..., width) -> (..., members, width): for each member the inputs times a scale of its own, -1 or 1 at first.

    With `MemberHeads` this is TabM-mini (Gorishniy, Kotelnikov and Babenko 2025, "TabM", section 3.3), whose single
    adapter stands before the first layer.
    """

    def __init__(self, width: int, members: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(2.0 * torch.randint(0, 2, (members, width)) - 1)

    def forward(self, x: Tensor) -> Tensor:
        return x.unsqueeze(-2) * self.scale


class MemberHeads(nn.ModuleList):
    """(..., members, width) -> (..., members, outputs) logits in training, their mean (..., outputs) in evaluation.

    Every member has a loss of its own.
    """

    def __init__(self, heads: Iterable[nn.Module]) -> None:
        super().__init__(heads)

    def forward(self, x: Tensor) -> Tensor:
        logits = torch.stack([head(of_member) for head, of_member in zip(self, x.unbind(-2), strict=True)], dim=-2)
        return logits if self.training else logits.mean(dim=-2)
