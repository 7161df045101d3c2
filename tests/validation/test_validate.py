"""Parts against a suite, by Great Expectations itself: what passes, what is set aside, what fails, and what is said."""

import json
import re
from pathlib import Path
from typing import Any

import great_expectations as gx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.stages.validate import run
from mtl_core.errors import DataError, ValidationFailed
from mtl_core.validation.suite import suite_path
from mtl_core.validation.validate import validate
from mtl_core.validation.write import write_profile
from tests.validation.conftest import DECLARED, ROWS, change, problem, set_column, table, write_part
from tests.validation.judging import BAD, INF, Change, about, edit, quarantine, validated, with_bad_part


def test_parts_like_the_reference_pass(folder: Path) -> None:
    seen = []

    def progress(sources: Any) -> Any:
        for source in sources:
            seen.append(source.name)
            yield source

    result = validate(folder, problem(), folder / "out", progress=progress)
    assert seen == ["2024-02.parquet", BAD]
    assert (result.passed, result.rows, result.set_aside) == (True, 2 * ROWS, 0)
    written = pq.read_table(folder / "out" / "quarantine.parquet")
    assert written.num_rows == 0
    assert written.schema.names == ["part", "row", "column", "expectation", "value"]
    document = json.loads((folder / "out" / "result.json").read_text())
    assert (document["passed"], document["rows"]) == (True, 2 * ROWS)
    assert [part["part"] for part in document["parts"]] == seen
    order = [one["type"] for one in json.loads(suite_path(folder, problem()).read_text())["expectations"]]
    assert [one["type"] for one in document["parts"][0]["expectations"]] == order


def test_the_same_data_give_the_same_files(folder: Path) -> None:
    def files() -> dict[str, bytes]:
        validated(folder)
        return {str(p.relative_to(folder)): p.read_bytes() for p in (folder / "out").rglob("*") if p.is_file()}

    assert files() == files()


def test_nothing_is_written_into_the_suite_folder(folder: Path) -> None:
    before = {path: path.read_bytes() for path in (folder / "gx").rglob("*") if path.is_file()}
    with_bad_part(folder, change("amount", {7: INF}))
    assert {path: path.read_bytes() for path in (folder / "gx").rglob("*") if path.is_file()} == before


@pytest.mark.parametrize(
    ("column", "values", "expectation", "text"),
    [
        ("shop", {7: None}, "expect_column_values_to_not_be_null()", None),
        ("shop", {7: ""}, "expect_column_values_to_not_be_null()", ""),
        ("amount", {7: 10**6}, "expect_column_values_to_be_between(min_value=0, max_value=", "1000000"),
        ("amount", {7: 2**62}, "expect_column_values_to_be_between(min_value=0, max_value=", str(2**62)),
        ("amount", {7: INF}, "expect_column_values_to_be_between(min_value=0, max_value=", "inf"),
        ("amount", {7: -INF}, "expect_column_values_to_be_between(min_value=0, max_value=", "-inf"),
        ("amount", {7: float("nan")}, "expect_column_values_to_not_be_null()", "nan"),
        ("days", {7: INF}, "expect_column_values_to_be_between(min_value=0, max_value=", "inf"),
        ("returned", {7: 2}, "expect_column_values_to_be_in_set(value_set=[0, 1])", "2"),
        ("grade", {7: "gone"}, "expect_column_values_to_be_in_set(value_set=['fair', 'good', 'poor'])", "gone"),
        ("day", {7: None}, "expect_column_values_to_not_be_null()", None),
    ],
)
def test_a_bad_row_is_set_aside_with_its_reason(
    folder: Path, column: str, values: dict[int, Any], expectation: str, text: str | None
) -> None:
    result = with_bad_part(folder, change(column, values))
    assert result.passed, result.message
    (line,) = quarantine(folder)
    assert line["expectation"].startswith(expectation)
    assert {key: line[key] for key in ("part", "row", "column", "value")} == {
        "part": BAD,
        "row": 7,
        "column": column,
        "value": text,
    }


