"""Detection of the form of a file: encoding, separator, decimal mark, words for missing values, formats of dates."""

import codecs
import csv as standard_csv
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from mtl_core import arrow_compute as pc
from mtl_core.arrow import is_number, is_text
from mtl_core.config import Csv, Reading
from mtl_core.data.cells import parse_dates, without_nulls
from mtl_core.data.date_formats import matching_formats
from mtl_core.data.inference import infer_type
from mtl_core.data.part_files import SEPARATORS, open_part, suffix
from mtl_core.errors import DataError

MAX_ROWS = 20_000
"""Rows that are examined: marks and formats show long before."""
NULL_WORDS = ("NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "none", "?", "-")
_MARKS = ((".", ""), (".", ","), (",", ""), (",", "."), (",", " "), (".", " "), (".", "'"))
"""Decimal mark and mark of thousands."""


@dataclass(frozen=True, kw_only=True)
class DetectedReading:
    """The detected options of reading, and the doubts about them: path of an option -> doubt."""

    options: Reading
    doubts: Mapping[str, str] = field(default_factory=dict)


def detect(path: Path) -> DetectedReading:
    """Detect the options for a CSV or Parquet file; DataError where it cannot be read."""
    csv, doubts = Csv(), []
    if suffix(path) != ".parquet":
        encoding = _encoding(path)
        if encoding != "utf-8":
            doubts.append(f"the file is not UTF-8; {encoding} was assumed")
        try:
            csv = Csv(encoding=encoding, separator=_separator(path, encoding))
        except UnicodeError as error:
            raise DataError(
                f"{path}: must be {encoding} text, as it begins, found: {error}; save it again as UTF-8"
            ) from None
    texts = _texts(path, csv)
    csv = csv.model_copy(update={"nulls": _null_words(texts, csv)})
    csv, example = _with_marks(texts, csv)
    if example:
        marks = f"{csv.decimal!r} as the decimal mark" + (f", {csv.thousands!r} for thousands" * bool(csv.thousands))
        doubts.append(f"numbers such as {example!r} are read with {marks}")
        csv = csv.model_copy(update={"nulls": _null_words(texts, csv)})
    if csv.nulls:
        doubts.append(_about_nulls(texts, csv))
    dates, unclear = _dates(texts, csv)
    about_csv = {"data.csv": "; ".join(doubts)} if doubts else {}
    return DetectedReading(options=Reading(csv=csv, dates=dates), doubts=about_csv | unclear)


def _encoding(path: Path) -> str:
    """Encoding of a text file: utf-8, utf-16, cp1252 or latin-1.

    utf-16 by its byte order mark or by a zero next to the first character, else cp1252 or, where that lacks a byte,
    latin-1.
    """
    candidates = ["utf-8", "cp1252", "latin-1"]
    with path.open("rb") as file:
        first = file.read(2)
    if first in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    if len(first) == 2 and 0 in first:
        return "utf-16-be" if first[0] == 0 else "utf-16-le"
    for candidate in candidates[:-1]:
        try:
            with path.open(encoding=candidate, newline="") as text:
                while text.read(1 << 20):
                    pass
        except UnicodeError:
            continue
        return candidate
    return candidates[-1]


def _separator(path: Path, encoding: str) -> str:
    """The one that cuts most of the first lines into as many cells as the header; a comma where none cuts them."""
    with path.open(encoding=encoding, newline="") as file:
        lines = [line for _, line in zip(range(100), file, strict=False)]
    scores = {}
    for separator in SEPARATORS:
        try:
            widths = Counter(len(cells) for cells in standard_csv.reader(lines, delimiter=separator) if cells)
        except standard_csv.Error:
            continue
        width, count = max(widths.items(), key=lambda item: (item[0] > 1, item[1]), default=(0, 0))
        scores[separator] = (count if width > 1 else 0, width)
    return max(scores, key=lambda separator: scores[separator], default=",")


def _texts(path: Path, csv: Csv) -> dict[str, pa.Array]:
    """The distinct values of each column of text, of the first rows, in the order in which they occur."""
    file = open_part(path, csv)
    batches: list[pa.RecordBatch] = []
    for batch in file.batches(file.names):
        batches.append(batch)
        if sum(each.num_rows for each in batches) >= MAX_ROWS:
            break
    if not batches:
        return {}
    table = pa.Table.from_batches(batches).slice(0, MAX_ROWS)
    found = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if is_text(column.type):
            found[name] = pc.cast(column.combine_chunks(), pa.string()).unique().drop_null()
    return found


def _null_words(texts: Mapping[str, pa.Array], csv: Csv) -> tuple[str, ...]:
    """Words, and cells of blanks, that make text of columns which are numbers, booleans or dates otherwise."""
    found: set[str] = set()
    for values in texts.values():
        if _type(without_nulls(values, csv), csv) is not None:
            continue
        words = [value for value in values.to_pylist() if value and value.strip() in ("", *NULL_WORDS)]
        others = without_nulls(values, Csv(nulls=tuple(words))).drop_null()
        if words and len(others) and _type(others, csv) is not None:
            found |= set(words)
    return tuple(sorted(found))


def _about_nulls(texts: Mapping[str, pa.Array], csv: Csv) -> str:
    """The doubt about words for missing values, with the columns of text that have them too."""
    words = pa.array(csv.nulls, pa.string())
    others = [
        repr(name)
        for name, values in texts.items()
        if _type(without_nulls(values, csv), csv) is None and pc.any(pc.is_in(values, words)).as_py()
    ]
    text = f"; they also occur as text in {', '.join(others)} and become missing there" if others else ""
    return "`nulls` are read as missing, because the rest of their columns are numbers or dates" + text


def _type(values: pa.Array, csv: Csv) -> pa.DataType | None:
    """The type of values that are no text."""
    found = infer_type(values, csv)
    return None if is_text(found) or pa.types.is_null(found) else found


def _with_marks(texts: Mapping[str, pa.Array], csv: Csv) -> tuple[Csv, str]:
    """The form with which most columns are numbers, and a number that the default form cannot read, else ""."""
    missing = csv.model_copy(update={"nulls": (*csv.nulls, *NULL_WORDS)})
    known = {name: without_nulls(values, missing).drop_null() for name, values in texts.items()}
    forms = [csv.model_copy(update={"decimal": decimal, "thousands": mark}) for decimal, mark in _MARKS]
    counts = [sum(_is_numeric(values, form) for values in known.values()) for form in forms]
    best = forms[counts.index(max(counts))]
    gained = [values for values in known.values() if _is_numeric(values, best) and not _is_numeric(values, forms[0])]
    if not gained:
        return csv, ""
    odd = next(value for value in gained[0].to_pylist() if not _is_numeric(pa.array([value]), forms[0]))
    return best, odd


def _is_numeric(values: pa.Array, csv: Csv) -> bool:
    return bool(len(values)) and is_number(infer_type(values, csv))


def _dates(texts: Mapping[str, pa.Array], csv: Csv) -> tuple[dict[str, str], dict[str, str]]:
    """Column -> format of its dates; column -> doubt where several formats read all of them."""
    dates, doubts = {}, {}
    for name, values in texts.items():
        cells = without_nulls(values, csv).drop_null()
        if not len(cells) or not is_text(infer_type(cells, csv)):
            continue
        if not (forms := matching_formats(cells)):
            continue
        chosen = next((form for form in forms if _ascends(cells, form)), forms[0])
        dates[name] = chosen
        others = [form for form in forms if form != chosen]
        doubt = f"dates such as {cells[0].as_py()!r} are read as {chosen}"
        if "%y" in chosen:
            doubt += ", where the years 69 to 99 are those of 1900 and all others of 2000"
        doubts[f"data.dates.{name}"] = doubt + (f"; {', '.join(others)} would read them too" if others else "")
    return dates, doubts


def _ascends(cells: pa.Array, form: str) -> bool:
    """True where the dates are in order, as those of most logs are."""
    moments = pc.cast(parse_dates(cells, form), pa.int64())
    return len(moments) > 1 and bool(pc.all(pc.less_equal(moments[:-1], moments[1:])).as_py())
