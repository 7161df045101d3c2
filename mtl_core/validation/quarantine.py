"""The quarantine: rows that break an expectation, with the reasons."""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from mtl_core.files import pending
from mtl_core.validation.outcome import PartResult

__all__ = ["SCHEMA", "write_quarantine"]

SCHEMA = pa.schema(
    [
        ("part", pa.string()),
        ("row", pa.int64()),
        ("column", pa.string()),
        ("expectation", pa.string()),
        ("value", pa.string()),
    ]
)
"""`row` is the position within the part, from 0; a row has a line per reason."""


def write_quarantine(path: Path, parts: Sequence[PartResult]) -> None:
    """Replaces the file in one step; without a row it still has its columns."""
    lines = [
        {
            "part": part.part,
            "row": reason.row,
            "column": reason.column,
            "expectation": reason.expectation,
            "value": reason.value,
        }
        for part in parts
        for reason in part.reasons
    ]
    with pending(path) as temporary:
        pq.write_table(pa.Table.from_pylist(lines, schema=SCHEMA), temporary, compression="zstd")
