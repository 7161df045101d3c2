"""Validation of a part with Great Expectations: quarantined rows, errors of the part, and their texts."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mtl_core.config import Data
from mtl_core.errors import DataError
from mtl_core.expectations import expect
from mtl_core.validation.expectation_runner import ExpectationRunner
from mtl_core.validation.profile import write_profile
from mtl_core.validation.suite import Suite
from tests.validation.conftest import (
    CHANGED,
    DECLARED,
    INF,
    ROWS,
    about,
    changed,
    edit,
    problem,
    reasons,
    runner_of,
    table,
    validated,
    write_part,
)

PART = table(3)
COLUMNS = ("shop", "amount", "returned", "days", "grade")


@pytest.fixture(scope="module")
def runner(reference: Path) -> ExpectationRunner:
    return runner_of(reference)


def test_an_invalid_row_is_quarantined_with_its_reasons(folder: Path, runner: ExpectationRunner) -> None:
    """A row has a line per reason. The share of quarantined rows may be equal to the limit."""
    declared = problem(data={**DECLARED["data"], "quarantine": 0.08})
    invalid = changed(
        PART,
        shop={3: None, 4: "", 5: None},
        amount={5: 10**6, 6: 2**62},
        days={7: INF},
        returned={8: 2},
        grade={9: "gone"},
        day={10: None},
    )
    result = validated(folder, invalid, runner, declared)
    between = r"between\(min_value=0, max_value="
    expected: list[tuple[int, str, str | None, str]] = [
        (3, "shop", None, r"not_be_null\(\)"),
        (4, "shop", None, r"not_be_null\(\)"),
        (5, "shop", None, r"not_be_null\(\)"),
        (5, "amount", "1000000", between),
        (6, "amount", str(2**62), between),
        (7, "days", "inf", between),
        (8, "returned", "2", r"in_set\(value_set=\[0, 1\]\)"),
        (9, "grade", "gone", r"in_set\(value_set=\['fair', 'good', 'poor'\]\)"),
        (10, "day", None, r"not_be_null\(\)"),
    ]
    assert reasons(result) == [line[:3] for line in expected]
    for reason, (*_, expectation) in zip(result.reasons, expected, strict=True):
        assert re.match(f"expect_column_values_to_(not_)?(be_)?{expectation}", reason.expectation), reason
    assert (result.passed, result.quarantined) == (True, 8), result.errors
    assert not replace(result, limit=0.0799).passed


def test_a_date_beyond_the_range_of_python_is_quarantined(folder: Path) -> None:
    days = pa.array([10**8 if row == 3 else 19_800 + row for row in range(ROWS)], pa.int32()).cast(pa.date32())
    in_range = (expect("column_values_to_be_between", column="day", min_value="2000-01-01", max_value="2100-01-01"),)
    runner = ExpectationRunner(Suite(name="shops", expectations=in_range), folder)
    result = validated(folder, changed(PART, day=days), runner)
    assert reasons(result) == [(3, "day", "9999-12-31")]


def test_infinities_in_the_reference_are_allowed(tmp_path: Path) -> None:
    """Both in a feature and in a regression target; another part may have none."""
    write_part(tmp_path, "2024-02.parquet", changed(table(2), amount={6: INF, 7: -INF}, days={3: INF}))
    write_part(tmp_path, CHANGED, PART)
    write_profile(tmp_path, problem())
    for index in range(2):
        result = validated(tmp_path, index=index)
        assert (result.errors, reasons(result)) == ((), [])


def test_numbers_that_are_not_finite_are_quarantined(folder: Path, runner: ExpectationRunner) -> None:
    result = validated(folder, changed(PART, amount={6: float("nan"), 7: INF, 8: -INF}), runner)
    assert result.passed, result.errors
    assert reasons(result) == [(6, "amount", "nan"), (7, "amount", "inf"), (8, "amount", "-inf")]
    assert ["null" in reason.expectation for reason in result.reasons] == [True, False, False]


ERRORS: dict[str, tuple[pa.Table, list[str]]] = {
    "few rows, and a column without values": (
        changed(PART, amount=pa.nulls(ROWS)).slice(0, 10),
        [r"the table: expect_table_row_count.*found 10", r"data\.quarantine: at most 5\.000% .*, found 10 of 10"],
    ),
    "no rows": (PART.slice(0, 0), [r"the table: expect_table_row_count.*found 0"]),
    "other values": (
        changed(
            PART,
            amount=["1", "2", "many", "none"] * 25,
            shop=[["east"]] * ROWS,
            humidity=pa.nulls(ROWS),
            returned=[1] * ROWS,
            days=[8] * ROWS,
            grade=["good"] * ROWS,
        ),
        [
            r"amount: expect_column_values_to_be_of_type\(type_='float64'\): found str, such as many, none",
            r"shop: expect_column_values_to_be_of_type\(type_='str'\): 100 of 100 rows",
            r"humidity: expect_column_values_to_not_be_null\(mostly",
            r"label:returned: expect_column_mean.*found 1.0",
            r"label:slow: expect_column_mean.*found 1.0",
            r"label:grade=fair: expect_column_mean",
        ],
    ),
}


@pytest.mark.parametrize(("content", "expected"), ERRORS.values(), ids=ERRORS)
def test_an_error_of_the_part_fails_it(
    folder: Path, runner: ExpectationRunner, content: pa.Table, expected: list[str]
) -> None:
    result = validated(folder, content, runner)
    assert not result.passed
    for pattern in expected:
        assert any(re.search(pattern, line) for line in result.errors), (pattern, result.errors)
    assert all(line.startswith(f"{CHANGED}: ") for line in result.errors)


def test_chunks_of_columns_have_the_same_results_as_the_whole_frame(
    folder: Path, runner: ExpectationRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = validated(folder, changed(PART, amount={3: -1, 4: None}), runner)
    monkeypatch.setattr("mtl_core.validation.expectation_runner.MAX_COLUMNS", 1)
    assert validated(folder, runner=runner) == whole
    assert whole.reasons


def test_a_missing_column_is_a_single_error(folder: Path, runner: ExpectationRunner) -> None:
    dropped = [name for name in COLUMNS if name != "amount"]
    result = validated(folder, PART.rename_columns({"amount": "amountt"}).drop_columns(dropped), runner)
    assert {line.split(": ")[1]: line.split(": ")[2].split(";")[0] for line in result.errors} == dict.fromkeys(
        COLUMNS, "no such column"
    )
    assert len(result.errors) == len(COLUMNS)
    suggestions = {line.split(": ")[1]: line.partition("; ")[2] for line in result.errors}
    assert (suggestions["amount"], suggestions["days"]) == ("did you mean 'amountt'?", "did you mean 'day'?")


def test_a_column_of_another_type_is_a_single_error(folder: Path, runner: ExpectationRunner) -> None:
    days = PART["day"].combine_chunks()
    content = changed(PART, **dict.fromkeys(COLUMNS, days) | {"amount": [[1]] * ROWS})
    result = validated(folder, content, runner)
    lines = [line.split(": ") for line in result.errors]
    assert sorted(line[1] for line in lines) == sorted(COLUMNS)
    assert all(line[2].startswith("expect_column_values_to_be_of_type") for line in lines)


def test_whole_numbers_and_fractions_have_the_same_type(folder: Path, runner: ExpectationRunner) -> None:
    assert validated(folder, changed(PART, amount=[row + 0.5 for row in range(ROWS)]), runner).errors == ()


def test_text_in_a_part_fails_only_that_part(folder: Path, runner: ExpectationRunner) -> None:
    """Over all parts the column is text then; parts with numbers still pass."""
    (line,) = validated(folder, changed(PART, amount=["many"] * ROWS), runner).errors
    assert line.startswith(f"{CHANGED}: amount: expect_column_values_to_be_of_type")
    assert validated(folder, runner=runner, index=0).passed


def test_a_cell_of_another_than_the_declared_type_is_an_example(folder: Path) -> None:
    declared = problem().model_copy(update={"data": Data(path="data", types={"amount": "number"})})
    content = changed(PART, amount=["1"] * 7 + ["much"] + ["1"] * (ROWS - 8))
    (line,) = validated(folder, content, declared=declared).errors
    assert line.endswith("found str, such as much")

    def without_amount(entries: list[dict[str, Any]]) -> None:
        entries[:] = [entry for entry in entries if entry["kwargs"].get("column") != "amount"]

    edit(folder, without_amount)
    (line,) = validated(folder, declared=declared).errors
    assert line.startswith(f"{CHANGED}: ")
    assert "'much'" in line, "the error of reading, where no expectation reports it"


def test_an_unreadable_part_is_named(folder: Path, runner: ExpectationRunner) -> None:
    (folder / "data" / CHANGED).write_bytes(b"PAR1 and then nothing")
    with pytest.raises(DataError, match=re.escape(CHANGED)):
        validated(folder, runner=runner)


def test_an_invalid_label_is_an_error_with_the_name_of_the_task(folder: Path) -> None:
    edit(folder, lambda entries: entries.remove(about(entries, "returned", "value_set")))
    (line,) = validated(folder, changed(PART, returned={7: 2})).errors
    assert "task 'returned': a binary target is 0 or 1, found 2" in line


def test_a_label_of_a_removed_task_is_not_measured(folder: Path, runner: ExpectationRunner) -> None:
    declared = problem(tasks={name: task for name, task in DECLARED["tasks"].items() if name != "slow"})
    (line,) = validated(folder, runner=runner, declared=declared).errors
    assert line.startswith(f"{CHANGED}: label:slow: expect_column_mean_to_be_between(")
    assert "no task has this label now" in line


def test_parts_may_be_csv(tmp_path: Path) -> None:
    for month in (2, 3):
        write_part(tmp_path, f"2024-{month:02}.csv", table(month))
    write_profile(tmp_path, problem())
    runner, path = runner_of(tmp_path), tmp_path / "data" / "2024-03.csv"
    write_part(tmp_path, path.name, changed(PART, amount={7: 10**6}))
    result = validated(tmp_path, runner=runner)
    assert result.passed, result.errors
    assert [reason[:2] for reason in reasons(result)] == [(7, "amount")]
    path.write_text(path.read_text().replace("1000000", "a lot"))
    (line,) = validated(tmp_path, runner=runner).errors
    assert "2024-03.csv: amount: expect_column_values_to_be_of_type(type_='float64'): found str, such as a lot" in line


def test_a_duplicate_column_is_refused(folder: Path) -> None:
    pq.write_table(PART.append_column("amount", PART["amount"]), folder / "data" / CHANGED)
    with pytest.raises(DataError, match="amount"):
        validated(folder)
