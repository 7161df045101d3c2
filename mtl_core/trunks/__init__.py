"""Trunks, one file each: what the tasks share. A trunk acts on the last dimension alone.

To add one: write its file, and add it to the union below.
"""

from mtl_core.trunks.base import Trunk
from mtl_core.trunks.shared_bottom import SharedBottom

__all__ = ["AnyTrunk", "Trunk"]

AnyTrunk = SharedBottom
