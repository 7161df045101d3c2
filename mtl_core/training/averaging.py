"""Average of the weights over the last part of a training, evaluated and stored instead of the weights."""

import copy

import torch
from torch import Tensor, nn

from mtl_core.model import Network

ETA = 8
"""The average covers about the last ninth of the steps, whatever their number."""


class WeightAverage(nn.Module):
    """Polynomial-decay averaging (Shamir and Zhang 2013).

    After step t of a parameter its average moves by (eta + 1) / (eta + t) of the way to it ("Stochastic gradient
    descent for non-smooth optimization", section 4, equation 3).

    Departs from the paper: every parameter counts its own steps. One without a gradient does not move, so its average
    stays bit-identical, and the average of a task that starts late starts with it.
    """

    steps: Tensor
    """(parameters,) number of steps of each."""

    def __init__(self, network: Network) -> None:
        super().__init__()
        self.network = copy.deepcopy(network).requires_grad_(False)
        self._averages, self._trained = list(self.network.parameters()), list(network.parameters())
        self.register_buffer("steps", torch.zeros(len(self._trained), dtype=torch.int64))

    def update(self) -> None:
        """Update after an optimiser step of the network, before its gradients are reset."""
        moved = [index for index, parameter in enumerate(self._trained) if parameter.grad is not None]
        self.steps[moved] += 1
        weights = [(ETA + 1) / (ETA + count) for count in self.steps[moved].tolist()]
        with torch.no_grad():
            torch._foreach_lerp_([self._averages[i] for i in moved], [self._trained[i] for i in moved], weights)
