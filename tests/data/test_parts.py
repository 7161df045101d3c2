"""Parts: which files count, what is read of them, and what is refused."""

from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mtl_core.data.column_types import column_types
from mtl_core.data.part_files import BLOCK
from mtl_core.data.parts import open_parts
from mtl_core.errors import DataError
from tests.data.orders import DECLARED, ROWS, declared, month, write


def at(path: str) -> Any:
    return declared(data={"path": path})


def csv_part(folder: Path, content: str | bytes, name: str = "a.csv") -> None:
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data" / name).write_bytes(content if isinstance(content, bytes) else content.encode())


def read(folder: Path, column: str, problem: Any = None) -> list[Any]:
    return [
        value for part in open_parts(folder, problem or declared()) for value in part.read([column])[column].to_pylist()
    ]


def test_a_folder_in_the_order_of_names(tmp_path: Path) -> None:
    write(tmp_path, b=month(2), a=month(1), c_csv=month(3))
    found = open_parts(tmp_path, declared())
    assert [part.name for part in found] == ["a.parquet", "b.parquet", "c.csv"]
    assert read(tmp_path, "row") == [number * 1_000 + place for number in (1, 2, 3) for place in range(ROWS)]


@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "A.PARQUET", "a.Csv"])
def test_one_file(tmp_path: Path, name: str) -> None:
    write(tmp_path, a=month(1), a_csv=month(1))
    source = tmp_path / "data" / ("a" + Path(name).suffix.lower())
    (tmp_path / "alone").mkdir()
    source.rename(tmp_path / "alone" / name)
    (part,) = open_parts(tmp_path, at(f"alone/{name}"))
    assert (part.name, part.read(["days"]).num_rows) == (name, ROWS)
    assert [part.name for part in open_parts(tmp_path, at("alone"))] == [name]


def test_other_files_are_left_alone(tmp_path: Path) -> None:
    write(tmp_path, a=month(1))
    data = tmp_path / "data"
    for name in (".hidden.parquet", ".a.parquet.crc", "_SUCCESS", "readme.md", "a.parquet.tmp", "._b.csv"):
        (data / name).write_text("not a part")
    (data / "folder.parquet").mkdir()
    assert [part.name for part in open_parts(tmp_path, declared())] == ["a.parquet"]


def test_only_the_columns_asked_for_in_that_order(tmp_path: Path) -> None:
    write(tmp_path, a=month(1), b_csv=month(2))
    for part in open_parts(tmp_path, declared()):
        assert part.read(["days", "amount"]).column_names == ["days", "amount"]
        assert [batch.schema.names for batch in part.batches(["row", "day"])] == [["row", "day"]]


def test_csv_and_parquet_say_the_same(tmp_path: Path) -> None:
    write(tmp_path, a=month(1), b_csv=month(1))
    columns = ["day", "shop", "amount", "returned", "days"]
    one, other = (part.read(columns) for part in open_parts(tmp_path, declared()))
    assert one == other
    (tmp_path / "data" / "a.parquet").unlink()
    (part,) = open_parts(tmp_path, declared())
    assert part.read(columns).to_pydict() == one.to_pydict()


LAYOUTS = {
    "text": pa.array(["b", None, "a", "b"]),
    "large text": pa.array(["b", None, "a", "b"], pa.large_string()),
    "text views": pa.array(["b", None, "a", "b"], pa.string_view()),
    "a dictionary": pa.array(["b", None, "a", "b"]).dictionary_encode(),
    "a narrow dictionary": pa.array(["b", None, "a", "b"])
    .dictionary_encode()
    .cast(pa.dictionary(pa.int8(), pa.large_string())),
    "no value": pa.nulls(4),
}


