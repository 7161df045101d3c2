"""An ensemble within one network: members share everything except a scale per input and the heads."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn


class MemberInputs(nn.Module):
    """(..., width) -> (..., members, width): the inputs times a scale per member, initially -1 or 1.

    With `MemberHeads` this is TabM-mini (Gorishniy, Kotelnikov and Babenko 2025, "TabM", section 3.3), whose single
    adapter precedes the first layer.
    """

    def __init__(self, width: int, members: int) -> None:
        super().__init__()
        self.scale = nn.Parameter(2.0 * torch.randint(0, 2, (members, width)) - 1)

    def forward(self, x: Tensor) -> Tensor:
        return x.unsqueeze(-2) * self.scale


class MemberHeads(nn.ModuleList):
    """(..., members, width) -> (..., members, outputs) logits in training, their mean (..., outputs) in evaluation.

    Every member has a separate loss.
    """

    def __init__(self, heads: Iterable[nn.Module]) -> None:
        super().__init__(heads)

    def forward(self, x: Tensor) -> Tensor:
        logits = torch.stack([head(member) for head, member in zip(self, x.unbind(-2), strict=True)], dim=-2)
        return logits if self.training else logits.mean(dim=-2)
