"""Part files: their selection, types and values, and the errors of unreadable ones."""

from datetime import datetime
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mtl_core.arrow import value_type
from mtl_core.data.parts import open_parts
from mtl_core.errors import DataError
from tests.data.orders import ROWS, declared, month, read, write


def test_parts_are_in_the_order_of_their_names(tmp_path: Path) -> None:
    write(tmp_path, b=month(2), a=month(1), c_csv=month(3))
    assert [part.name for part in open_parts(tmp_path, declared())] == ["a.parquet", "b.parquet", "c.csv"]
    assert read(tmp_path, "row") == [number * 1_000 + row for number in (1, 2, 3) for row in range(ROWS)]


@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "A.PARQUET", "a.Csv"])
def test_data_may_be_one_file(tmp_path: Path, name: str) -> None:
    write(tmp_path, a=month(1), a_csv=month(1))
    source = tmp_path / "data" / ("a" + Path(name).suffix.lower())
    (tmp_path / "single").mkdir()
    source.rename(tmp_path / "single" / name)
    (part,) = open_parts(tmp_path, declared(data={"path": f"single/{name}"}))
    assert (part.name, part.read(["days"]).num_rows) == (name, ROWS)
    assert [part.name for part in open_parts(tmp_path, declared(data={"path": "single"}))] == [name]


def test_other_files_are_ignored(tmp_path: Path) -> None:
    write(tmp_path, a=month(1))
    data = tmp_path / "data"
    for name in (".hidden.parquet", ".a.parquet.crc", "_SUCCESS", "readme.md", "a.parquet.tmp", "._b.csv"):
        (data / name).write_text("not a part")
    (data / "folder.parquet").mkdir()
    assert [part.name for part in open_parts(tmp_path, declared())] == ["a.parquet"]


def test_requested_columns_are_read_in_their_order(tmp_path: Path) -> None:
    write(tmp_path, a=month(1), b_csv=month(2))
    for part in open_parts(tmp_path, declared()):
        assert part.read(["days", "amount"]).column_names == ["days", "amount"]
        assert [batch.schema.names for batch in part.batches(["row", "day"])] == [["row", "day"]]


LAYOUTS = {
    "text": pa.array(["b", None, "a", "b"]),
    "large text": pa.array(["b", None, "a", "b"], pa.large_string()),
    "text views": pa.array(["b", None, "a", "b"], pa.string_view()),
    "a dictionary": pa.array(["b", None, "a", "b"]).dictionary_encode(),
    "a narrow dictionary": pa.DictionaryArray.from_arrays(pa.array([0, None, 1, 0], pa.int8()), ["b", "a"]),
    "no value": pa.nulls(4),
}


