"""Warnings about a column's values: text that looks like numbers or dates, numbers that look like dates or codes."""

import re
from collections.abc import Iterable
from datetime import UTC, datetime

import pyarrow as pa

from mtl_core import arrow_compute as pc
from mtl_core.arrow import as_numbers, is_exact
from mtl_core.config import Csv
from mtl_core.data.cells import BOOLEAN_WORDS, is_finite_number, parse_dates, without_nulls
from mtl_core.features import ColumnFacts
from mtl_core.features.iso import is_iso_timestamp

MIN_SHARE = 0.8
"""Minimum share of numbers or dates among the texts of a column that was probably meant to have only these."""
MAX_EXAMPLES = 3
_AMOUNT = re.compile(
    r"^\s*-?\s*(?:[$€£¥₹]|USD|EUR|GBP)\s*-?[0-9]|[0-9]\s*(?:[$€£¥₹%]|USD|EUR|GBP)\s*$"
    r"|^\s*(?:\([0-9.,]+\)|[0-9.,]+-|\u2212[0-9.,]+|[+-]?[0-9]{1,3}(?:[\u00a0\u202f\u2019'][0-9]{3})+(?:[.,][0-9]+)?)\s*$"
)
"""Amounts with a currency or %, negative amounts in accounting notation, and digits grouped by other marks than those
of data.csv.thousands."""
_DATE = (
    r"^\s*(?:[0-9]{4}[-/.][0-9]{1,2}[-/.][0-9]{1,2}|[0-9]{1,2}[-/.][0-9]{1,2}[-/.](?:[0-9]{4}|[0-9]{2}))(?:[T ].*)?$"
)
_BOOLEANS = frozenset(("true", "false", "yes", "no", "t", "f", "y", "n", "on", "off", "1", "0"))
_EPOCH_UNITS = {"seconds": 1.0, "milliseconds": 1e3}
"""Unit of a Unix time -> units per second."""
_YEAR_2000, _YEAR_2100 = (datetime(year, 1, 1, tzinfo=UTC).timestamp() for year in (2000, 2100))
TIME_NAME = re.compile(r"time|date|day|created|[_ .-]at$|when|stamp|(^|_)ts$|epoch", re.IGNORECASE)
"""Pattern of the names of columns that hold the time of a row."""


def column_warning(facts: ColumnFacts, csv: Csv) -> str:
    """The warning about a column, with example cells and the option that resolves it; "" for none."""
    if facts.whole:
        return (_unix_time(facts) or _numeric_dates(facts) if facts.distinct > 1 else "") or _inexact_codes(facts)
    if not facts.is_text:
        return ""
    texts = without_nulls(pc.cast(facts.values, pa.string()), csv).drop_null()
    if not len(texts):
        return ""
    return (
        _numbers_in_text(facts.name, texts, csv)
        or _mixed_dates(texts)
        or _spellings(texts)
        or _boolean_spellings(facts.name, texts)
    )


def sorted_counts(values: pa.Array) -> pa.StructArray:
    """Distinct `values` with their `counts`, the most frequent first."""
    counts = values.value_counts()
    return counts.take(pc.sort_indices(counts.field("counts"), sort_keys=[("", "descending")]))


def _numbers_in_text(name: str, texts: pa.Array, csv: Csv) -> str:
    """Numbers that are stored as text, stand among a few other cells, or have a currency."""
    is_number = is_finite_number(texts, csv)
    numbers = pc.sum(is_number).as_py()
    if numbers == len(texts):
        zeros = pc.any(pc.match_substring_regex(texts, r"^\s*[+-]?0[0-9]")).as_py()
        reason = "with leading zeros, which stay text" if zeros else "stored as text"
        return f"numbers {reason}; data.types: {{{name}: number}} reads them as numbers"
    other_cells = sorted_counts(texts.filter(pc.invert(is_number))).field("values")[:MAX_EXAMPLES].to_pylist()
    if numbers >= MIN_SHARE * len(texts):
        return (
            f"{numbers:,} numbers, and {len(texts) - numbers:,} other cells, such as {_examples(other_cells)}; if "
            "these mean a missing value, add them to data.csv.nulls, and the column is read as numbers"
        )
    if all(_AMOUNT.search(cell) for cell in other_cells):
        return f"amounts with a symbol, such as {_examples(other_cells)}, are read as text; write them as plain numbers"
    return ""


