"""Doubts about a column's values: what looks like something else than what it will be read as."""

import re
from datetime import UTC, datetime

import pyarrow as pa

from mtl_core import arrow_compute as pc
from mtl_core.config import Csv
from mtl_core.data.cells import is_known_number, without_nulls
from mtl_core.features import ColumnFacts

__all__ = ["NAMED_TIME", "doubt"]

MIN_NUMBERS = 0.8
"""Share of numbers from which on a column of text was probably meant to be one of numbers."""
SHOWN = 3
_CURRENCY = re.compile(r"^\s*-?\s*(?:[$€£¥₹]|USD|EUR|GBP)\s*-?[0-9]|[0-9]\s*(?:[$€£¥₹%]|USD|EUR|GBP)\s*$")
_EPOCHS = {"seconds": 1.0, "milliseconds": 1e3}
_FROM, _TO = datetime(2000, 1, 1, tzinfo=UTC).timestamp(), datetime(2100, 1, 1, tzinfo=UTC).timestamp()
NAMED_TIME = re.compile(r"time|date|day|created|[_ .-]at$|when|stamp|(^|_)ts$|epoch", re.IGNORECASE)
"""Pattern of the names of columns that say when a row happened."""


def doubt(facts: ColumnFacts, csv: Csv) -> str:
    """The doubt about a column, with the cells that raise it and the option that resolves it; "" for none."""
    if facts.is_text and facts.known:
        texts = without_nulls(pc.cast(facts.values, pa.string()), csv).drop_null()
        return _odd_cells(facts.name, texts, csv) or _spellings(texts) if len(texts) else ""
    return _epoch(facts) if facts.is_number else ""


def _odd_cells(name: str, texts: pa.Array, csv: Csv) -> str:
    """Numbers with a few other cells, with a currency, or stored as text."""
    known = is_known_number(texts, csv)
    numbers = pc.sum(known).as_py() or 0
    if numbers == len(texts):
        zeros = pc.any(pc.match_substring_regex(texts, r"^\s*[+-]?0[0-9]")).as_py()
        why = "with leading zeros, which stay text" if zeros else "stored as text"
        return f"numbers {why}; data.types: {{{name}: number}} reads them as numbers"
    others = texts.filter(pc.invert(known)).value_counts()
    ordered = others.take(pc.sort_indices(others.field("counts"), sort_keys=[("", "descending")]))
    cells = [cell.as_py() for cell in ordered.field("values")[:SHOWN]]
    shown = ", ".join(f"{cell!r:.40}" for cell in cells)
    if numbers >= MIN_NUMBERS * len(texts):
        return (
            f"{numbers:,} numbers, and {len(texts) - numbers:,} cells that are none, such as {shown}; where these mean "
            "a missing value, add them to data.csv.nulls and the column is one of numbers"
        )
    if all(_CURRENCY.search(cell) for cell in cells):
        return f"amounts with a sign, such as {shown}, are text; write them as numbers without the sign"
    return ""


def _spellings(texts: pa.Array) -> str:
    """Values that differ in capitals or blanks alone."""
    distinct = texts.unique()
    if len(distinct) > 10_000:
        return ""
    groups: dict[str, list[str]] = {}
    for text in distinct.to_pylist():
        groups.setdefault(" ".join(text.split()).casefold(), []).append(text)
    same = [group for group in groups.values() if len(group) > 1]
    if not same:
        return ""
    shown = ", ".join(f"{text!r:.40}" for text in same[0][:SHOWN])
    more = f" (and {len(same) - 1:,} more such groups)" if len(same) > 1 else ""
    return f"{shown}{more} differ in capitals or blanks alone and count as different values; write them alike"


def _epoch(facts: ColumnFacts) -> str:
    """Whole numbers that are seconds or milliseconds since 1970."""
    if not (facts.whole and facts.known and facts.distinct > 1):
        return ""
    low, high = (pc.cast(value, pa.float64(), safe=False).as_py() for value in pc.min_max(facts.values).values())
    for unit, scale in _EPOCHS.items():
        if low / scale >= _FROM and high / scale < _TO and (NAMED_TIME.search(facts.name) or low / scale > 1e9):
            first = datetime.fromtimestamp(low / scale, UTC).date()
            return (
                f"looks like {unit} since 1970, from {first} on; as a number it has no hour and no weekday: write it "
                "as ISO 8601 text for a datetime feature"
            )
    return ""
