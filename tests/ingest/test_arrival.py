"""A part that does not fit the present ones is refused with column, expectation and value found."""

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pyarrow as pa
import pyarrow.csv as csv
import pyarrow.parquet as pq
import pytest

from flows.ingest.arrival import Checker, check_dates, kind_of
from flows.ingest.copy import check_last_line, check_name, is_unfinished, stage
from mtl_core.config import Problem, load_problem, parse_problem
from mtl_core.data.parquet_files import ParquetFile
from mtl_core.data.parts import as_parts
from mtl_core.errors import DataError
from tests.ingest.conftest import DECLARED, HEADER, lines, part_file, present_files, write

TODAY = date(2024, 5, 31)
pytestmark = pytest.mark.usefixtures("without_suite")


def check(folder: Path, path: Path) -> int:
    """Rows of an accepted part."""
    checker = Checker(folder, load_problem(folder), TODAY)
    return checker.check(part_file(path, folder), present_files(folder)).rows


def replaced(old: str, new: str, row: int | None = None) -> list[str]:
    """The lines of April with a text replaced in all lines or in one."""
    return [line.replace(old, new) if row is None or number == row else line for number, line in enumerate(lines(4))]


def test_a_part_that_fits_is_accepted(unpinned: Path, april: Path) -> None:
    assert check(unpinned, april) == 56


def test_order_of_columns_and_kinds_of_numbers_may_differ(unpinned: Path, tmp_path: Path) -> None:
    table = csv.read_csv(write(tmp_path / "april.csv", lines(4)))
    table = table.set_column(3, "amount", table["amount"].cast(pa.float32()))
    pq.write_table(table.select(sorted(table.column_names)), tmp_path / "april.parquet")
    assert check(unpinned, tmp_path / "april.parquet") == 56


def test_labels_may_be_missing_from_a_part(unpinned: Path, tmp_path: Path) -> None:
    content = [HEADER, *(",".join([*line.split(",")[:-2], "", ""]) for line in lines(4)[1:])]
    assert check(unpinned, write(tmp_path / "april.csv", content)) == 56


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(replaced("shop", "Shop", 0), "'shop': must be there .*did you mean 'Shop'", id="missing"),
        pytest.param(replaced("shop", "Shop", 0), "'Shop': must be a column of the other parts", id="extra"),
        pytest.param(
            replaced("4-3,2024-04-04", "4-3,n/a", 4),
            "'day': must be date or timestamp .* found text",
            id="no date",
        ),
        pytest.param(replaced(",7,", ",seven,", 4), "'amount': must be number .*found text", id="no number"),
        pytest.param(replaced(",7,", ",seven,", 4), "'seven' in row 3 of april.csv", id="cell"),
        pytest.param(replaced("2024-04-04", "2024-04-04T05:00:00Z"), "'day': .* found", id="time zone"),
        pytest.param([HEADER], "must have rows, found none", id="no rows"),
        pytest.param([*lines(4), "4-99,2024-0"], "Expected 6 columns, got 2", id="cut in a row"),
        pytest.param([*lines(4), '4-99,2024-04-01,"a,b'], "readable CSV file", id="cut in a quoted cell"),
        pytest.param(["\x00\x01\x02"], "must have the columns", id="no table"),
        pytest.param([f"{HEADER},shop", *(f"{line},1" for line in lines(4)[1:])], "must be distinct", id="twice"),
        pytest.param(replaced("2024-04-01", "2999-04-01"), "found 2 later rows, the newest 2999-04-01", id="future"),
    ],
)
def test_a_part_that_does_not_fit_is_refused(unpinned: Path, tmp_path: Path, content: list[str], message: str) -> None:
    path = write(tmp_path / "april.csv", content)
    with pytest.raises(DataError, match=f"(?s){message}"):
        check(unpinned, path)


@pytest.mark.parametrize(
    ("cut", "message"),
    [
        pytest.param(lambda content: content[:-8], "must be a readable Parquet file", id="no footer"),
        pytest.param(lambda content: content[:2], "must be a readable Parquet file", id="two bytes"),
        pytest.param(lambda content: content[:4] + bytes(200) + content[204:], "april.parquet: ", id="damaged pages"),
    ],
)
def test_a_half_written_parquet_file_is_refused(
    unpinned: Path, tmp_path: Path, cut: Callable[[bytes], bytes], message: str
) -> None:
    path = tmp_path / "april.parquet"
    pq.write_table(csv.read_csv(write(tmp_path / "april.csv", lines(4))), path)
    path.write_bytes(cut(path.read_bytes()))
    with pytest.raises(DataError, match=message):
        check(unpinned, path)


def test_numbers_stored_as_text_in_a_typed_file_are_refused(unpinned: Path, tmp_path: Path) -> None:
    """Cells of a CSV file are text, so only there a column of text takes numbers."""
    table = csv.read_csv(write(tmp_path / "april.csv", lines(4)))
    pq.write_table(table.set_column(2, "shop", pa.array(range(56))), tmp_path / "april.parquet")
    with pytest.raises(DataError, match="'shop': must be text as in the other parts, found number"):
        check(unpinned, tmp_path / "april.parquet")
    assert check(unpinned, write(tmp_path / "april.csv", replaced("east", "1"))) == 56


