"""Trunks, one file each: what the tasks share. A trunk acts on the last dimension alone.

To add one: write its file, and add it to the union below.
"""

from typing import Annotated

from pydantic import Field

from mtl_core.trunks.adatt import AdaTT
from mtl_core.trunks.base import Trunk, TrunkOptions
from mtl_core.trunks.cgc import CGC
from mtl_core.trunks.cross_stitch import CrossStitch
from mtl_core.trunks.message_passing import MessagePassing
from mtl_core.trunks.mmoe import MMoE
from mtl_core.trunks.ple import PLE
from mtl_core.trunks.shared_bottom import SharedBottom
from mtl_core.trunks.single_task import SingleTask
from mtl_core.trunks.task_vectors import TaskVectors, TaskVectorsTrunk

__all__ = ["AnyTrunk", "SharedBottom", "TaskVectorsTrunk", "Trunk", "TrunkOptions"]

AnyTrunk = Annotated[
    AdaTT | CGC | CrossStitch | MessagePassing | MMoE | PLE | SharedBottom | SingleTask | TaskVectors,
    Field(discriminator="kind"),
]
