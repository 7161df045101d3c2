"""Balancing: how the tasks' losses become the one number that is minimised. The methods are torchjd's."""

from typing import Literal

from torchjd.scalarization import UW, Mean, Random, Scalarizer, Sum

from mtl_core.declared import Declared

__all__ = ["Balancing"]


class Balancing(Declared):
    """Options of the balancing; every loss carries its task's `weight` before.

    - `mean`, `sum`: static weights, which are hard to beat (Kurin 2022, Xin 2022)
    - `random`: random positive weights at each step (Lin 2022, RLW, algorithm 2)
    - `uw`: learned homoscedastic uncertainty (Kendall 2018, eq. 7)
    """

    method: Literal["mean", "sum", "random", "uw"] = "mean"

    def build(self, tasks: int) -> Scalarizer:
        """(tasks,) losses -> () the loss that is minimised."""
        match self.method:
            case "mean":
                return Mean()
            case "sum":
                return Sum()
            case "random":
                return Random()
            case "uw":
                return UW(tasks)
