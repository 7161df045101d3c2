"""The data of a problem, cut into a part file per calendar month."""

import re
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mtl_core import arrow_compute as pc
from mtl_core.arrow import as_strings, decoded, is_text
from mtl_core.config import Problem, TimeSplit
from mtl_core.data.parts import Part, open_parts
from mtl_core.data.rolling import check_durations
from mtl_core.errors import DataError
from mtl_core.files import pending_folder

_MONTH = re.compile(r"[0-9]{4}-(0[1-9]|1[0-2])")


@dataclass(frozen=True, kw_only=True)
class Months:
    """A part file per month with rows."""

    files: dict[str, Path]
    """Month, as YYYY-MM, in ascending order -> its file."""
    undated: int
    """Rows without a time, which belong to no month."""
    monthly_parts: bool
    """True if each part of the data has the rows of a month: of one month, and all of them."""

    @property
    def calendar(self) -> tuple[str, ...]:
        """All months from the first to the last, also those without rows."""
        first, last = next(iter(self.files)), next(reversed(self.files))
        return tuple(calendar_months(first, last))


def calendar_months(first: str, last: str) -> Iterator[str]:
    """The months from the first to the last, both included."""
    year, month = map(int, first.split("-"))
    while (text := f"{year:04}-{month:02}") <= last:
        yield text
        year, month = (year + 1, 1) if month == 12 else (year, month + 1)


def cut_into_months(folder: Path, problem: Problem, split: TimeSplit, out: Path) -> Months:
    """Write the rows of each calendar month, in local time of the column's zone, into a Parquet file of `out`.

    The columns are those that every part has, with their types over all parts. Files of an earlier call are used.

    Raises:
        DataError: times that have no month.
    """
    parts = open_parts(folder, problem)
    if not out.exists():
        with pending_folder(out) as temporary:
            _write(temporary, parts, split)
    counts = pq.read_table(out / "counts.parquet").to_pylist()
    dated = sorted({row["month"] for row in counts if row["month"] is not None})
    parts_and_months = {(row["part"], row["month"]) for row in counts}
    return Months(
        files={month: out / f"{month}.parquet" for month in dated},
        undated=sum(row["rows"] for row in counts if row["month"] is None),
        monthly_parts=len(parts_and_months) == len(parts) == len(dated),
    )


def _write(out: Path, parts: tuple[Part, ...], split: TimeSplit) -> None:
    schema = pa.schema([parts[0].types.field(name) for name in parts[0].shared])
    counts: dict[tuple[str, str | None], int] = {}
    with ExitStack() as stack:
        writers: dict[str, pq.ParquetWriter] = {}
        for part in parts:
            for batch in part.batches(parts[0].shared):
                months = month_of(batch.column(split.column), split)
                for month in pc.unique(months).to_pylist():
                    rows = batch.filter(pc.is_null(months) if month is None else pc.equal(months, month))
                    counts[part.name, month] = counts.get((part.name, month), 0) + rows.num_rows
                    if month is None:
                        continue
                    if month not in writers:
                        writers[month] = stack.enter_context(
                            pq.ParquetWriter(out / f"{month}.parquet", schema, compression="zstd")
                        )
                    writers[month].write_batch(rows)
    rows = [{"part": part, "month": month, "rows": count} for (part, month), count in counts.items()]
    pq.write_table(
        pa.Table.from_pylist(rows, pa.schema([("part", "string"), ("month", "string"), ("rows", "int64")])),
        out / "counts.parquet",
    )


def month_of(values: pa.Array, split: TimeSplit) -> pa.Array:
    """(rows,) values of the split's column -> (rows,) months as YYYY-MM, null without a time.

    Raises DataError for text that does not begin with a year and a month.
    """
    check_durations(split, values.type)
    values = decoded(values)
    if not is_text(values.type):
        return pc.strftime(values, format="%Y-%m")
    text = as_strings(values)
    dashed = pc.match_substring(pc.utf8_slice_codeunits(text, 4, 5), "-")
    year, month = (
        pc.utf8_slice_codeunits(text, 0, 4),
        pc.if_else(dashed, pc.utf8_slice_codeunits(text, 5, 7), pc.utf8_slice_codeunits(text, 4, 6)),
    )
    joined = pc.binary_join_element_wise(year, month, "-")
    months = pc.if_else(pc.is_valid(values), joined, pa.scalar(None, joined.type))
    for month_text in pc.unique(months.drop_null()).to_pylist():
        if not _MONTH.fullmatch(month_text):
            example = text.filter(pc.equal(months, month_text))[0].as_py()
            raise DataError(
                f"split.column: text must begin as 2013-12-31 or 20131231 to be cut into months, found {example!r:.60} "
                f"in column {split.column!r}; declare the format of its dates in data.dates"
            )
    return months