@pytest.mark.parametrize("values", LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize("name", ["a", "a_csv"])
def test_columns_asked_for_as_codes(tmp_path: Path, values: pa.Array, name: str) -> None:
    """Those columns alone, with the values that they have without."""
    plain = values.cast(pa.string()) if name == "a_csv" else values
    write(tmp_path, **{name: pa.table({"shop": plain, "other": plain, "days": [1, 2, None, 4]})})
    (part,) = open_parts(tmp_path, declared())
    (batch,) = part.batches(["days", "shop", "other"], dictionaries=["shop"])
    assert batch.schema.names == ["days", "shop", "other"]
    of = part.types.field("shop").type
    assert batch["shop"].type == pa.dictionary(pa.int32(), of.value_type if pa.types.is_dictionary(of) else of)
    assert batch["other"].type == of
    assert batch["shop"].to_pylist() == batch["other"].to_pylist() == values.to_pylist()


def test_timestamps_of_96_bits_beyond_nanoseconds(tmp_path: Path) -> None:
    """As Spark writes them; an end of the calendar stands for a missing date."""
    moments = [datetime(1, 1, 1), datetime(2024, 2, 29, 12, 30, 0, 250), None, datetime(9999, 12, 31)]
    write(tmp_path, a=month(1))
    table = pa.table({"since": pa.array(moments, pa.timestamp("us"))})
    pq.write_table(table, tmp_path / "data" / "a.parquet", use_deprecated_int96_timestamps=True)
    assert read(tmp_path, "since") == moments


def test_columns_that_may_hold_no_null(tmp_path: Path) -> None:
    schema = pa.schema([pa.field("shop", pa.string(), nullable=False), pa.field("days", pa.int64(), nullable=False)])
    write(tmp_path, a=pa.table({"shop": ["b", "a"], "days": [1, 2]}, schema=schema))
    (part,) = open_parts(tmp_path, declared())
    assert part.read(["shop", "days"]).schema == schema
    (batch,) = part.batches(["shop", "days"], dictionaries=["shop"])
    assert [field.nullable for field in batch.schema] == [False, False]


def test_a_column_of_codes_must_be_text_in_every_part(tmp_path: Path) -> None:
    write(tmp_path, a=pa.table({"shop": ["x"]}), b=pa.table({"shop": [["x"]]}), c=pa.table({"days": [1]}))
    _, lists, without = open_parts(tmp_path, declared())
    with pytest.raises(DataError, match=r"b\.parquet: column 'shop' must be string as in the other parts"):
        list(lists.batches(["shop"], dictionaries=["shop"]))
    with pytest.raises(DataError, match=r"c\.parquet: no column 'shop'"):
        list(without.batches(["shop"], dictionaries=["shop"]))


def test_a_csv_column_may_turn_into_fractions_or_holes_later(tmp_path: Path) -> None:
    csv_part(tmp_path, "days,amount\n1,2\n")
    csv_part(tmp_path, "amount,days\n0.5,\n1e3,7\n", "b.csv")
    assert read(tmp_path, "amount") == [2, 0.5, 1000]
    assert read(tmp_path, "days") == [1, None, 7]


def test_a_csv_column_without_a_value_is_text(tmp_path: Path) -> None:
    csv_part(tmp_path, "shop,days\n,1\n,2\n")
    csv_part(tmp_path, "shop,days\neast,1\n", "b.csv")
    assert read(tmp_path, "shop") == [None, None, "east"]


@pytest.mark.parametrize("stored", ["a.csv", "a.parquet"])
def test_what_is_null_is_declared(tmp_path: Path, stored: str) -> None:
    shops = ["NA", None, "null", "?"]
    csv_part(tmp_path, "shop,days\nNA,1\n,2\nnull,NA\n?,4\n")
    if stored == "a.parquet":
        (tmp_path / "data" / "a.csv").unlink()
        write(tmp_path, a=pa.table({"shop": shops, "days": ["1", "2", "NA", "4"]}))
    data = {"path": "data", "csv": {"nulls": ["NA"]}, "types": {"days": "number"}}
    assert read(tmp_path, "shop", declared(data=data)) == [None, None, "null", "?"]
    assert read(tmp_path, "days", declared(data=data)) == [1, 2, None, 4]
    assert read(tmp_path, "shop") == shops


CSV = {
    "a quoted newline": ('shop,days\n"ea\nst",1\n"",2\n', ["ea\nst", None]),
    "a quoted comma and quote": ('shop,days\n"a,""b""",1\n', ['a,"b"']),
    "carriage returns": ("shop,days\r\neast,1\r\n", ["east"]),
    "a byte order mark": (b"\xef\xbb\xbfshop,days\neast,1\n", ["east"]),
    "no newline at the end": ("shop,days\neast,1", ["east"]),
    "blanks": ("shop,days\n east ,1\n", [" east "]),
    "accents": ("shop,days\né,1\n", ["é"]),
}


@pytest.mark.parametrize(("content", "shops"), CSV.values(), ids=CSV)
def test_csv(tmp_path: Path, content: str | bytes, shops: list[str | None]) -> None:
    csv_part(tmp_path, content)
    assert read(tmp_path, "shop") == shops


def test_a_quoted_newline_at_the_border_of_a_block(tmp_path: Path) -> None:
    """A file of more than a block, nearly every line break of it inside quotes."""
    value = "\n" * 1_000
    rows = (1 << 24) // len(value) + 100
    csv_part(tmp_path, "shop,days\n" + f'"{value}",1\n' * rows)
    (part,) = open_parts(tmp_path, declared())
    batches = list(part.batches(["shop"]))
    assert len(batches) > 1
    assert sum(batch.num_rows for batch in batches) == rows
    assert all(batch["shop"].unique().to_pylist() == [value] for batch in batches)


@pytest.mark.parametrize(
    "shops", [pa.array(["east", None]).dictionary_encode(), pa.array(["east", None], pa.large_string())], ids=str
)
@pytest.mark.parametrize("first", [True, False])
def test_text_may_be_laid_out_differently_in_each_part(tmp_path: Path, shops: pa.Array, first: bool) -> None:
    tables = [pa.table({"shop": shops}), pa.table({"shop": ["west", None]})]
    write(tmp_path, **dict(zip("ab", tables if first else tables[::-1], strict=True)))
    assert set(read(tmp_path, "shop")) == {"east", "west", None}


def test_column_types(tmp_path: Path) -> None:
    write(tmp_path, a=month(1))
    expected = {"shop": pa.string(), "amount": pa.float64(), "returned": pa.bool_(), "days": pa.int64()}
    assert column_types(tmp_path, declared()) == expected
    by_target = declared(split={"by": "hash", "column": "days"})
    assert column_types(tmp_path, by_target) == expected


def later(name: str, values: pa.Array) -> pa.Table:
    """A second part where one column is another."""
    table = month(2)
    return table.set_column(table.column_names.index(name), name, values)


LATER = {
    "a column is missing": (month(2).drop_columns(["days"]), "no column 'days'"),
    "a list for text": (
        later("shop", pa.array([["a"]] * ROWS)),
        "column 'shop' must be string .*found \\['a'\\] in row 0",
    ),
    "a list for a number": (later("amount", pa.array([[1]] * ROWS)), "column 'amount' must be double"),
}


@pytest.mark.parametrize(("table", "words"), LATER.values(), ids=LATER)
def test_a_later_part_that_differs_is_refused(tmp_path: Path, table: pa.Table, words: str) -> None:
    write(tmp_path, a=month(1), b=table)
    first, second = open_parts(tmp_path, declared())
    assert first.read(declared().columns).num_rows == ROWS
    with pytest.raises(DataError, match=rf"b\.parquet: {words}"):
        second.read(declared().columns)


LATER_CSV = {
    "a row too short": ("shop,days\neast\n", "Expected 2 columns, .*names are 'shop', 'days'"),
    "Latin-1": (b"shop,days\n\xe9,1\n", "must be utf-8 text, .*encoding: latin-1"),
    "UTF-16": ("shop,days\ne,1\n".encode("utf-16"), "must be utf-8 text, .*utf-16"),
    "empty": ("", "Empty"),
    "another separator": ("shop;days\neast,1;2\n", "declare the separator, .*';'"),
    "a preamble": ("Export\n\nshop,days\neast,1\n", "names are 'Export'; remove lines above the header"),
    "a column of the same name": ("shop,days,days\n", "column names must be distinct, found 'days' twice"),
}


@pytest.mark.parametrize(("content", "words"), LATER_CSV.values(), ids=LATER_CSV)
def test_a_csv_part_of_another_form_is_refused(tmp_path: Path, content: str | bytes, words: str) -> None:
    csv_part(tmp_path, "shop,days\neast,1\n")
    csv_part(tmp_path, content, "b.csv")
    with pytest.raises(DataError, match=rf"b\.csv: .*{words}"):
        open_parts(tmp_path, declared())


def test_a_quote_that_is_not_closed(tmp_path: Path) -> None:
    csv_part(tmp_path, 'shop,days\neast,1\n"west,2\n' + "west,2\n" * (BLOCK // 3))
    with pytest.raises(DataError, match=r"a\.csv: must be a readable CSV file, .*is a quote not closed\?"):
        open_parts(tmp_path, declared())


def test_no_data(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"data: data\.path must be a file or a folder, found nothing there; `mtl data`"
    ):
        open_parts(tmp_path, declared())
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "readme.md").write_text("")
    with pytest.raises(DataError, match=r"data: data must be \.parquet, \.csv or \.tsv files, found none"):
        open_parts(tmp_path, declared())
    with pytest.raises(DataError, match=r"readme\.md: data must be \.parquet, \.csv"):
        open_parts(tmp_path, at("data/readme.md"))


@pytest.mark.parametrize(("name", "content"), [("a.parquet", b"PAR1 not"), ("a.parquet", b""), ("a.csv", b"")])
def test_an_unreadable_first_part(tmp_path: Path, name: str, content: bytes) -> None:
    csv_part(tmp_path, content, name)
    with pytest.raises(DataError, match=rf"{name}: must be a readable (Parquet|CSV) file, found: "):
        open_parts(tmp_path, declared())


def test_an_unreadable_later_part(tmp_path: Path) -> None:
    write(tmp_path, a=month(1))
    csv_part(tmp_path, b"PAR1 not", "b.parquet")
    with pytest.raises(DataError, match=r"b\.parquet: must be a readable Parquet file, found: "):
        open_parts(tmp_path, declared())


def test_a_part_with_a_broken_page(tmp_path: Path) -> None:
    pq.write_table(pa.table({"days": range(20_000)}), tmp_path / "a.parquet", compression="zstd", use_dictionary=False)
    whole = bytearray((tmp_path / "a.parquet").read_bytes())
    whole[4:100] = b"\xff" * 96
    (tmp_path / "a.parquet").write_bytes(whole)
    (part,) = open_parts(tmp_path, at("a.parquet"))
    with pytest.raises(DataError, match=r"a\.parquet: must be a readable Parquet file"):
        part.read(["days"])


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_a_column_name_twice(tmp_path: Path, name: str) -> None:
    csv_part(tmp_path, "days,shop,days\n1,a,2\n")
    if name == "a.parquet":
        (tmp_path / "data" / "a.csv").unlink()
        doubled = pa.Table.from_arrays([pa.array([1]), pa.array(["a"]), pa.array([2])], names=["days", "shop", "days"])
        pq.write_table(doubled, tmp_path / "data" / name)
    with pytest.raises(DataError, match=rf"{name}: column names must be distinct, found 'days' twice; rename one"):
        open_parts(tmp_path, declared())


def test_a_missing_column_is_named_with_its_nearest(tmp_path: Path) -> None:
    write(tmp_path, a=month(1))
    features = {**DECLARED["features"], "ammount": {"kind": "numeric"}}
    with pytest.raises(DataError, match=r"data: no column 'ammount'; did you mean 'amount'\?"):
        column_types(tmp_path, declared(features=features))
    with pytest.raises(DataError, match=r"a\.parquet: no column 'ammount'; did you mean 'amount'\?"):
        open_parts(tmp_path, declared())[0].read(["ammount"])
    with pytest.raises(DataError, match=r"no column 'week'; valid: day, shop, amount"):
        column_types(tmp_path, declared(split={"by": "hash", "column": "week"}))


def test_a_column_of_a_type_that_cannot_enter_the_graph(tmp_path: Path) -> None:
    write(tmp_path, a=month(1))
    with pytest.raises(DataError, match=r"found date32"):
        column_types(tmp_path, declared(features={"day": {"kind": "numeric"}}))


DISAGREE: dict[str, tuple[dict[str, list[Any] | pa.Array], str]] = {
    "booleans, then digits": (
        {"a_csv": ["True", None], "b_csv": ["0", "1"]},
        r"bool in a.csv and int64 in b.csv; .* data.types: {shop: boolean}",
    ),
    "booleans, then numbers": (
        {"a": [True, None], "b": [1.0, None]},
        r"bool in a.parquet and double in b.parquet; .*boolean",
    ),
    "a clock, then a zone": (
        {"a": pa.array([1], pa.timestamp("s")), "b": pa.array([1], pa.timestamp("s", "UTC"))},
        r"timestamp\[ms\] in a.parquet and timestamp\[ms, tz=UTC\] in b.parquet; .*text",
    ),
}


@pytest.mark.parametrize(("values", "words"), DISAGREE.values(), ids=DISAGREE)
def test_parts_that_only_text_could_hold_are_refused_unless_declared(
    tmp_path: Path, values: dict[str, list[Any] | pa.Array], words: str
) -> None:
    """Else True and 1 are two values, and a part more changes the type of the input."""
    shop: Any = {
        "features": {"shop": {"kind": "categorical"}},
        "tasks": {"days": {"kind": "regression", "target": "days"}},
    }
    write(tmp_path, **{name: pa.table({"shop": cells, "days": range(len(cells))}) for name, cells in values.items()})
    with pytest.raises(DataError, match=f"column 'shop' must have compatible types in its parts, found {words}"):
        column_types(tmp_path, declared(**shop, split={"by": "hash", "column": "days"}))
    data: Any = {"path": "data", "types": {"shop": "text"}}
    assert (
        column_types(tmp_path, declared(**shop, split={"by": "hash", "column": "days"}, data=data))["shop"]
        == pa.string()
    )


def weighed(column: str) -> Any:
    return declared(tasks={"slow": {"kind": "binary", "target": "returned", "weight_column": column}})


def test_the_column_of_weights(tmp_path: Path) -> None:
    """Numbers or booleans; it is no input of the graph, so its type is not among those."""
    write(tmp_path, a=month(1))
    types = {"shop": pa.string(), "amount": pa.float64(), "returned": pa.bool_()}
    for column in ("row", "amount", "returned"):
        assert column_types(tmp_path, weighed(column)) == types
    with pytest.raises(DataError, match=r"tasks\.slow\.weight_column: .*found no column 'rows'; did you mean 'row'\?"):
        column_types(tmp_path, weighed("rows"))
    for column, found in (("shop", "string"), ("day", "date32")):
        words = rf"tasks\.slow\.weight_column: must be a column of numbers .*found {found}.* in '{column}'; convert it"
        with pytest.raises(DataError, match=words):
            column_types(tmp_path, weighed(column))


def test_targets_of_any_number(tmp_path: Path) -> None:
    write(tmp_path, a=month(1))
    cells = {"kind": "multilabel", "columns": ["returned", "gone"]}
    with pytest.raises(DataError, match="no column 'gone'"):
        column_types(tmp_path, declared(tasks={"cells": cells}))
    returned = {"kind": "binary", "target": "returned"}
    groups = declared(tasks={"returned": returned, "groups": {"kind": "clustering", "clusters": 2}})
    assert column_types(tmp_path, groups) == {"shop": pa.string(), "amount": pa.float64(), "returned": pa.bool_()}


ENCODINGS = {"latin-1": "é", "cp1252": "€", "utf-16": "東", "utf-8-sig": "é"}


@pytest.mark.parametrize(("encoding", "shop"), ENCODINGS.items(), ids=ENCODINGS)
def test_a_declared_encoding(tmp_path: Path, encoding: str, shop: str) -> None:
    csv_part(tmp_path, f"{shop},days\n{shop},1\n".encode(encoding))
    problem = declared(data={"path": "data", "csv": {"encoding": encoding}})
    assert read(tmp_path, shop, problem) == [shop]
    csv_part(tmp_path, b"shop,days\n\xff,1\n")
    if encoding == "utf-8-sig":
        with pytest.raises(DataError, match=r"a\.csv: must be utf-8-sig text"):
            open_parts(tmp_path, problem)


def test_a_declared_form(tmp_path: Path) -> None:
    rows = ["'1.234,5';01.02.2024;007", ";;", "-0,5;31.12.2023;7"]
    csv_part(tmp_path, "\n".join(["amount;day;shop", *rows]).replace("'", '"') + "\n", "a.tsv")
    data: Any = {
        "path": "data",
        "csv": {"separator": ";", "decimal": ",", "thousands": "."},
        "dates": {"day": "%d.%m.%Y"},
    }
    assert read(tmp_path, "amount", declared(data=data)) == [1234.5, None, -0.5]
    assert read(tmp_path, "day", declared(data=data)) == [date(2024, 2, 1), None, date(2023, 12, 31)]
    assert read(tmp_path, "shop", declared(data=data)) == ["007", None, "7"]
    data |= {"types": {"shop": "number"}}
    assert read(tmp_path, "shop", declared(data=data)) == [7, None, 7]
    data |= {"dates": {"day": "%d/%m/%Y"}}
    with pytest.raises(DataError, match=r"column 'day' must be of the format '%d/%m/%Y', .*'01.02.2024' in row 0"):
        read(tmp_path, "day", declared(data=data))
    data |= {"types": {"shops": "number"}}
    with pytest.raises(DataError, match=r"data\.types\.shops: no such column; did you mean 'shop'\?"):
        open_parts(tmp_path, declared(data=data))


def test_why_a_column_is_text(tmp_path: Path) -> None:
    csv_part(
        tmp_path,
        "row,shop,day,days,returned,amount\n" + "1,a,2024-01-01,2,true,5\n" * 9 + "1,a,2024-01-01,2,true,5 kg\n",
    )
    with pytest.raises(DataError, match=r"'amount' is text because of '5 kg' in row 9 of a\.csv, besides 9 numbers"):
        column_types(tmp_path, declared(features={"amount": {"kind": "vector"}}))


PLAIN = {
    "decimals": pa.array([Decimal("1.25"), None]),
    "narrow decimals": pa.array([Decimal("1.25"), None], pa.decimal32(5, 2)),
    "half floats": pa.array([1.25, None], pa.float16()),
    "text views": pa.array(["1.25", None], pa.string_view()),
}


@pytest.mark.parametrize("values", PLAIN.values(), ids=PLAIN)
def test_types_that_little_computes_with_are_read_as_plain_ones(tmp_path: Path, values: pa.Array) -> None:
    write(tmp_path, a=pa.table({"amount": values}))
    (part,) = open_parts(tmp_path, declared())
    wanted, expected = (pa.string(), "1.25") if values.type == pa.string_view() else (pa.float64(), 1.25)
    assert part.types.field("amount").type == wanted
    assert part.read(["amount"])["amount"].to_pylist() == [expected, None]
