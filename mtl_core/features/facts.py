"""Statistics of a column's first rows, and the proposals of `mtl init` that follow from them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from mtl_core.arrow import is_number, is_temporal, is_text

_OWNERS = (
    "account|case|client|customer|device|employee|group|item|member|order|passenger|patient|person|product|session|"
    "store|student|subject|user"
)
"""Prefixes of names such as `userid`; not every word that ends in `id` is one: `paid`, `bid`, `grid`."""
ENTITY = re.compile(rf"(?i:(?:^|[_ .-]|{_OWNERS})(?:ids?|key|uuid|guid))$|[a-z]I[dD]$")
"""Pattern of the names of columns that identify a person or a thing."""
_ID = re.compile(rf"(?i:(?:^|[_ .-])(?:code|no|nr|number|zip|zipcode|postcode))$|{ENTITY.pattern}")
"""Pattern of the names of identifier columns, including codes and numbers."""

SAMPLE = 1_000


@dataclass(frozen=True, kw_only=True)
class ColumnFacts:
    """Statistics of a column.

    `common` are the most frequent values, with counts, and None for a value that is no text, number or boolean.
    """

    name: str
    type: pa.DataType
    rows: int
    distinct: int
    common: tuple[tuple[Any, int], ...]
    whole: bool
    """True if no number has a fraction."""
    sequence: bool
    """True for whole numbers that rise by one from row to row."""
    values: pa.Array
    """The values that are not null."""

    @property
    def non_null(self) -> int:
        """Number of values that are not null."""
        return len(self.values)

    @property
    def sample(self) -> pa.Array:
        """The first values, at most a thousand, for slow statistics."""
        return self.values.slice(0, SAMPLE)

    @property
    def is_temporal(self) -> bool:
        """True for dates and timestamps."""
        return is_temporal(self.type)

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
    def is_flag(self) -> bool:
        """True for booleans, and for numbers that are 0 and 1, where both occur."""
        return self.distinct == 2 and (self.is_boolean or {value for value, _ in self.common} == {0, 1})

    @property
    def is_two_valued(self) -> bool:
        """True for booleans, and for numbers with at most two distinct values."""
        return self.is_boolean or (self.is_number and self.distinct <= 2)

    @property
    def named_id(self) -> bool:
        """True if the name is that of an identifier, a code or a number."""
        return bool(_ID.search(self.name))

    @property
    def named_entity(self) -> bool:
        """True if the name is that of an identifier of a person or a thing."""
        return bool(ENTITY.search(self.name))

    @property
    def most_frequent(self) -> int:
        """Count of the most frequent value."""
        return self.common[0][1] if self.common else 0


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """Proposed options of a feature, task or split; empty for a column that is left out.

    `warning` is a question to the user, `note` an explanation. `tokens` of the longest text of a text feature determine
    the time of a call.
    """

    options: Mapping[str, Any] = field(default_factory=dict)
    note: str = ""
    warning: str = ""
    tokens: int = 0
