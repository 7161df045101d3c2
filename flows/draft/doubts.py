"""Doubts about a column's values: what looks like something else than what it will be read as."""

import re
from datetime import UTC, datetime

import pyarrow as pa

from mtl_core import arrow_compute as pc
from mtl_core.arrow import as_numbers, is_exact
from mtl_core.config import Csv
from mtl_core.data.cells import BOOLEAN_WORDS, is_finite_number, parse_dates, without_nulls
from mtl_core.features import ColumnFacts
from mtl_core.features.iso import is_iso_timestamp

MIN_NUMBERS = 0.8
"""Share of numbers from which on a column of text was probably meant to be one of numbers."""
SHOWN = 3
_AMOUNT = re.compile(
    r"^\s*-?\s*(?:[$€£¥₹]|USD|EUR|GBP)\s*-?[0-9]|[0-9]\s*(?:[$€£¥₹%]|USD|EUR|GBP)\s*$"
    r"|^\s*(?:\([0-9.,]+\)|[0-9.,]+-|\u2212[0-9.,]+|[+-]?[0-9]{1,3}(?:[\u00a0\u202f\u2019'][0-9]{3})+(?:[.,][0-9]+)?)\s*$"
)
"""Amounts with a currency or %, negative ones as in books, and groups of digits apart by marks that no option names."""
_DATE = (
    r"^\s*(?:[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.](?:[0-9]{4}|[0-9]{2}))(?:[T ].*)?$"
)
_BOOLEANS = frozenset(("true", "false", "yes", "no", "t", "f", "y", "n", "on", "off", "1", "0"))
_EPOCHS = {"seconds": 1.0, "milliseconds": 1e3}
_FROM, _TO = datetime(2000, 1, 1, tzinfo=UTC).timestamp(), datetime(2100, 1, 1, tzinfo=UTC).timestamp()
NAMED_TIME = re.compile(r"time|date|day|created|[_ .-]at$|when|stamp|(^|_)ts$|epoch", re.IGNORECASE)
"""Pattern of the names of columns that say when a row happened."""


def doubt(facts: ColumnFacts, csv: Csv) -> str:
    """The doubt about a column, with the cells that raise it and the option that resolves it; "" for none."""
    if facts.is_text and facts.known:
        texts = without_nulls(pc.cast(facts.values, pa.string()), csv).drop_null()
        if not len(texts):
            return ""
        about = _odd_cells(facts.name, texts, csv) or _odd_dates(texts)
        return about or _spellings(texts) or _yes_and_no(facts.name, texts)
    return _epoch(facts) or _days(facts) or _codes(facts) if facts.is_number else ""


def _odd_cells(name: str, texts: pa.Array, csv: Csv) -> str:
    """Numbers with a few other cells, with a currency, or stored as text."""
    known = is_finite_number(texts, csv)
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
            f"{numbers:,} numbers, and {len(texts) - numbers:,} other cells, such as {shown}; if these mean "
            "a missing value, add them to data.csv.nulls, and the column is read as numbers"
        )
    if all(_AMOUNT.search(cell) for cell in cells):
        return f"amounts with a symbol, such as {shown}, are read as text; write them as plain numbers"
    return ""


def _odd_dates(texts: pa.Array) -> str:
    """Dates of which some are written otherwise, or are no dates."""
    if pc.sum(pc.match_substring_regex(texts, _DATE)).as_py() < MIN_NUMBERS * len(texts):
        return ""
    shapes = pc.replace_substring_regex(pc.replace_substring_regex(texts, "[0-9]{3,}", "Y"), "[0-9]+", "d")
    counted = shapes.value_counts()
    usual = pc.equal(
        shapes, counted.field("values")[pc.index(counted.field("counts"), pc.max(counted.field("counts"))).as_py()]
    )
    iso = is_iso_timestamp(texts, zoned=False) | is_iso_timestamp(texts, zoned=True)
    odd = texts.filter(pc.invert(pc.and_(usual, pa.array(iso)) if 2 * iso.sum() > len(texts) else usual))
    if not len(odd):
        return ""
    shown = ", ".join(f"{cell!r:.40}" for cell in odd.unique()[:SHOWN].to_pylist())
    return (
        f"{len(texts) - len(odd):,} dates of one format, such as {texts.filter(usual)[0].as_py()!r:.40}, and "
        f"{len(odd):,} other cells, such as {shown}; use one format, or add those that mean a missing value to "
        "data.csv.nulls"
    )


def _yes_and_no(name: str, texts: pa.Array) -> str:
    """Yes and no in several spellings."""
    distinct = texts.unique()
    if not 2 < len(distinct) <= len(_BOOLEANS):
        return ""
    words = sorted(distinct.to_pylist())
    plain = {word.strip().lower() for word in words}
    if not plain <= _BOOLEANS:
        return ""
    shown = ", ".join(map(repr, words))
    fix = f"data.types: {{{name}: boolean}} reads them as booleans" if plain <= BOOLEAN_WORDS else "use one spelling"
    return f"yes and no in several spellings, {shown}, count as different values; {fix}"


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
    return f"{shown}{more} differ only in case or spaces and count as different values; use one spelling"


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


def _days(facts: ColumnFacts) -> str:
    """Whole numbers that are all dates of the years 1900 to 2100, as 20240229."""
    if not (facts.whole and facts.distinct > 1):
        return ""
    low, high = pc.min_max(facts.values).values()
    if low.as_py() < 1900_01_01 or high.as_py() > 2100_12_31:
        return ""
    try:
        parse_dates(pc.cast(pc.cast(facts.values.unique(), pa.int64()), pa.string()), "%Y%m%d")
    except pa.ArrowInvalid:
        return ""
    return (
        f"looks like dates, such as {low.as_py():.0f}; as a number it has no weekday, and leaps from month to month: "
        f'data.dates: {{{facts.name}: "%Y%m%d"}} reads it for a datetime feature'
    )


def _codes(facts: ColumnFacts) -> str:
    """Whole numbers beyond 2^53, which are rounded as numbers."""
    if not facts.whole or is_exact(as_numbers(facts.values)).all():
        return ""
    return f"whole numbers beyond 2^53 are rounded; where they are codes, data.types: {{{facts.name}: text}} keeps them"
