"""CSV part files: their values under every option, and the errors of invalid files."""

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from mtl_core.data.csv_files import BLOCK
from mtl_core.data.parts import open_parts
from mtl_core.errors import DataError
from tests.data.orders import csv_part, declared, read, write


def test_a_later_csv_part_may_have_fractions_and_nulls(tmp_path: Path) -> None:
    csv_part(tmp_path, "days,amount\n1,2\n")
    csv_part(tmp_path, "amount,days\n0.5,\n1e3,7\n", "b.csv")
    assert read(tmp_path, "amount") == [2, 0.5, 1000]
    assert read(tmp_path, "days") == [1, None, 7]


def test_a_csv_column_without_a_value_is_text(tmp_path: Path) -> None:
    csv_part(tmp_path, "shop,days\n,1\n,2\n")
    csv_part(tmp_path, "shop,days\neast,1\n", "b.csv")
    assert read(tmp_path, "shop") == [None, None, "east"]


@pytest.mark.parametrize("stored", ["a.csv", "a.parquet"])
def test_only_declared_words_are_nulls(tmp_path: Path, stored: str) -> None:
    shops = ["NA", None, "null", "?"]
    csv_part(tmp_path, "shop,days\nNA,1\n,2\nnull,NA\n?,4\n")
    if stored == "a.parquet":
        (tmp_path / "data" / "a.csv").unlink()
        write(tmp_path, a=pa.table({"shop": shops, "days": ["1", "2", "NA", "4"]}))
    data = {"path": "data", "csv": {"nulls": ["NA"]}, "types": {"days": "number"}}
    assert read(tmp_path, "shop", declared(data=data)) == [None, None, "null", "?"]
    assert read(tmp_path, "days", declared(data=data)) == [1, 2, None, 4]
    assert read(tmp_path, "shop") == shops


CSV_CELLS = {
    "a quoted newline": ('shop,days\n"ea\nst",1\n"",2\n', ["ea\nst", None]),
    "a quoted comma and quote": ('shop,days\n"a,""b""",1\n', ['a,"b"']),
    "carriage returns": ("shop,days\r\neast,1\r\n", ["east"]),
    "a byte order mark": (b"\xef\xbb\xbfshop,days\neast,1\n", ["east"]),
    "no newline at the end": ("shop,days\neast,1", ["east"]),
    "blanks": ("shop,days\n east ,1\n", [" east "]),
    "accents": ("shop,days\né,1\n", ["é"]),
}


@pytest.mark.parametrize(("content", "shops"), CSV_CELLS.values(), ids=CSV_CELLS)
def test_csv_values(tmp_path: Path, content: str | bytes, shops: list[str | None]) -> None:
    csv_part(tmp_path, content)
    assert read(tmp_path, "shop") == shops


def test_a_quoted_newline_at_the_end_of_a_block(tmp_path: Path) -> None:
    """The file is larger than a block, and nearly all its line breaks are inside quotes."""
    value = "\n" * 1_000
    rows = BLOCK // len(value) + 100
    csv_part(tmp_path, "shop,days\n" + f'"{value}",1\n' * rows)
    (part,) = open_parts(tmp_path, declared())
    batches = list(part.batches(["shop"]))
    assert len(batches) > 1
    assert sum(batch.num_rows for batch in batches) == rows
    assert all(batch["shop"].unique().to_pylist() == [value] for batch in batches)


INVALID_CSV = {
    "a short row": ("shop,days\neast\n", "Expected 2 columns, .*names are 'shop', 'days'"),
    "Latin-1": (b"shop,days\n\xe9,1\n", "must be utf-8 text, .*encoding: latin-1"),
    "UTF-16": ("shop,days\ne,1\n".encode("utf-16"), "must be utf-8 text, .*utf-16"),
    "empty": ("", "must be a readable CSV file, found: Empty"),
    "another separator": ("shop;days\neast,1;2\n", "declare the separator, .*';'"),
    "a preamble": ("Export\n\nshop,days\neast,1\n", "names are 'Export'; remove lines above the header"),
    "a duplicate column name": ("shop,days,days\n", "found 'days' twice"),
}


@pytest.mark.parametrize(("content", "words"), INVALID_CSV.values(), ids=INVALID_CSV)
def test_an_invalid_csv_part_is_refused(tmp_path: Path, content: str | bytes, words: str) -> None:
    csv_part(tmp_path, "shop,days\neast,1\n")
    csv_part(tmp_path, content, "b.csv")
    with pytest.raises(DataError, match=rf"b\.csv: .*{words}"):
        open_parts(tmp_path, declared())


def test_an_unclosed_quote_is_refused(tmp_path: Path) -> None:
    csv_part(tmp_path, 'shop,days\neast,1\n"west,2\n' + "west,2\n" * (BLOCK // 3))
    with pytest.raises(DataError, match=r"a\.csv: .*is a quote not closed\?"):
        open_parts(tmp_path, declared())


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


def test_declared_csv_options_dates_and_types(tmp_path: Path) -> None:
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
    with pytest.raises(DataError, match=r"column 'day' must be .*'%d/%m/%Y', .*'01.02.2024' in row 0"):
        read(tmp_path, "day", declared(data=data))
    data |= {"types": {"shops": "number"}}
    with pytest.raises(DataError, match=r"data\.types\.shops: no such column; did you mean 'shop'\?"):
        open_parts(tmp_path, declared(data=data))
