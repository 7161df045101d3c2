"""Calibration: a map of a task's logits that is applied before the inverse link, in prediction only."""

from torch import Tensor, nn

__all__ = ["Calibration"]


class Calibration(nn.Module):
    """(..., outputs) logits -> (..., outputs) calibrated logits. The identity: it has no parameters."""

    def forward(self, logits: Tensor) -> Tensor:
        return logits
