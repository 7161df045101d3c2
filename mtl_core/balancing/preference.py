"""Preferences between tasks: positive weights, scaled to sum to 1."""

from collections.abc import Sequence

from torch import Tensor


def normalised_preference(preference: Tensor, positions: Sequence[int]) -> Tensor:
    """(tasks,) preferences -> (present,) those at the positions, scaled to sum to 1."""
    present = preference[list(positions)]
    return present / present.sum()
