"""Small problem, the one with every kind of task, and the one with texts, prepared once."""

from tests.every_kind import every_kind
from tests.small import small
from tests.tagging import tagged

__all__ = ["every_kind", "small", "tagged"]
