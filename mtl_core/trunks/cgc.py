"""CGC: experts of every task beside shared ones, one level of extraction (Tang 2020, "Customized Gate Control")."""

from typing import Literal

from mtl_core.trunks.base import Trunk
from mtl_core.trunks.extraction import ExtractionOptions, ExtractionTrunk

__all__ = ["CGC"]


class CGC(ExtractionOptions):
    """Customised gate control: a gate per task over its own experts and the shared ones."""

    kind: Literal["cgc"] = "cgc"

    def build(self, width: int, tasks: int) -> Trunk:
        return ExtractionTrunk(self, width, tasks, levels=1)
