"""PLE: CGC in several levels (Tang 2020, "Progressive Layered Extraction")."""

from typing import Literal

from mtl_core.trunks.base import Trunk
from mtl_core.trunks.extraction import ExtractionOptions, ExtractionTrunk
from mtl_core.trunks.layers import Count, Widths

__all__ = ["PLE"]


class PLE(ExtractionOptions):
    """Progressive layered extraction: what is shared and what is a task's own part slowly, level by level."""

    kind: Literal["ple"] = "ple"
    levels: Count = 2
    widths: Widths = (128,)
    """The layers of every expert, at each level."""

    def build(self, width: int, tasks: int) -> Trunk:
        return ExtractionTrunk(self, width, tasks, levels=self.levels)