def test_a_declared_type_is_read_from_the_cells(unpinned: Path, tmp_path: Path) -> None:
    problem = parse_problem(DECLARED | {"data": {**DECLARED["data"], "types": {"amount": "number"}}})
    path = write(tmp_path / "april.csv", replaced(",7,", ",seven,", 4))
    with pytest.raises(DataError, match=r"'amount' must be number, as data\.types declares, found 'seven' in row 3"):
        Checker(unpinned, problem, TODAY).check(part_file(path, unpinned), present_files(unpinned))


@pytest.mark.parametrize(
    ("values", "later"),
    [
        pytest.param(pa.array([date(2024, 6, 1), None]), 0, id="tomorrow"),
        pytest.param(pa.array([date(2024, 6, 2)]), 1, id="day after tomorrow"),
        pytest.param(pa.array(["2024-06-01T23:59:59"]).cast(pa.timestamp("us")), 0, id="last second of tomorrow"),
        pytest.param(pa.array(["2024-06-02T09:00:00+09:00"]).cast(pa.timestamp("ns", "Asia/Tokyo")), 1, id="zone"),
        pytest.param(pa.array(["2024-06-01 10:00", "2024-06-02 10:00", "2025-01"]), 2, id="text"),
        pytest.param(pa.array(["20250101", "2024-W30", "9999"]), 0, id="other text"),
        pytest.param(pa.array([20250101, 99999999]), 0, id="numbers"),
        pytest.param(pa.array(["2024-06-02", "2024-05-01"]).dictionary_encode(), 1, id="dictionary"),
    ],
)
def test_rows_later_than_tomorrow_are_from_the_future(tmp_path: Path, values: pa.Array, later: int) -> None:
    pq.write_table(pa.table({"day": values}), tmp_path / "part.parquet")
    problem: Problem = parse_problem(DECLARED)
    (part,) = as_parts([ParquetFile(tmp_path / "part.parquet", problem.data.csv)], problem.data.reading)
    if not later:
        check_dates(part, problem, TODAY)
        return
    with pytest.raises(DataError, match=rf"later than tomorrow in UTC, 2024-06-01, found {later} later rows"):
        check_dates(part, problem, TODAY)


def test_only_a_split_by_time_has_a_future(unpinned: Path, tmp_path: Path) -> None:
    problem = parse_problem(DECLARED | {"split": {"by": "hash", "column": "day"}})
    path = write(tmp_path / "april.csv", replaced("2024-04-01", "2999-04-01"))
    assert Checker(unpinned, problem, TODAY).check(part_file(path, unpinned), present_files(unpinned)).rows == 56


@pytest.mark.parametrize(
    ("arrow_type", "kind"),
    [
        (pa.dictionary(pa.int8(), pa.string()), "text"),
        (pa.decimal128(5, 2), "number"),
        (pa.bool_(), "boolean"),
        (pa.date64(), "date or timestamp"),
        (pa.timestamp("s", "UTC"), "timestamp with a time zone"),
        (pa.large_list(pa.int8()), "list of number"),
        (pa.struct([("start", pa.int32())]), "object with start (number)"),
        (pa.binary(), "binary"),
    ],
)
def test_kinds_of_types(arrow_type: pa.DataType, kind: str) -> None:
    assert kind_of(arrow_type) == kind


@pytest.mark.parametrize("name", [".a.csv", "a.csv.tmp", "a.part", "a.csv.PARTIAL", "a.xlsx", "a"])
def test_names_that_are_no_parts_are_refused(name: str) -> None:
    with pytest.raises(DataError, match=r"must (not be hidden|be one of \.parquet)"):
        check_name(Path(name), parse_problem(DECLARED).data)
    assert is_unfinished(Path(name)) == (name not in ("a.xlsx", "a"))


def test_folders_of_tagged_text_are_refused_by_name() -> None:
    data = parse_problem(DECLARED).data.model_copy(update={"format": "intent_slots"})
    with pytest.raises(DataError, match=r"found data\.format: intent_slots"):
        check_name(Path("train"), data)


def test_a_file_that_grows_while_it_is_read_is_refused(
    april: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import shutil

    copyfile = shutil.copyfile

    def grow(source: Path, target: Path) -> Path:
        copyfile(source, target)
        with source.open("a") as file:
            file.write("more\n")
        return target

    monkeypatch.setattr(shutil, "copyfile", grow)
    with pytest.raises(DataError, match="must be complete, found that it changed while it was read"):
        stage(april, tmp_path / "staged" / "april.csv")


@pytest.mark.parametrize(("kind", "message"), [("none", "nothing there"), ("folder", "a folder"), ("empty", "0 bytes")])
def test_what_is_no_file_with_content_is_refused(tmp_path: Path, kind: str, message: str) -> None:
    path = tmp_path / "april.csv"
    if kind == "folder":
        path.mkdir()
    elif kind == "empty":
        path.touch()
    with pytest.raises(DataError, match=message):
        stage(path, tmp_path / "staged" / "april.csv")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "utf-32-be", "cp1252"])
@pytest.mark.parametrize("end", ["", "\n", "\r\n"])
def test_the_last_line_of_a_csv_file_must_end(tmp_path: Path, encoding: str, end: str) -> None:
    path = tmp_path / "part.csv"
    path.write_bytes(f"a,b\n1,2{end}".encode(encoding))
    data = parse_problem(DECLARED).data
    if end:
        check_last_line(path, data)
        return
    with pytest.raises(DataError, match="its last line must end with a line break"):
        check_last_line(path, data)
