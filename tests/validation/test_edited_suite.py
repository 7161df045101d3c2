"""Edited suites: limits, severities, added expectations, row conditions; an unknown expectation is refused."""

from pathlib import Path
from typing import Any

import pytest

from mtl_core.errors import DataError
from mtl_core.validation.validate import validate
from tests.validation.conftest import about, changed, edit, problem, reasons, table, validated


def test_only_a_broken_critical_limit_fails_the_part(folder: Path) -> None:
    def narrow(entries: list[dict[str, Any]]) -> None:
        (days,) = [e for e in entries if e["kwargs"].get("column") == "days" and "values_to_be_between" in e["type"]]
        days["kwargs"].update(max_value=7)
        about(entries, "amount", "min_value").update(severity="warning")
        about(entries, "amount", "min_value")["kwargs"].update(max_value=500)

    edit(folder, narrow)
    result = validated(folder)
    assert {column for _, column, _ in reasons(result)} == {"days"}
    assert any("days" in line and "max_value=7" in line for line in result.errors)
    assert not any("amount" in line for line in result.errors)
    assert [entry.success for entry in result.results if entry.expectation.kwargs.get("max_value") == 500] == [False]


def _when_note_is_n9(**kwargs: Any) -> dict[str, Any]:
    condition = {"type": "comparison", "column": {"name": "note"}, "operator": "==", "parameter": "n9"}
    return {"type": "expect_column_values_to_be_between", "kwargs": {**kwargs, "row_condition": condition}}


ADDED: list[dict[str, Any]] = [
    {"type": "expect_column_values_to_match_regex", "kwargs": {"column": "note", "regex": "^n[1-9]"}},
    {
        "type": "expect_column_pair_values_a_to_be_greater_than_b",
        "kwargs": {"column_A": "amount", "column_B": "returned"},
    },
    {"type": "expect_column_values_to_be_between", "kwargs": {"column": "day", "min_value": "2024-02-01"}},
    {
        "type": "expect_column_quantile_values_to_be_between",
        "kwargs": {"column": "amount", "quantile_ranges": {"quantiles": [0.5], "value_ranges": [[0, 1000]]}},
    },
    _when_note_is_n9(column="humidity", max_value=1) | {"severity": "info"},
    _when_note_is_n9(column="amount", max_value=0),
]


def test_added_expectations_may_be_about_any_column_and_have_conditions(folder: Path) -> None:
    edit(folder, lambda entries: entries.extend(ADDED))
    result = validated(folder, changed(table(3), amount={7: 0}))
    assert result.passed, result.errors
    assert reasons(result)[:2] == [(0, "note", "n0"), (7, "amount, returned", "0, 0")]
    assert [reason[:2] for reason in reasons(result)[2:]] == [(9, "amount")], "humidity has severity info"
    assert [entry.expectation.type for entry in result.results[-len(ADDED) :]] == [added["type"] for added in ADDED]
    assert [entry.success for entry in result.results if entry.expectation.severity == "info"] == [False]


def test_an_expectation_that_cannot_be_measured_fails_with_the_reason(folder: Path) -> None:
    between = {"type": "expect_column_values_to_be_between", "kwargs": {"column": "shop", "min_value": 0}}
    mean = {"type": "expect_column_mean_to_be_between", "kwargs": {"column": "label:lost", "min_value": 0}}
    edit(folder, lambda entries: entries.extend([mean, between]))
    first, second = sorted(validated(folder).errors)
    assert "label:lost: expect_column_mean_to_be_between(min_value=0): not measured" in first
    assert "shop: expect_column_values_to_be_between(min_value=0): could not be measured: " in second


def test_an_extra_column_fails_where_the_suite_allows_no_other(folder: Path) -> None:
    columns = [*problem().columns, "notes"]
    edit(folder, lambda entries: entries[0]["kwargs"].update(exact_match=True, column_set=columns))
    extra, missing = sorted(validated(folder).errors)
    assert "note: no column of the suite; did you mean 'notes'?" in extra
    assert "notes: no such column; did you mean 'note'?" in missing


@pytest.mark.parametrize(
    ("type_", "kwargs", "error"),
    [
        (
            "expect_column_values_to_be_betwen",
            {},
            r"\[\d+\]\.type: .*mean 'expect_column_values_to_be_between'",
        ),
        ("hm", {}, "found 'hm'; see the gallery"),
        (
            "expect_column_values_to_be_between",
            {"min_valu": 3},
            r"\[\d+\]\.kwargs: .* min_valu extra",
        ),
    ],
)
def test_an_invalid_expectation_is_refused_before_a_part_is_read(
    folder: Path, type_: str, kwargs: dict[str, Any], error: str
) -> None:
    edit(folder, lambda entries: entries.append({"type": type_, "kwargs": {"column": "amount", **kwargs}}))
    with pytest.raises(DataError, match=error):
        validate(folder, problem(), folder / "out")
    assert not (folder / "out").exists()


def test_an_empty_part_passes_where_the_suite_allows_it(folder: Path) -> None:
    edit(folder, lambda entries: entries[1]["kwargs"].update(min_value=0))
    assert validated(folder, table(3).slice(0, 0)).errors == ()