def test_a_row_has_a_line_per_reason(folder: Path) -> None:
    result = with_bad_part(folder, lambda t: change("amount", {7: 10**6})(change("shop", {7: None, 3: None})(t)))
    assert (result.passed, result.set_aside) == (True, 2)
    assert [(line["row"], line["column"]) for line in quarantine(folder)] == [(3, "shop"), (7, "shop"), (7, "amount")]


@pytest.mark.parametrize(("bad_rows", "passes"), [(0, True), (5, True), (6, False)])
def test_the_share_is_the_last_that_passes(folder: Path, bad_rows: int, passes: bool) -> None:
    result = with_bad_part(folder, change("amount", dict.fromkeys(range(bad_rows), 10**6)))
    assert result.passed is passes
    assert len(quarantine(folder)) == result.set_aside == bad_rows


def test_what_fails_is_named_all_at_once(folder: Path) -> None:
    write_part(folder, "2024-02.parquet", change("shop", dict.fromkeys(range(30), "moon"))(table(2)))
    far = change("amount", {row: 10**6 + row for row in range(9)})
    result = with_bad_part(folder, lambda t: far(set_column(t, "days", pa.array([None] * ROWS, pa.int64()))))
    lines = result.message.splitlines()
    assert lines[0] == "2 of 2 parts of 'orders' break their expectations:"
    assert re.search(
        r"2024-02.parquet: shop: expect_column_values_to_be_in_set.*30 of 100 rows.*such as moon", lines[1]
    )
    assert re.search(r"2024-03.parquet: days: expect_column_values_to_not_be_null.*91 of 91 rows", lines[2])
    amount = (
        r"2024-03.parquet: amount: expect_column_values_to_be_between.* 9 of 100 rows break it \(9.000%\), such as "
    )
    assert re.search(amount + r"1000000.0, 1000001.0, 1000002.0", lines[3])
    assert "9 of 100 rows would be set aside (9.000%), at most 5.000% may be" in lines[4]
    assert "edit gx/expectations/orders.json, or raise data.quarantine (0.05)" in lines[5]
    assert len(lines) == 6


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        (lambda t: t.slice(0, 10), r"the table: expect_table_row_count.*found 10"),
        (lambda t: t.slice(0, 0), r"the table: expect_table_row_count.*found 0"),
        (lambda t: t.drop_columns(["amount"]), r"amount: no such column"),
        (lambda t: t.drop_columns(["days"]), r"days: no such column; did you mean 'day'\?"),
        (
            lambda t: t.rename_columns(["day", "shop", "amountt", *t.column_names[3:]]),
            r"amount: no such column; did you mean 'amountt'\?",
        ),
        (
            lambda t: set_column(t, "amount", pa.array(["1", "2", "many", "none"] * 25)),
            r"amount: expect_column_values_to_be_of_type\(type_='float64'\): found str, such as many, none",
        ),
        (
            lambda t: set_column(t, "shop", pa.array([1.5] * ROWS)),
            r"shop: expect_column_values_to_be_of_type\(type_='str'\): found float64",
        ),
        (lambda t: set_column(t, "amount", pa.array([[1]] * ROWS)), r"amount: expect_column_values_to_be_of_type"),
        (lambda t: set_column(t, "amount", pa.nulls(ROWS)), r"100 of 100 rows would be set aside"),
        (lambda t: set_column(t, "humidity", pa.nulls(ROWS)), r"humidity: expect_column_values_to_not_be_null\(mostly"),
        (lambda t: set_column(t, "returned", pa.array([1] * ROWS)), r"label:returned: expect_column_mean.*found 1.0"),
        (lambda t: change("days", dict.fromkeys(range(ROWS), 8))(t), r"label:slow: expect_column_mean.*found 1.0"),
        (lambda t: set_column(t, "grade", pa.array(["good"] * ROWS)), r"label:grade=fair: expect_column_mean"),
    ],
)
def test_a_fault_of_the_part_fails_it(folder: Path, changed: Change, says: str) -> None:
    result = with_bad_part(folder, changed)
    assert not result.passed
    assert re.search(says, result.message)
    assert json.loads((folder / "out" / "result.json").read_text())["passed"] is False
    assert all(f"  {BAD}: " in line for line in result.message.splitlines()[1:-1])


