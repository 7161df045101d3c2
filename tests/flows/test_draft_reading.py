"""`mtl init`: detected options of reading, and warnings about values that look like another type."""

import csv
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.draft.document import document
from flows.draft.facts import sample_table
from flows.draft.proposals import propose_problem
from mtl_core.config import ReadOptions, parse_problem, parse_yaml
from mtl_core.errors import DataError, ProblemError

ROWS = 120
NUMBERS = [row * 7.5 - 99 for row in range(ROWS)]


def cells(*values: str) -> list[str]:
    return [values[row % len(values)] for row in range(ROWS)]


def write(folder: Path, columns: dict[str, list[Any]], separator: str = ",", encoding: str = "utf-8") -> Path:
    columns = {"key": [f"k{row}" for row in range(ROWS)], **columns, "y": [row % 2 for row in range(ROWS)]}
    path = folder / "table.csv"
    with path.open("w", encoding=encoding, newline="") as file:
        writer = csv.writer(file, delimiter=separator, lineterminator="\n")
        writer.writerows([columns, *zip(*columns.values(), strict=True)])
    return path


def comma(number: float) -> str:
    return f"{number:.2f}".replace(".", ",")


def grouped(number: float) -> str:
    return f"{number * 1000:,.1f}"


DAYS = [f"{1 + row % 12}/{1 + row % 28}/2024" for row in range(ROWS)]

FORMATS: dict[str, tuple[dict[str, list[Any]], dict[str, Any]]] = {
    "the default": ({"x": NUMBERS, "when": cells("2024-01-01", "2024-01-02")}, {}),
    "semicolons": ({"x": list(map(comma, NUMBERS))}, {"csv": {"separator": ";", "decimal": ","}}),
    "tabs": ({"x": NUMBERS}, {"csv": {"separator": "\t"}}),
    "Latin-1": ({"grün": NUMBERS}, {"csv": {"encoding": "cp1252"}}),
    "UTF-16": ({"x": NUMBERS}, {"csv": {"encoding": "utf-16"}}),
    "UTF-16 without a mark": ({"x": NUMBERS}, {"csv": {"encoding": "utf-16-le"}}),
    "a decimal comma in quotes": ({"x": list(map(comma, NUMBERS))}, {"csv": {"decimal": ","}}),
    "grouped digits": ({"x": list(map(grouped, NUMBERS))}, {"csv": {"thousands": ","}}),
    "words for missing values": ({"x": cells("1.5", "NA", "2")}, {"csv": {"nulls": ["NA"]}}),
    "words among numbers with a decimal comma": (
        {"x": cells("1,5", "NA", "2,25")},
        {"csv": {"separator": ";", "decimal": ",", "nulls": ["NA"]}},
    ),
    "words among dates": ({"x": cells("2024-01-01", "NA", "2024-01-03")}, {"csv": {"nulls": ["NA"]}}),
    "words in one column, grouped digits in another": (
        {"x": cells("1", "NA", "2"), "z": list(map(grouped, NUMBERS))},
        {"csv": {"thousands": ",", "nulls": ["NA"]}},
    ),
    "blanks for missing values": ({"x": cells("1.5", "  ", "2")}, {"csv": {"nulls": ["  "]}}),
    "blanks among numbers with a decimal comma": (
        {"x": cells("1,5", "  ", "2,25")},
        {"csv": {"separator": ";", "decimal": ",", "nulls": ["  "]}},
    ),
    "NaN among numbers": ({"x": cells("1.5", "nan", "2")}, {}),
    "days first": ({"x": cells("31.12.2023", "1.1.2024")}, {"dates": {"x": "%d.%m.%Y"}}),
    "months first": ({"x": DAYS}, {"dates": {"x": "%m/%d/%Y"}}),
    "times": ({"x": cells("31/12/2023 23:59", "1/1/2024 00:00")}, {"dates": {"x": "%d/%m/%Y %H:%M"}}),
}


@pytest.mark.parametrize(("columns", "expected"), FORMATS.values(), ids=FORMATS)
def test_options_of_reading_are_detected(
    tmp_path: Path, columns: dict[str, list[Any]], expected: dict[str, Any]
) -> None:
    """Each is in the draft with its warning; with them the column is not text."""
    file_format = expected.get("csv", {})
    separator, encoding = file_format.get("separator", ","), file_format.get("encoding", "utf-8")
    sample = sample_table(write(tmp_path, columns, separator, encoding))
    options = sample.reading.options
    assert options.model_dump(mode="json", exclude_defaults=True) == expected
    assert {path.split(".")[1] for path in sample.reading.warnings} <= set(expected)
    assert not next(iter(facts for name, facts in sample.facts.items() if name in columns)).is_text
    text = document("table", "table.csv", propose_problem(sample, ["y"]))
    assert parse_problem(parse_yaml(text)).data.reading == options
    for path, warning in sample.reading.warnings.items():
        assert warning in text, path


def test_json_lines_have_types_and_no_csv_options(tmp_path: Path) -> None:
    path = tmp_path / "table.jsonl"
    row = {"when": "2024-01-01", "x": 1.5, "n": ["a", "b"], "spans": [{"start": 0, "end": 1, "label": "é"}]}
    path.write_text("".join(json.dumps(row | {"y": number % 2}) + "\n" for number in range(ROWS)), encoding="utf-8")
    sample = sample_table(path)
    assert (sample.reading.options, sample.reading.warnings) == (ReadOptions(), {})
    assert sample.table.schema.field("when").type == pa.date32()
    assert "spans" in propose_problem(sample, ["y"]).left_out


