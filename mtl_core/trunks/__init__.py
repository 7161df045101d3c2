"""Trunks, one method per file: what the tasks share of the network. A trunk acts on the last dimension alone.

To add one: write its file here, and its options in `mtl_core.config.trunks`.
"""

from mtl_core.trunks.base import Trunk

__all__ = ["Trunk"]
