"""`model.trunk`: the part of the network that tasks share. The modules are in `mtl_core.trunks`.

To add a trunk: write its file there and its options here, and add these to the union below.
"""

from typing import Annotated

from pydantic import Field

from mtl_core.config.trunks.base import TrunkOptions
from mtl_core.config.trunks.experts import CGC, PLE, AdaTT, MMoE
from mtl_core.config.trunks.layers import CrossStitch, MessagePassing, SharedBottom, SingleTask, TaskVectors

__all__ = [
    "CGC",
    "PLE",
    "AdaTT",
    "AnyTrunk",
    "CrossStitch",
    "MMoE",
    "MessagePassing",
    "SharedBottom",
    "SingleTask",
    "TaskVectors",
    "TrunkOptions",
]

AnyTrunk = Annotated[
    AdaTT | CGC | CrossStitch | MessagePassing | MMoE | PLE | SharedBottom | SingleTask | TaskVectors,
    Field(discriminator="kind"),
]
