"""What a table's first rows say of a column, and what a kind of feature proposes for it."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from mtl_core.arrow import is_number, is_temporal, is_text

__all__ = ["ID", "ColumnFacts", "Proposal"]

ID = re.compile(r"(^|[_ .-])(id|ids|key|uuid|guid|code|no|nr|number|zip|zipcode|postcode)$|[a-z]I[dD]$", re.IGNORECASE)
"""Names of columns that identify something."""


SAMPLE = 1_000


@dataclass(frozen=True, kw_only=True)
class ColumnFacts:
    """One column. `known` counts the values that are not null; `common` are the most frequent ones, with counts; None
    stands for a value that is no text, number or boolean.
    """

    name: str
    type: pa.DataType
    rows: int
    known: int
    distinct: int
    common: tuple[tuple[Any, int], ...]
    whole: bool
    """All numbers are without a fraction."""
    sequence: bool
    """Whole numbers that rise by one from row to row."""
    values: pa.Array
    """Those that are not null."""

    @property
    def sample(self) -> pa.Array:
        """The first thousand of them, for what is slow to look at."""
        return self.values.slice(0, SAMPLE)

    @property
    def is_temporal(self) -> bool:
        """Dates or timestamps."""
        return is_temporal(self.type)

    @property
    def is_text(self) -> bool:
        """Text of either width."""
        return is_text(self.type)

    @property
    def is_boolean(self) -> bool:
        """Booleans."""
        return bool(pa.types.is_boolean(self.type))

    @property
    def is_number(self) -> bool:
        """Integers, floats or decimals."""
        return is_number(self.type)

    @property
    def named_id(self) -> bool:
        """Named like something that identifies."""
        return bool(ID.search(self.name))

    @property
    def most_frequent(self) -> int:
        """How often the commonest value occurs."""
        return self.common[0][1] if self.common else 0


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """Options of one feature, task or split; none for a column that is left out. `doubt` asks, `note` tells."""

    options: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    doubt: str = ""
