"""The shared network: input layer -> trunk -> one head per task."""

from mtl_core.model.network import Network

__all__ = ["Network"]
