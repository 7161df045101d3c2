"""Preferences between tasks: positive weights that are scaled to sum to 1."""

from collections.abc import Sequence

from torch import Tensor


def shares(preference: Tensor, positions: Sequence[int]) -> Tensor:
    """(tasks,) positive numbers -> (present,) those at the positions, scaled to sum to 1."""
    present = preference[list(positions)]
    return present / present.sum()
