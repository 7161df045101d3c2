"""What people write into a suite counts, and what is none of an expectation is refused."""

from pathlib import Path
from typing import Any

import pytest

from mtl_core.errors import DataError
from mtl_core.validation.validate import validate
from tests.validation.conftest import change, problem
from tests.validation.judging import about, edit, judged, lines, with_changed_part


def test_what_people_edit_counts_by_its_severity(folder: Path) -> None:
    def narrow(entries: list[dict[str, Any]]) -> None:
        (days,) = [e for e in entries if e["kwargs"].get("column") == "days" and "values_to_be_between" in e["type"]]
        days["kwargs"].update(max_value=7)
        about(entries, "amount", "min_value")["kwargs"].update(max_value=500)
        about(entries, "amount", "min_value").update(severity="warning")

    edit(folder, narrow)
    result = judged(folder)
    assert {column for _, column, _ in lines(result)} == {"days"}
    assert any("days" in line and "max_value=7" in line for line in result.problems)
    assert not any("amount" in line for line in result.problems)
    (warned,) = [o for o in result.outcomes if o.expectation.kwargs.get("max_value") == 500]
    assert not warned.success


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


def test_people_may_add_expectations_about_any_column_and_with_conditions(folder: Path) -> None:
    edit(folder, lambda entries: entries.extend(ADDED))
    result = with_changed_part(folder, change("amount", {7: 0}))
    assert result.passed, result.problems
    found = lines(result)
    assert [row for row, *_ in found] == [0, 7, 9], "of the conditions on row 9 one is for information"
    assert found[:2] == [(0, "note", "n0"), (7, "amount, returned", "0, 0")]
    assert found[2][1] == "amount"
    assert [one.expectation.type for one in result.outcomes[-len(ADDED) :]] == [one["type"] for one in ADDED]
    (informed,) = [one for one in result.outcomes if one.expectation.severity == "info"]
    assert not informed.success


def test_what_cannot_be_measured_fails_and_says_why(folder: Path) -> None:
    added = [
        {"type": "expect_column_mean_to_be_between", "kwargs": {"column": "label:lost", "min_value": 0}},
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {"column": "shop", "min_value": 0, "max_value": 1},
        },
    ]
    edit(folder, lambda entries: entries.extend(added))
    first, second = sorted(judged(folder).problems)
    assert "label:lost: expect_column_mean_to_be_between(min_value=0): not measured" in first
    assert "shop: expect_column_values_to_be_between(min_value=0, max_value=1): could not be measured: " in second


def test_an_extra_column_fails_where_the_suite_wants_no_other(folder: Path) -> None:
    edit(
        folder, lambda entries: entries[0]["kwargs"].update(exact_match=True, column_set=[*problem().columns, "notes"])
    )
    (extra, missing) = sorted(judged(folder).problems)
    assert "note: no column of the suite; did you mean 'notes'?" in extra
    assert "notes: no such column; did you mean 'note'?" in missing


@pytest.mark.parametrize(
    ("entry", "says"),
    [
        (
            {"type": "expect_column_values_to_be_betwen", "kwargs": {"column": "amount"}},
            r"expectations\[\d+\]\.type: must be an .* did you mean 'expect_column_values_to_be_between'\?",
        ),
        ({"type": "hm", "kwargs": {}}, "found 'hm'; see the gallery"),
        (
            {"type": "expect_column_values_to_be_between", "kwargs": {"column": "amount", "min_valu": 3}},
            r"expectations\[\d+\]\.kwargs: do not fit .* min_valu extra fields not permitted",
        ),
    ],
)
def test_an_expectation_that_is_none_is_refused_before_any_part_is_read(
    folder: Path, entry: dict[str, Any], says: str
) -> None:
    edit(folder, lambda entries: entries.append(entry))
    with pytest.raises(DataError, match=says):
        validate(folder, problem(), folder / "out")
    assert not (folder / "out").exists()


def test_an_empty_part_passes_where_the_suite_allows_it(folder: Path) -> None:
    edit(folder, lambda entries: entries[1]["kwargs"].update(min_value=0))
    result = with_changed_part(folder, lambda t: t.slice(0, 0))
    assert result.passed, result.problems
