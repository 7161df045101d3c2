"""Values sent as text, parsed one at a time by the rules of mtl_core/data/cells.py for the cells of a file."""

import re
from datetime import datetime
from typing import Annotated, Literal

import msgspec

from serving.errors import InputValueError
from serving.iso_datetime import EPOCH, EPOCH_UTC

_NUMBER = re.compile(
    r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:e[+-]?[0-9]+)?|[+-]?(?:inf|infinity|(?P<nan>nan)(?:\([a-z0-9_]*\))?)",
    re.IGNORECASE,
)
"""Also the spellings of NaN in C, such as nan(ind)."""
_BOOLEANS = {"true": True, "1": True, "false": False, "0": False}

_Mark = Annotated[str, msgspec.Meta(max_length=1)]


class TextFormat(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Options of reading text in a column.

    nulls: words for a missing value, in addition to the empty text. decimal, thousands: marks of numbers. format: of
    strptime, for dates and times; None for ISO 8601. separator: between the items of a list; None if a list is sent
    as a JSON list.
    """

    nulls: tuple[str, ...] = ()
    decimal: Literal[".", ","] = "."
    thousands: _Mark = ""
    format: str | None = None
    separator: str | None = None

    def is_null(self, text: str) -> bool:
        """True if the text stands for a missing value."""
        return not text or text in self.nulls

    def number(self, text: str) -> float | None:
        """The number, None for a missing one; raises InputValueError.

        >>> TextFormat(decimal=",", thousands=".").number("1.234,5")
        1234.5
        """
        cell = text.strip()
        if self.thousands:
            mark, decimal = re.escape(self.thousands), re.escape(self.decimal)
            if re.fullmatch(rf"[+-]?[0-9]{{1,3}}(?:{mark}[0-9]{{3}})+(?:{decimal}[0-9]*)?", cell):
                cell = cell.replace(self.thousands, "")
        if self.decimal != ".":
            # A point that is not a mark makes the text invalid: 1.500 must not become one and a half.
            cell = cell.replace(".", "?").replace(self.decimal, ".")
        match = _NUMBER.fullmatch(cell) if cell.isascii() else None
        if match is None:
            marks = f"{self.decimal!r} as its decimal mark" + (
                f", {self.thousands!r} for thousands" * bool(self.thousands)
            )
            raise InputValueError(f"must be a number, text of one with {marks}, or null")
        return None if match["nan"] else float(cell)

    def boolean(self, text: str) -> bool:
        """True or false; raises InputValueError."""
        if (value := _BOOLEANS.get(text.strip().lower())) is None:
            raise InputValueError("must be true, false, the text of one of them, or null")
        return value

    def seconds(self, text: str, *, zoned: bool) -> float:
        """Seconds since 1970-01-01T00:00:00 of text in the format; raises InputValueError."""
        assert self.format is not None
        try:
            timestamp = datetime.strptime(text.strip(), self.format)
        except ValueError as error:
            raise InputValueError(f"must be a date of the format {self.format} or null ({error})") from error
        return (timestamp - (EPOCH_UTC if zoned else EPOCH)).total_seconds()

    def items(self, text: str) -> list[str]:
        """The separated items, without blanks around them."""
        assert self.separator is not None
        return [item.strip() for item in text.split(self.separator)] if text else []
