"""Small problem and the one with every kind of task, prepared once."""

from tests.every_kind import every_kind
from tests.small import small

__all__ = ["every_kind", "small"]
