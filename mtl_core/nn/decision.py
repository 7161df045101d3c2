"""Decision thresholds, stored with the weights."""

import torch
from torch import Tensor, nn


class DecisionThresholds(nn.Module):
    """(outputs,) probabilities from which on a task decides yes, tuned after training.

    No prediction depends on them; metrics and the service do. With 0 outputs, for a task without tuned thresholds, it
    has no buffer.
    """

    thresholds: Tensor

    def __init__(self, outputs: int, initial: float) -> None:
        super().__init__()
        self.outputs = outputs
        if outputs:
            self.register_buffer("thresholds", torch.full((outputs,), initial))

    def set(self, thresholds: tuple[float, ...]) -> None:
        """Take those values."""
        self.thresholds.copy_(torch.tensor(thresholds))

    @property
    def values(self) -> tuple[float, ...]:
        """The thresholds as the shortest decimal numbers of their float32 values."""
        return tuple(float(str(value)) for value in self.thresholds.numpy())
