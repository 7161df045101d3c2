"""One part against the suite, by Great Expectations itself: which rows are set aside, what fails, and what is said."""

import re
from dataclasses import replace
from functools import reduce
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from mtl_core.config import Data
from mtl_core.data.parts import parts
from mtl_core.errors import DataError
from mtl_core.expectations import expect
from mtl_core.validation.part import validate_part
from mtl_core.validation.runner import ExpectationRunner
from mtl_core.validation.suite import Suite, load_suite, suite_path
from mtl_core.validation.write import write_profile
from tests.validation.conftest import DECLARED, ROWS, change, problem, set_column, table, write_part
from tests.validation.judging import (
    BAD,
    INF,
    Change,
    about,
    edit,
    judged,
    lines,
    runner_of,
    with_changed_part,
)


@pytest.fixture(scope="module")
def runner(reference: Path) -> ExpectationRunner:
    return runner_of(reference)


def both(*changes: Change) -> Change:
    return lambda content: reduce(lambda found, change: change(found), changes, content)


def test_a_bad_row_is_set_aside_with_its_reasons(folder: Path, runner: ExpectationRunner) -> None:
    """Exactly the share may be set aside, and a row has a line per reason."""
    declared = problem(data={**DECLARED["data"], "quarantine": 0.08})
    bad = both(
        change("shop", {3: None, 4: "", 5: None}),
        change("amount", {5: 10**6, 6: 2**62}),
        change("days", {7: INF}),
        change("returned", {8: 2}),
        change("grade", {9: "gone"}),
        change("day", {10: None}),
    )
    result = with_changed_part(folder, bad, runner, declared)
    assert lines(result) == [
        (3, "shop", None),
        (4, "shop", None),
        (5, "shop", None),
        (5, "amount", "1000000"),
        (6, "amount", str(2**62)),
        (7, "days", "inf"),
        (8, "returned", "2"),
        (9, "grade", "gone"),
        (10, "day", None),
    ]
    reasons = {reason.row: reason.expectation for reason in reversed(result.reasons)}
    present = "expect_column_values_to_not_be_null()"
    assert reasons[3] == reasons[4] == reasons[5] == reasons[10] == present
    assert reasons[6].startswith("expect_column_values_to_be_between(min_value=0, max_value=")
    assert reasons[7].startswith("expect_column_values_to_be_between(min_value=0, max_value=")
    assert reasons[8] == "expect_column_values_to_be_in_set(value_set=[0, 1])"
    assert reasons[9] == "expect_column_values_to_be_in_set(value_set=['fair', 'good', 'poor'])"
    assert (result.passed, result.set_aside) == (True, 8), result.problems
    assert not replace(result, share=0.0799).passed


def test_a_date_that_python_does_not_have_is_set_aside(folder: Path) -> None:
    days = pa.array([10**8 if row == 3 else 19_800 + row for row in range(ROWS)], pa.int32()).cast(pa.date32())
    late = (expect("column_values_to_be_between", column="day", min_value="2000-01-01", max_value="2100-01-01"),)
    ranged = ExpectationRunner(Suite(name="shops", expectations=late), folder)
    declared = problem(data={**DECLARED["data"], "quarantine": 0.5})
    result = with_changed_part(folder, lambda content: set_column(content, "day", days), ranged, declared)
    assert lines(result) == [(3, "day", "9999-12-31")]


def test_infinities_of_the_reference_pass(tmp_path: Path) -> None:
    """In a feature and in the target of a regression, where they are missing; another part may have none."""
    write_part(tmp_path, "2024-02.parquet", change("amount", {6: INF, 7: -INF})(change("days", {3: INF})(table(2))))
    write_part(tmp_path, BAD, table(3))
    write_profile(tmp_path, problem())
    path = suite_path(tmp_path, problem())
    runner = ExpectationRunner(load_suite(path), path)
    for part in parts(tmp_path, problem()):
        result = validate_part(part, problem(), runner).result
        assert (result.passed, lines(result)) == (True, []), result.problems


def test_numbers_that_are_not_finite_are_set_aside(folder: Path, runner: ExpectationRunner) -> None:
    result = with_changed_part(folder, change("amount", {6: float("nan"), 7: INF, 8: -INF}), runner)
    assert result.passed, result.problems
    assert lines(result) == [(6, "amount", "nan"), (7, "amount", "inf"), (8, "amount", "-inf")]
    assert [reason.expectation.split("(")[0] for reason in result.reasons] == [
        "expect_column_values_to_not_be_null",
        "expect_column_values_to_be_between",
        "expect_column_values_to_be_between",
    ]


