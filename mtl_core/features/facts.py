"""Statistics of a column's first rows, and the proposals of `mtl init` that follow from them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from mtl_core.arrow import is_number, is_text

__all__ = ["ID", "ColumnFacts", "Proposal"]

ID = re.compile(r"(^|[_ .-])(id|ids|key|uuid|guid|code|no|nr|number|zip|zipcode|postcode)$|[a-z]I[dD]$", re.IGNORECASE)
"""Pattern of the names of identifier columns."""


@dataclass(frozen=True, kw_only=True)
class ColumnFacts:
    """Statistics of a column. `known` counts values that are not null; `common` are the most frequent, with counts."""

    name: str
    type: pa.DataType
    rows: int
    known: int
    distinct: int
    common: tuple[tuple[Any, int], ...]
    whole: bool
    """True where no number has a fraction."""
    sequence: bool
    """True for whole numbers that rise by one from row to row."""
    sample: pa.Array
    """The first values that are not null, at most a thousand."""

    @property
    def is_temporal(self) -> bool:
        """True for dates and timestamps."""
        return bool(pa.types.is_date(self.type) or pa.types.is_timestamp(self.type))

    @property
    def is_text(self) -> bool:
        """True for text."""
        return is_text(self.type)

    @property
    def is_boolean(self) -> bool:
        """True for booleans."""
        return bool(pa.types.is_boolean(self.type))

    @property
    def is_number(self) -> bool:
        """True for integers, floats and decimals."""
        return is_number(self.type)

    @property
    def named_id(self) -> bool:
        """True where the name is that of an identifier."""
        return bool(ID.search(self.name))

    @property
    def most_frequent(self) -> int:
        """Count of the most frequent value."""
        return self.common[0][1] if self.common else 0


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """Options of a feature, task or split; empty for a column that is left out. `doubt` is a question to the user,
    `note` an explanation.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    doubt: str = ""
