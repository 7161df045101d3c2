"""A table gives the same encoder, splits, encoded arrays and labels from CSV, JSON lines and Parquet.

A model is a function of these, the declared problem and the seed, so it is the same too.
"""

import json
import shutil
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtl_core.config import Problem, parse_problem
from mtl_core.data.prepare import prepare
from tests.data.orders import contents, quarantine

ROWS = 60
COLUMNS: dict[str, tuple[pa.DataType, st.SearchStrategy[object]]] = {
    "shop": (pa.string(), st.sampled_from(["east", " west", "NA", "1", "n/a", 'a"b', "a,b", "a\nb", "é"])),
    "code": (pa.string(), st.sampled_from(["007", "7", "0x1", "12", "00"])),
    "count": (pa.int64(), st.integers(-5, 5) | st.sampled_from([2**53 - 1, 10**17])),
    "amount": (pa.float64(), st.floats(-1e6, 1e6) | st.sampled_from([0.5, 1e100, -1e-300, 3.0])),
    "member": (pa.bool_(), st.booleans()),
    "day": (pa.date32(), st.dates(date(1, 1, 1), date(9999, 12, 31))),
    "moment": (pa.timestamp("us"), st.datetimes(datetime(1700, 1, 1), datetime(2200, 1, 1))),
    "zoned": (
        pa.timestamp("s", "UTC"),
        st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)).map(lambda at: at.replace(microsecond=0, tzinfo=UTC)),
    ),
}
KINDS = {"count": "numeric", "amount": "numeric", "day": "datetime", "moment": "datetime", "zoned": "datetime"}


def problem(by: str) -> Problem:
    texts = {name: {"kind": "categorical", "min_count": 1} for name in COLUMNS if name not in KINDS}
    return parse_problem(
        {
            "name": "files",
            "data": {"path": "data"},
            "split": {"by": "hash", "column": by, "validation": 0.3, "test": 0.3},
            "features": texts | {name: {"kind": kind} for name, kind in KINDS.items()},
            "tasks": {"yes": {"kind": "binary", "target": "yes"}, "spent": {"kind": "regression", "target": "spent"}},
        }
    )


@st.composite
def tables(draw: st.DrawFn) -> pa.Table:
    """Every column has values and nulls; text columns have a word that is no number."""
    columns = {"key": pa.array([f"k{row}" for row in range(ROWS)])}
    for name, (arrow_type, values) in COLUMNS.items():
        cells = draw(st.lists(st.none() | values, min_size=3, max_size=6))
        cells += ["east"] if name == "shop" else ["007"] if name == "code" else [draw(values)]
        columns[name] = pa.array([cells[row % len(cells)] for row in range(ROWS)], arrow_type)
    columns["yes"] = pa.array([row % 2 for row in range(ROWS)])
    columns["spent"] = pa.array([None if row % 7 == 0 else row * 0.37 for row in range(ROWS)])
    return pa.table(columns)


def prepared(folder: Path, table: pa.Table, suffix: str, by: str) -> dict[str, bytes]:
    (folder / "data").mkdir(parents=True)
    for number, rows in enumerate((table.slice(0, 25), table.slice(25))):
        path = folder / "data" / f"{number}{suffix}"
        if suffix == ".csv":
            csv.write_csv(rows, path)
        elif suffix == ".jsonl":
            lines = (json.dumps(row, default=lambda moment: moment.isoformat()) for row in rows.to_pylist())
            path.write_text("\n".join(lines))
        else:
            pq.write_table(rows, path)
    prepare(folder, problem(by), quarantine(folder), folder / "encoded")
    return {name: content for name, content in contents(folder / "encoded").items() if not name.endswith(".parquet")}


@settings(deadline=None, max_examples=10)
@given(tables(), st.sampled_from(["key", "row", "count"]))
def test_all_formats_are_encoded_alike(tmp_path_factory: pytest.TempPathFactory, table: pa.Table, by: str) -> None:
    if by == "count":
        table = table.set_column(table.column_names.index("count"), "count", pa.array(range(ROWS)))
    folder = tmp_path_factory.mktemp("files")
    by_parquet = prepared(folder / "parquet", table, ".parquet", by)
    for suffix in (".csv", ".jsonl"):
        other = prepared(folder / suffix[1:], table, suffix, by)
        assert other.keys() == by_parquet.keys()
        assert [name for name in other if other[name] != by_parquet[name]] == []
    shutil.rmtree(folder)