@pytest.mark.parametrize("values", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("name", ["a", "a_csv"])
def test_requested_columns_are_dictionary_arrays(tmp_path: Path, values: pa.Array, name: str) -> None:
    plain = values.cast(pa.string()) if name == "a_csv" else values
    write(tmp_path, **{name: pa.table({"shop": plain, "other": plain, "days": [1, 2, None, 4]})})
    (part,) = open_parts(tmp_path, declared())
    (batch,) = part.batches(["days", "shop", "other"], dictionaries=["shop"])
    assert batch.schema.names == ["days", "shop", "other"]
    stored = part.types.field("shop").type
    assert batch["shop"].type == pa.dictionary(pa.int32(), value_type(stored))
    assert batch["other"].type == stored
    assert batch["shop"].to_pylist() == batch["other"].to_pylist() == values.to_pylist()


def test_int96_timestamps_are_read_in_microseconds(tmp_path: Path) -> None:
    """As Spark writes them, with the ends of the calendar for missing dates."""
    timestamps = [datetime(1, 1, 1), datetime(2024, 2, 29, 12, 30, 0, 250), None, datetime(9999, 12, 31)]
    write(tmp_path, a=month(1))
    table = pa.table({"since": pa.array(timestamps, pa.timestamp("us"))})
    pq.write_table(table, tmp_path / "data" / "a.parquet", use_deprecated_int96_timestamps=True)
    assert read(tmp_path, "since") == timestamps


def test_non_nullable_columns_stay_non_nullable(tmp_path: Path) -> None:
    schema = pa.schema([pa.field("shop", pa.string(), nullable=False), pa.field("days", pa.int64(), nullable=False)])
    write(tmp_path, a=pa.table({"shop": ["b", "a"], "days": [1, 2]}, schema=schema))
    (part,) = open_parts(tmp_path, declared())
    assert part.read(["shop", "days"]).schema == schema
    (batch,) = part.batches(["shop", "days"], dictionaries=["shop"])
    assert [field.nullable for field in batch.schema] == [False, False]


def test_a_dictionary_column_must_be_text_in_every_part(tmp_path: Path) -> None:
    write(tmp_path, a=pa.table({"shop": ["x"]}), b=pa.table({"shop": [["x"]]}), c=pa.table({"days": [1]}))
    _, lists, without = open_parts(tmp_path, declared())
    with pytest.raises(DataError, match=r"b\.parquet: column 'shop' must be string"):
        list(lists.batches(["shop"], dictionaries=["shop"]))
    with pytest.raises(DataError, match=r"c\.parquet: no column 'shop'"):
        list(without.batches(["shop"], dictionaries=["shop"]))


LATER_PARTS = {
    "a missing column": (month(2).drop_columns(["days"]), "no column 'days'"),
    "a list for text": (
        month(2).set_column(1, "shop", pa.array([["a"]] * ROWS)),
        r"column 'shop' must be string .*found \['a'\] in row 0",
    ),
    "a list for a number": (
        month(2).set_column(2, "amount", pa.array([[1]] * ROWS)),
        "column 'amount' must be double",
    ),
}


@pytest.mark.parametrize(("table", "words"), LATER_PARTS.values(), ids=LATER_PARTS)
def test_a_later_part_with_other_columns_is_refused(tmp_path: Path, table: pa.Table, words: str) -> None:
    write(tmp_path, a=month(1), b=table)
    first, second = open_parts(tmp_path, declared())
    assert first.read(declared().columns).num_rows == ROWS
    with pytest.raises(DataError, match=rf"b\.parquet: {words}"):
        second.read(declared().columns)


def test_missing_data_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"data: data\.path .* found nothing there; `mtl data`"):
        open_parts(tmp_path, declared())
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "readme.md").write_text("")
    with pytest.raises(DataError, match=r"data: .* \.jsonl or \.ndjson files if data\.format .*, found none"):
        open_parts(tmp_path, declared())
    with pytest.raises(DataError, match=r"readme\.md: data must be \.parquet, \.csv"):
        open_parts(tmp_path, declared(data={"path": "data/readme.md"}))


@pytest.mark.parametrize("content", [b"PAR1 not", b""])
def test_an_invalid_parquet_part_is_refused(tmp_path: Path, content: bytes) -> None:
    write(tmp_path, a=month(1))
    (tmp_path / "data" / "b.parquet").write_bytes(content)
    with pytest.raises(DataError, match=r"b\.parquet: must be a readable Parquet file, found: "):
        open_parts(tmp_path, declared())


def test_a_part_with_a_damaged_page_is_refused(tmp_path: Path) -> None:
    pq.write_table(pa.table({"days": range(20_000)}), tmp_path / "a.parquet", compression="zstd", use_dictionary=False)
    content = bytearray((tmp_path / "a.parquet").read_bytes())
    content[4:100] = b"\xff" * 96
    (tmp_path / "a.parquet").write_bytes(content)
    (part,) = open_parts(tmp_path, declared(data={"path": "a.parquet"}))
    with pytest.raises(DataError, match=r"a\.parquet: must be a readable Parquet file"):
        part.read(["days"])


def test_a_duplicate_column_name_in_parquet_is_refused(tmp_path: Path) -> None:
    duplicate = pa.Table.from_arrays([pa.array([1]), pa.array(["a"]), pa.array([2])], names=["days", "shop", "days"])
    write(tmp_path, a=duplicate)
    with pytest.raises(DataError, match=r"a\.parquet: .* found 'days' twice; rename"):
        open_parts(tmp_path, declared())


SIMPLIFIED = {
    "decimals": pa.array([Decimal("1.25"), None]),
    "narrow decimals": pa.array([Decimal("1.25"), None], pa.decimal32(5, 2)),
    "half floats": pa.array([1.25, None], pa.float16()),
    "text views": pa.array(["1.25", None], pa.string_view()),
}


@pytest.mark.parametrize("values", SIMPLIFIED.values(), ids=SIMPLIFIED)
def test_types_with_few_arrow_functions_are_read_as_plain_types(tmp_path: Path, values: pa.Array) -> None:
    write(tmp_path, a=pa.table({"amount": values}))
    (part,) = open_parts(tmp_path, declared())
    plain, expected = (pa.string(), "1.25") if values.type == pa.string_view() else (pa.float64(), 1.25)
    assert part.types.field("amount").type == plain
    assert part.read(["amount"])["amount"].to_pylist() == [expected, None]
