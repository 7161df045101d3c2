"""Decision thresholds, stored with the weights."""

import torch
from torch import Tensor, nn


class DecisionThresholds(nn.Module):
    """(outputs,) minimum probabilities of a positive decision, tuned after training.

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
        """Set the thresholds."""
        self.thresholds.copy_(torch.tensor(thresholds))

    @property
    def values(self) -> tuple[float, ...]:
        """The thresholds, each as the shortest decimal number of its float32 value."""
        return tuple(float(str(value)) for value in self.thresholds.numpy())
