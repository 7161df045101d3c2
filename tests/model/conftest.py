"""Small problem and the one with texts, prepared once."""

from tests.small import small
from tests.tagging import tagged

__all__ = ["small", "tagged"]
