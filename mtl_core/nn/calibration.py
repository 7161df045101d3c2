"""Calibration: an affine map of a task's logits before the inverse link, in prediction only."""

import torch
from torch import Tensor, nn


class Calibration(nn.Module):
    """(..., outputs) logits -> (..., outputs) calibrated logits: logits * scale + bias.

    Scale (the inverse of a temperature) and bias are (outputs,) buffers, fitted after training by
    `mtl_core.training.calibration`. Initially exactly the identity. With 0 outputs it has no buffers and is always the
    identity.
    """

    scale: Tensor
    bias: Tensor

    def __init__(self, outputs: int) -> None:
        super().__init__()
        self.outputs = outputs
        if outputs:
            self.register_buffer("scale", torch.ones(outputs))
            self.register_buffer("bias", torch.zeros(outputs))

    @property
    def is_identity(self) -> bool:
        """True if it changes no logit."""
        return not self.outputs or bool((self.scale == 1).all() and (self.bias == 0).all())

    def set(self, scale: Tensor, bias: Tensor) -> None:
        """Set both (outputs,) buffers."""
        self.scale.copy_(scale)
        self.bias.copy_(bias)

    def reset(self) -> None:
        """Restore the identity."""
        self.scale.fill_(1)
        self.bias.fill_(0)

    def forward(self, logits: Tensor) -> Tensor:
        return logits * self.scale + self.bias if self.outputs else logits
