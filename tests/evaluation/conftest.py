"""Small problem, prepared once."""

from tests.small import small

__all__ = ["small"]
