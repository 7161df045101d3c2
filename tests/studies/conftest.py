"""Small problem, trained once."""

from tests.small import small

__all__ = ["small"]