def test_the_order_of_the_rows_decides_between_date_formats(tmp_path: Path) -> None:
    """Both formats read all cells; with the day first, the rows are in the order of time."""
    sample = sample_table(write(tmp_path, {"x": [f"{1 + row % 10}/{1 + row // 10}/2024" for row in range(ROWS)]}))
    assert sample.reading.options.dates == {"x": "%d/%m/%Y"}
    assert "%m/%d/%Y would read them too" in sample.reading.warnings["data.dates.x"]


def test_years_of_two_digits_have_a_warning(tmp_path: Path) -> None:
    sample = sample_table(write(tmp_path, {"x": cells("31.12.50", "1.1.99")}))
    assert "the years 69 to 99 are those of 1900" in sample.reading.warnings["data.dates.x"]


TEXT_NUMBERS = [f"{row / 7:.3f}" for row in range(ROWS)]
WARNINGS: dict[str, tuple[list[str], str]] = {
    "a few odd cells": (
        [*TEXT_NUMBERS[:-2], "12 km", "unknown"],
        "118 numbers, and 2 other cells, such as '12 km', 'unknown'",
    ),
    "leading zeros": ([f"{row:04}" for row in range(ROWS)], "numbers with leading zeros, which stay text"),
    "currency": ([f"${row},500" for row in range(ROWS)], "amounts with a symbol, such as '$0,500'"),
    "negative amounts in brackets": (cells("(3.50)", "2.25", "(1.00)"), "amounts with a symbol, such as '(3.50)'"),
    "groups of digits with a narrow space": (cells("1\u202f234", "12\u202f345"), "amounts with a symbol, such as '1"),
    "huge codes": (cells(*(str(2**53 + row) for row in range(5))), "data.types: {x: text} keeps them"),
    "yes and no": (cells("Y", "yes", "No"), "yes and no in several spellings, 'No', 'Y', 'yes',"),
    "booleans and digits": (cells("True", "0", "False", "1"), "data.types: {x: boolean}"),
    "days as numbers": (cells("20240229", "20231231"), 'data.dates: {x: "%Y%m%d"} reads it'),
    "numbers of eight digits": ([str(20240101 + 3 * row) for row in range(ROWS)], ""),
    "two formats": (
        cells("2024-02-29", "1/3/2024", "2024-03-01"),
        "80 dates of one format, such as '2024-02-29', and 40",
    ),
    "invalid dates": (cells("2024-02-29", "2024-01-01", "0000-00-00"), "and 40 other cells, such as '0000-00-00'"),
    "a word among dates": (cells(*["31/12/2023"] * 9, "unknown"), "and 12 other cells, such as 'unknown'"),
    "times with and without a zone": (cells("2024-02-29T10:00Z", "2024-02-29T10:00"), "60 dates of one form"),
    "versions": (cells("1.2.3", "4.5.6", "1.10.0"), ""),
    "spellings": (cells("Yes", "YES ", "yes", "no"), "'Yes', 'YES ', 'yes' differ only in case"),
    "seconds": ([str(1_700_000_000 + 60 * row) for row in range(ROWS)], "seconds since 1970, from 2023-11-14 on"),
    "milliseconds": ([str(1_700_000_000_000 + row) for row in range(ROWS)], "milliseconds since 1970, from 2023-11-14"),
    "row labels": ([str((row * 7) % 1_000) for row in range(ROWS)], "index of a data frame"),
    "codes": (cells("a1", "b2", "c3"), ""),
    "amounts": ([str(row * 10_000_000) for row in range(ROWS)], ""),
}


@pytest.mark.parametrize("name", WARNINGS)
def test_a_column_has_a_warning(tmp_path: Path, name: str) -> None:
    column = "Unnamed: 0" if name == "row labels" else "x"
    values, words = WARNINGS[name]
    draft = propose_problem(sample_table(write(tmp_path, {column: values, "z": NUMBERS})), ["y"])
    assert words in draft.warnings.get(column, "") if words else column not in draft.warnings
    if words:
        assert words in document("table", "table.csv", draft)


def test_numbers_stored_as_text_name_the_option_that_reads_them(tmp_path: Path) -> None:
    path = tmp_path / "table.parquet"
    pq.write_table(pa.table({"key": [f"k{row}" for row in range(ROWS)], "x": NUMBERS, "y": TEXT_NUMBERS}), path)
    with pytest.raises(DataError, match=r"must have classes that repeat.*\n  y: .*data\.types: {y: number}"):
        propose_problem(sample_table(path), ["y"])


def test_a_word_for_missing_values_may_be_a_value_of_another_column(tmp_path: Path) -> None:
    sample = sample_table(write(tmp_path, {"x": cells("1.5", "NA", "2"), "country": cells("NA", "DE")}))
    assert "occur as text in 'country'" in sample.reading.warnings["data.csv"]


def test_a_missing_header_is_named_in_the_error(tmp_path: Path) -> None:
    path = write(tmp_path, {"x": NUMBERS})
    path.write_text(path.read_text().split("\n", 1)[1])
    with pytest.raises(ProblemError, match=r"--tasks: 'y' is not a column .*the first line must have the column names"):
        propose_problem(sample_table(path), ["y"])


def test_lines_above_the_header_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, {"x": NUMBERS})
    path.write_text("Export of 2024\n\n" + path.read_text())
    with pytest.raises(DataError, match=r"names are 'Export of 2024'; remove lines above the header"):
        sample_table(path)
