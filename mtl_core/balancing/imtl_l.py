"""IMTL-L: impartial learning by a learned logarithmic scale per task.

Liu, Li, Kuang, Xue, Chen, Yang, Liao and Zhang 2021, "Towards Impartial Multi-task Learning", ICLR, section 3.2: the
sum of exp(s) loss - s over the tasks, with a scale s per task.
"""

from typing import ClassVar

from torchjd import scalarization
from torchjd.scalarization import Scalarizer

from mtl_core.balancing.scales import ScaleBalancer


class IMTLLBalancer(ScaleBalancer):
    """At the optimal scale of a task, exp(s) loss is 1."""

    method: ClassVar[str] = "imtl_l"

    def scale(self) -> Scalarizer:
        return scalarization.IMTLL(())
