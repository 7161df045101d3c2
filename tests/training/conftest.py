"""The fixture `small`."""

from tests.small import small

__all__ = ["small"]
