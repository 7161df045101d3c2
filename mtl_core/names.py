"""Names that several packages agree on."""

__all__ = ["INTERNAL"]

INTERNAL = "trunkline/"
"""Prefix of every internal value of the exported graph, so that no name of a column or task can collide with one."""
