"""Trunks, the shared part of the network, one method per file. A trunk acts on the last dimension alone.

To add a trunk: write its file here, and its options in `mtl_core.config.trunks`.
"""

from mtl_core.trunks.base import Trunk

__all__ = ["Trunk"]