@pytest.mark.parametrize("name", ["amount", "days", "shop", "returned", "grade"])
def test_a_missing_or_mistyped_column_is_one_line(folder: Path, name: str) -> None:
    result = with_bad_part(folder, lambda t: t.drop_columns([name]))
    assert len(result.parts[1].problems) == 1
    result = with_bad_part(folder, lambda t: set_column(t, name, t["day"].combine_chunks()))
    assert len(result.parts[1].problems) == 1


def test_types_that_later_stages_cannot_read_fail_though_both_are_numbers(folder: Path) -> None:
    result = with_bad_part(folder, lambda t: set_column(t, "amount", pa.array([float(i) + 0.5 for i in range(ROWS)])))
    (line,) = result.parts[1].problems
    assert "types of the first part" in line


def test_a_part_that_cannot_be_read_at_all_is_named(folder: Path) -> None:
    (folder / "data" / BAD).write_bytes(b"PAR1 and then nothing")
    with pytest.raises(DataError, match=re.escape(BAD)):
        validated(folder)


def test_a_label_that_its_task_cannot_read_is_said_in_the_words_of_the_task(folder: Path) -> None:
    edit(folder, lambda entries: entries.remove(about(entries, "returned", "value_set")))
    result = with_bad_part(folder, change("returned", {7: 2}))
    (line,) = result.parts[1].problems
    assert "task 'returned': a binary target is 0 or 1, found 2" in line


def test_csv_parts(tmp_path: Path) -> None:
    for month in (2, 3):
        write_part(tmp_path, f"2024-{month:02}.csv", table(month))
    write_profile(tmp_path, problem())
    assert validated(tmp_path).passed
    write_part(tmp_path, "2024-03.csv", change("amount", {7: 10**6})(table(3)))
    assert validated(tmp_path).set_aside == 1
    text = (tmp_path / "data" / "2024-03.csv").read_text().replace("1000000", "a lot")
    (tmp_path / "data" / "2024-03.csv").write_text(text)
    (line,) = validated(tmp_path).parts[1].problems
    assert "2024-03.csv: amount: expect_column_values_to_be_of_type(type_='float64'): found str, such as a lot" in line


def test_data_docs_need_no_network_and_link_to_what_is_there(folder: Path) -> None:
    with_bad_part(folder, change("amount", dict.fromkeys(range(9), 10**6)))
    docs = folder / "out" / "data_docs"
    assert {page.name for page in docs.iterdir()} == {
        "index.html",
        "suite.html",
        *(f"part-2024-0{month}.parquet.html" for month in (2, 3)),
    }
    for page in docs.iterdir():
        text = page.read_text()
        assert not re.search(r'<(script|img|iframe)\b|<link\b|src="|url\(|@import', text)
        for link in re.findall(r'href="([^"#]+)"', text):
            assert (docs / link).exists(), (page.name, link)
    assert "9 of 100 rows would be set aside" in (docs / "index.html").read_text()
    assert "1970" not in (docs / f"part-{BAD}.html").read_text()


def test_the_stage_says_what_it_did_or_raises_with_everything_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "params.yaml").write_text(json.dumps(DECLARED))
    run(folder)
    assert (
        "2 parts, 200 rows, 0 set aside; Data Docs: artifacts/validation/data_docs/index.html"
        in capsys.readouterr().out
    )
    write_part(folder, BAD, table(3).slice(0, 3))
    with pytest.raises(ValidationFailed, match=r"(?s)row_count.*look at artifacts/validation/data_docs/index\.html"):
        run(folder)
    assert json.loads((folder / "artifacts" / "validation" / "result.json").read_text())["passed"] is False


def test_a_project_of_great_expectations_reads_the_suite(folder: Path) -> None:
    context = gx.get_context(mode="file", project_root_dir=folder)
    suite = context.suites.get("orders")
    assert suite.expectations[1].max_value == 2 * ROWS
