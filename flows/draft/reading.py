"""Detection of how files are read: encoding, separator, decimal mark, words for missing values, formats of dates."""

import codecs
import csv as standard_csv
from collections import Counter
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain, islice
from pathlib import Path
from typing import Literal

import pyarrow as pa

from flows.draft.source import DataSource
from mtl_core import arrow_compute as pc
from mtl_core.arrow import is_number, is_text
from mtl_core.config import Csv, ReadOptions
from mtl_core.data.cells import parse_dates, without_nulls
from mtl_core.data.csv_files import SEPARATORS
from mtl_core.data.date_formats import matching_formats
from mtl_core.data.inference import infer_type
from mtl_core.data.part_files import CSV_SUFFIXES, suffix
from mtl_core.errors import DataError

MAX_ROWS = 20_000
"""Maximum number of rows that are examined."""
NULL_WORDS = ("NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "none", "?", "-")
_MARKS = ((".", ""), (".", ","), (",", ""), (",", "."), (",", " "), (".", " "), (".", "'"))
"""Decimal mark and thousands separator, in the order in which they are tried."""


@dataclass(frozen=True, kw_only=True)
class DetectedOptions:
    """The detected options of reading, `data.format`, and the warnings about them: path of an option -> warning."""

    options: ReadOptions
    format: Literal["conll", "intent_slots"] | None = None
    warnings: Mapping[str, str] = field(default_factory=dict)


def detect(source: DataSource) -> DetectedOptions:
    """Detect the options for data whose files have one format; raises DataError if it cannot be read."""
    if source.format is not None:
        return _tagged_text(source)
    csv, warnings = Csv(), []
    if path := next((path for path in source.files if suffix(path) in CSV_SUFFIXES), None):
        encoding = _encoding(path)
        if encoding != "utf-8":
            warnings.append(_encoding_warning(encoding))
        try:
            csv = Csv(encoding=encoding, separator=_separator(path, encoding))
        except UnicodeError as error:
            raise DataError(
                f"{path}: must be {encoding} text, as it begins, found: {error}; save it again as UTF-8"
            ) from None
    texts = _texts(source, csv)
    csv, example = _with_marks(texts, csv)
    if example:
        thousands = f", {csv.thousands!r} for thousands" if csv.thousands else ""
        warnings.append(f"numbers such as {example!r} are read with {csv.decimal!r} as the decimal mark{thousands}")
    csv = csv.model_copy(update={"nulls": _null_words(texts, csv)})
    if csv.nulls:
        warnings.append(_null_warning(texts, csv))
    dates, date_warnings = _dates(texts, csv)
    csv_warning = {"data.csv": "; ".join(warnings)} if warnings else {}
    return DetectedOptions(options=ReadOptions(csv=csv, dates=dates), warnings=csv_warning | date_warnings)


def _tagged_text(source: DataSource) -> DetectedOptions:
    """The encoding alone: words, dates and numbers of a text are its tokens."""
    encoding = next((name for name in map(_encoding, source.files) if name != "utf-8"), "utf-8")
    warnings = {} if encoding == "utf-8" else {"data.csv": _encoding_warning(encoding)}
    return DetectedOptions(options=ReadOptions(csv=Csv(encoding=encoding)), format=source.format, warnings=warnings)


def _encoding_warning(encoding: str) -> str:
    return f"the file is not UTF-8; {encoding} was assumed"


def _encoding(path: Path) -> str:
    """Encoding of a text file: utf-16, utf-8, cp1252 or, for bytes that cp1252 does not define, latin-1.

    UTF-16 is detected by its byte order mark or by a zero byte in the first character.
    """
    with path.open("rb") as file:
        start = file.read(2)
    if start in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE):
        return "utf-16"
    if len(start) == 2 and 0 in start:
        return "utf-16-be" if start[0] == 0 else "utf-16-le"
    for encoding in ("utf-8", "cp1252"):
        with suppress(UnicodeError), path.open(encoding=encoding, newline="") as text:
            while text.read(1 << 20):
                pass
            return encoding
    return "latin-1"


def _separator(path: Path, encoding: str) -> str:
    """The separator that splits most of the first lines into the same number of cells; a comma if none does."""
    with path.open(encoding=encoding, newline="") as file:
        lines = list(islice(file, 100))
    scores = {}
    for separator in SEPARATORS:
        try:
            widths = Counter(len(cells) for cells in standard_csv.reader(lines, delimiter=separator) if cells)
        except standard_csv.Error:
            continue
        width, count = max(widths.items(), key=lambda item: (item[0] > 1, item[1]), default=(0, 0))
        scores[separator] = (count if width > 1 else 0, width)
    return max(scores, key=lambda separator: scores[separator], default=",")


