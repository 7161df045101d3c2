"""IMTL-L: impartial losses, a logarithmic scale per task is learned.

Liu, Li, Kuang, Xue, Chen, Yang, Liao and Zhang 2021, "Towards Impartial Multi-task Learning", ICLR, section 3.2: the
sum of exp(s) loss - s over the tasks, each with an s of its own.
"""

from typing import ClassVar

from torchjd import scalarization
from torchjd.scalarization import Scalarizer

from mtl_core.balancing.scales import ScaleBalancer


class IMTLLBalancer(ScaleBalancer):
    """At the optimum of a task's scale, exp(s) loss is 1."""

    method: ClassVar[str] = "imtl_l"

    def scale(self) -> Scalarizer:
        return scalarization.IMTLL(())
