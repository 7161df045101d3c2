"""The fixtures `small` and `tagged`."""

from tests.small import small
from tests.tagging import tagged

__all__ = ["small", "tagged"]
