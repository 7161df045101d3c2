"""UW: uncertainty weighting, the logarithm of each task's noise variance is learned.

Kendall, Gal and Cipolla 2018, "Multi-Task Learning Using Uncertainty to Weigh Losses for Scene Geometry and Semantics",
CVPR, equation 7: the sum of exp(-s) loss / 2 + s / 2 over the tasks, each with an s of its own.
"""

from typing import ClassVar

from torchjd import scalarization
from torchjd.scalarization import Scalarizer

from mtl_core.balancing.scales import ScaleBalancer


class UWBalancer(ScaleBalancer):
    """At the optimum of a task's scale, exp(-s) loss is 1."""

    method: ClassVar[str] = "uw"

    def scale(self) -> Scalarizer:
        return scalarization.UW(())