FAULTS: dict[str, tuple[Change, list[str]]] = {
    "few rows, and no value in one column": (
        lambda t: set_column(t, "amount", pa.nulls(ROWS)).slice(0, 10),
        [r"the table: expect_table_row_count.*found 10", r"10 of 10 rows would be set aside"],
    ),
    "no rows": (lambda t: t.slice(0, 0), [r"the table: expect_table_row_count.*found 0"]),
    "other values": (
        both(
            lambda t: set_column(t, "amount", pa.array(["1", "2", "many", "none"] * 25)),
            lambda t: set_column(t, "shop", pa.array([["east"]] * ROWS)),
            lambda t: set_column(t, "humidity", pa.nulls(ROWS)),
            lambda t: set_column(t, "returned", pa.array([1] * ROWS)),
            change("days", dict.fromkeys(range(ROWS), 8)),
            lambda t: set_column(t, "grade", pa.array(["good"] * ROWS)),
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


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_the_part_fails_it(folder: Path, runner: ExpectationRunner, fault: str) -> None:
    changed, said = FAULTS[fault]
    result = with_changed_part(folder, changed, runner)
    assert not result.passed
    for one in said:
        assert any(re.search(one, line) for line in result.problems), (one, result.problems)
    assert all(line.startswith(f"{BAD}: ") for line in result.problems)


COLUMNS = ("shop", "amount", "returned", "days", "grade")


def test_columns_judged_a_few_at_a_time_are_judged_alike(
    folder: Path, runner: ExpectationRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = with_changed_part(folder, change("amount", {3: -1, 4: None}), runner)
    monkeypatch.setattr("mtl_core.validation.runner.MAX_COLUMNS", 1)
    assert judged(folder, runner) == whole
    assert whole.reasons


def test_a_missing_column_is_one_line(folder: Path, runner: ExpectationRunner) -> None:
    renamed = [f"{name}t" if name == "amount" else name for name in table(3).column_names]
    others = [name for name in COLUMNS if name != "amount"]
    result = with_changed_part(folder, lambda t: t.rename_columns(renamed).drop_columns(others), runner)
    assert len(result.problems) == len(COLUMNS)
    for name in COLUMNS:
        assert sum(f"{name}: no such column" in line for line in result.problems) == 1
    assert any(re.search(r"amount: no such column; did you mean 'amountt'\?", line) for line in result.problems)
    assert any(re.search(r"days: no such column; did you mean 'day'\?", line) for line in result.problems)


def test_a_column_of_another_type_is_one_line(folder: Path, runner: ExpectationRunner) -> None:
    def changed(content: pa.Table) -> pa.Table:
        for name in COLUMNS:
            content = set_column(content, name, content["day"].combine_chunks())
        return set_column(content, "amount", pa.array([[1]] * ROWS))

    result = with_changed_part(folder, changed, runner)
    assert len(result.problems) == len(COLUMNS)
    for name in COLUMNS:
        assert sum(f"{name}: expect_column_values_to_be_of_type" in line for line in result.problems) == 1


def test_a_number_is_a_number_with_or_without_fractions(folder: Path, runner: ExpectationRunner) -> None:
    halves = pa.array([float(i) + 0.5 for i in range(ROWS)])
    assert with_changed_part(folder, lambda t: set_column(t, "amount", halves), runner).problems == ()


def test_a_part_is_not_blamed_for_what_another_one_holds(folder: Path, runner: ExpectationRunner) -> None:
    """Text in one part makes the column text; the parts whose own cells are numbers pass as before."""
    words = lambda t: set_column(t, "amount", pa.array(["many"] * ROWS))  # noqa: E731
    (line,) = with_changed_part(folder, words, runner).problems
    assert line.startswith(f"{BAD}: amount: expect_column_values_to_be_of_type")


def test_a_cell_that_is_not_of_its_declared_type_is_named(folder: Path) -> None:
    declared_types = problem().model_copy(update={"data": Data(path="data", types={"amount": "number"})})
    path = folder / "data" / BAD
    pq.write_table(set_column(pq.read_table(path), "amount", pa.array(["1"] * 7 + ["much"] + ["1"] * (ROWS - 8))), path)
    part = next(part for part in parts(folder, declared_types) if part.name == BAD)
    validated = validate_part(part, declared_types, runner_of(folder))
    (line,) = validated.result.problems
    assert line.endswith("found str, such as much")


def test_a_part_that_cannot_be_read_at_all_is_named(folder: Path, runner: ExpectationRunner) -> None:
    (folder / "data" / BAD).write_bytes(b"PAR1 and then nothing")
    with pytest.raises(DataError, match=re.escape(BAD)):
        judged(folder, runner)


def test_a_label_that_its_task_cannot_read_is_said_in_the_words_of_the_task(folder: Path) -> None:
    edit(folder, lambda entries: entries.remove(about(entries, "returned", "value_set")))
    (line,) = with_changed_part(folder, change("returned", {7: 2})).problems
    assert "task 'returned': a binary target is 0 or 1, found 2" in line


def test_a_label_of_a_task_that_is_gone_says_so(folder: Path, runner: ExpectationRunner) -> None:
    declared = problem(tasks={name: task for name, task in DECLARED["tasks"].items() if name != "slow"})
    (line,) = judged(folder, runner, declared).problems
    assert line.startswith(f"{BAD}: label:slow: expect_column_mean_to_be_between(")
    assert "no task has this label now; remove the line from the suite, or write the suite anew with " in line


def test_csv_parts(tmp_path: Path) -> None:
    for month in (2, 3):
        write_part(tmp_path, f"2024-{month:02}.csv", table(month))
    write_profile(tmp_path, problem())
    runner = runner_of(tmp_path)
    write_part(tmp_path, "2024-03.csv", change("amount", {7: 10**6})(table(3)))
    result = judged(tmp_path, runner)
    assert result.passed, result.problems
    assert [line[:2] for line in lines(result)] == [(7, "amount")]
    text = (tmp_path / "data" / "2024-03.csv").read_text().replace("1000000", "a lot")
    (tmp_path / "data" / "2024-03.csv").write_text(text)
    (line,) = judged(tmp_path, runner).problems
    assert "2024-03.csv: amount: expect_column_values_to_be_of_type(type_='float64'): found str, such as a lot" in line
