"""UW: uncertainty weighting by a learned logarithm of each task's noise variance.

Kendall, Gal and Cipolla 2018, "Multi-Task Learning Using Uncertainty to Weigh Losses for Scene Geometry and Semantics",
CVPR, equation 7: the sum of exp(-s) loss / 2 + s / 2 over the tasks, with a scale s per task.
"""

from typing import ClassVar

from torchjd import scalarization
from torchjd.scalarization import Scalarizer

from mtl_core.balancing.scales import ScaleBalancer


class UWBalancer(ScaleBalancer):
    """At the optimal scale of a task, exp(-s) loss is 1."""

    method: ClassVar[str] = "uw"

    def scale(self) -> Scalarizer:
        return scalarization.UW(())