def _texts(source: DataSource, csv: Csv) -> dict[str, pa.Array]:
    """Column -> its distinct texts in the first rows."""
    chunks: dict[str, list[pa.Array]] = {}
    rows = 0
    for batch in chain.from_iterable(file.batches(file.names) for file in source.open(csv)):
        for name, column in zip(batch.schema.names, batch.slice(0, MAX_ROWS - rows).columns, strict=True):
            if is_text(column.type):
                chunks.setdefault(name, []).append(pc.cast(column, pa.string()))
        rows += batch.num_rows
        if rows >= MAX_ROWS:
            break
    return {name: pa.concat_arrays(arrays).unique().drop_null() for name, arrays in chunks.items()}


def _without_null_words(values: pa.Array) -> tuple[pa.Array, list[str]]:
    """The values without words for missing values and blank cells, and these."""
    words = [value for value in values.to_pylist() if value and value.strip() in ("", *NULL_WORDS)]
    return without_nulls(values, Csv(nulls=tuple(words))).drop_null(), words


def _null_words(texts: Mapping[str, pa.Array], csv: Csv) -> tuple[str, ...]:
    """Words and blank cells without which a text column has only numbers, booleans or dates."""
    nulls: set[str] = set()
    for values in texts.values():
        other_values, words = _without_null_words(values)
        if _is_untyped(values, csv) and not _is_untyped(other_values, csv):
            nulls |= set(words)
    return tuple(sorted(nulls))


def _null_warning(texts: Mapping[str, pa.Array], csv: Csv) -> str:
    words = pa.array(csv.nulls, pa.string())
    text_columns = [
        repr(name)
        for name, values in texts.items()
        if _is_untyped(values, csv) and pc.any(pc.is_in(values, words)).as_py()
    ]
    also = f"; they also occur as text in {', '.join(text_columns)} and become missing there" if text_columns else ""
    return f"`nulls` are read as missing, because the rest of their columns are numbers or dates{also}"


def _is_untyped(values: pa.Array, csv: Csv) -> bool:
    inferred = infer_type(without_nulls(values, csv), csv)
    return is_text(inferred) or bool(pa.types.is_null(inferred))


def _with_marks(texts: Mapping[str, pa.Array], csv: Csv) -> tuple[Csv, str]:
    """Options with the marks that make most columns numeric, and a number that needs them; "" for the default marks."""
    columns = [_without_null_words(values)[0] for values in texts.values()]
    candidates = [csv.model_copy(update={"decimal": decimal, "thousands": mark}) for decimal, mark in _MARKS]
    counts = [sum(_is_numeric(values, candidate) for values in columns) for candidate in candidates]
    default, best = candidates[0], candidates[counts.index(max(counts))]
    for values in columns:
        if _is_numeric(values, best) and not _is_numeric(values, default):
            return best, next(value for value in values.to_pylist() if not _is_numeric(pa.array([value]), default))
    return csv, ""


def _is_numeric(values: pa.Array, csv: Csv) -> bool:
    return bool(len(values)) and is_number(infer_type(values, csv))


def _dates(texts: Mapping[str, pa.Array], csv: Csv) -> tuple[dict[str, str], dict[str, str]]:
    formats, warnings = {}, {}
    for name, values in texts.items():
        cells = without_nulls(values, csv).drop_null()
        if not len(cells) or not is_text(infer_type(cells, csv)) or not (candidates := matching_formats(cells)):
            continue
        # The rows of most logs are in the order of time.
        chosen = next((candidate for candidate in candidates if _ascends(cells, candidate)), candidates[0])
        formats[name] = chosen
        warning = f"dates such as {cells[0].as_py()!r} are read as {chosen}"
        if "%y" in chosen:
            warning += ", where the years 69 to 99 are those of 1900 and all others of 2000"
        if other_formats := [candidate for candidate in candidates if candidate != chosen]:
            warning += f"; {', '.join(other_formats)} would read them too"
        warnings[f"data.dates.{name}"] = warning
    return formats, warnings


def _ascends(cells: pa.Array, date_format: str) -> bool:
    times = pc.cast(parse_dates(cells, date_format), pa.int64())
    return len(times) > 1 and bool(pc.all(pc.less_equal(times[:-1], times[1:])).as_py())
