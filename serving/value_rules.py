"""Rules of JSON values, with the messages for values that break them."""

import math
from collections.abc import Callable
from typing import Annotated

import msgspec

Violation = tuple[str, object] | None
"""A broken rule, and the part of the value that breaks it."""

MAX_TEXT = 1_000  # characters of one string
MAX_DOCUMENT = 1_000_000  # characters of one text that the graph cuts into tokens
MAX_ITEMS = 1_000  # items of one list of strings

BoundedText = Annotated[str, msgspec.Meta(max_length=MAX_TEXT)]


def string_violation(value: object, *, max_length: int = MAX_TEXT) -> Violation:
    """The broken rule of a string, if any."""
    if not isinstance(value, str):
        return "must be a string or null", value
    if len(value) > max_length:
        return f"must have at most {max_length:,} characters (it has {len(value):,})", value
    try:
        value.encode()
    except UnicodeEncodeError:
        return "must be valid Unicode (it has an unpaired surrogate)", value
    return None


def number_violation(value: object) -> Violation:
    """The broken rule of a number, if any."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return "must be a number or null", value
    return None if math.isfinite(value) else ("must be within the range of a 64-bit float", value)


def item_violation(items: list[object], violation: Callable[[object], Violation]) -> Violation:
    """The broken rule of the first item that breaks one; null items are allowed."""
    for index, item in enumerate(items):
        if item is not None and (broken := violation(item)):
            rule, part = broken
            return f"item {index} {rule}", part
    return None