def _mixed_dates(texts: pa.Array) -> str:
    if pc.sum(pc.match_substring_regex(texts, _DATE)).as_py() < MIN_SHARE * len(texts):
        return ""
    shapes = pc.replace_substring_regex(pc.replace_substring_regex(texts, "[0-9]{3,}", "Y"), "[0-9]+", "d")
    is_common = pc.equal(shapes, sorted_counts(shapes).field("values")[0])
    is_iso = is_iso_timestamp(texts, zoned=False) | is_iso_timestamp(texts, zoned=True)
    is_regular = pc.and_(is_common, pa.array(is_iso)) if 2 * is_iso.sum() > len(texts) else is_common
    others = texts.filter(pc.invert(is_regular))
    if not len(others):
        return ""
    examples = _examples(others.unique()[:MAX_EXAMPLES].to_pylist())
    return (
        f"{len(texts) - len(others):,} dates of one format, such as {texts.filter(is_common)[0].as_py()!r:.40}, and "
        f"{len(others):,} other cells, such as {examples}; use one format, "
        "or add those that mean a missing value to data.csv.nulls"
    )


def _boolean_spellings(name: str, texts: pa.Array) -> str:
    distinct = texts.unique()
    if not 2 < len(distinct) <= len(_BOOLEANS):
        return ""
    words = sorted(distinct.to_pylist())
    normalized = {word.strip().lower() for word in words}
    if not normalized <= _BOOLEANS:
        return ""
    resolvable = normalized <= BOOLEAN_WORDS
    fix = f"data.types: {{{name}: boolean}} reads them as booleans" if resolvable else "use one spelling"
    return f"yes and no in several spellings, {', '.join(map(repr, words))}, count as different values; {fix}"


def _spellings(texts: pa.Array) -> str:
    """Values that differ only in case or spaces."""
    distinct = texts.unique()
    if len(distinct) > 10_000:
        return ""
    groups: dict[str, list[str]] = {}
    for text in distinct.to_pylist():
        groups.setdefault(" ".join(text.split()).casefold(), []).append(text)
    spellings = [group for group in groups.values() if len(group) > 1]
    if not spellings:
        return ""
    more = f" (and {len(spellings) - 1:,} more such groups)" if len(spellings) > 1 else ""
    first = _examples(spellings[0][:MAX_EXAMPLES])
    return f"{first}{more} differ only in case or spaces and count as different values; use one spelling"


def _examples(cells: Iterable[str]) -> str:
    return ", ".join(f"{cell!r:.40}" for cell in cells)


def _unix_time(facts: ColumnFacts) -> str:
    """Whole numbers that are seconds or milliseconds since 1970."""
    low, high = (pc.cast(value, pa.float64(), safe=False).as_py() for value in pc.min_max(facts.values).values())
    for unit, per_second in _EPOCH_UNITS.items():
        start, end = low / per_second, high / per_second
        if start >= _YEAR_2000 and end < _YEAR_2100 and (TIME_NAME.search(facts.name) or start > 1e9):
            first = datetime.fromtimestamp(start, UTC).date()
            return (
                f"looks like {unit} since 1970, from {first} on; as a number it has no hour and no weekday: write it "
                "as ISO 8601 text for a datetime feature"
            )
    return ""


def _numeric_dates(facts: ColumnFacts) -> str:
    """Whole numbers that are all dates of the years 1900 to 2100, such as 20240229."""
    low, high = pc.min_max(facts.values).values()
    if low.as_py() < 1900_01_01 or high.as_py() > 2100_12_31:
        return ""
    try:
        parse_dates(pc.cast(pc.cast(facts.values.unique(), pa.int64()), pa.string()), "%Y%m%d")
    except pa.ArrowInvalid:
        return ""
    return (
        f"looks like dates, such as {low.as_py():.0f}; as a number it has no weekday, and "
        "jumps at the end of each month: "
        f'data.dates: {{{facts.name}: "%Y%m%d"}} reads it for a datetime feature'
    )


def _inexact_codes(facts: ColumnFacts) -> str:
    if is_exact(as_numbers(facts.values)).all():
        return ""
    return f"whole numbers beyond 2^53 are rounded; if they are codes, data.types: {{{facts.name}: text}} keeps them"
