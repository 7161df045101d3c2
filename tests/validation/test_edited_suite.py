"""What people write into a suite counts, and what is none of an expectation is refused."""

import json
from pathlib import Path
from typing import Any

import pytest

from mtl_core.errors import DataError
from tests.validation.conftest import change, problem
from tests.validation.judging import BAD, about, edit, quarantine, validated, with_bad_part


def test_what_people_edit_counts(folder: Path) -> None:
    def narrow(entries: list[dict[str, Any]]) -> None:
        about(entries, "amount", "min_value")["kwargs"].update(max_value=500)

    edit(folder, narrow)
    assert "max_value=500" in validated(folder).message
    edit(folder, lambda entries: about(entries, "amount", "min_value").update(severity="warning"))
    result = validated(folder)
    assert (result.passed, result.set_aside) == (True, 0)
    assert any(not outcome.success for outcome in result.parts[0].outcomes)


def test_people_may_add_expectations_about_any_column(folder: Path) -> None:
    added = [
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
        {
            "type": "expect_column_values_to_be_between",
            "kwargs": {
                "column": "amount",
                "max_value": 1,
                "row_condition": {
                    "type": "comparison",
                    "column": {"name": "note"},
                    "operator": "==",
                    "parameter": "n9",
                },
            },
            "severity": "info",
        },
    ]
    edit(folder, lambda entries: entries.extend(added))
    result = with_bad_part(folder, change("amount", {7: 0}))
    assert result.passed, result.message
    found = [(line["part"], line["row"], line["column"], line["value"]) for line in quarantine(folder)]
    assert (BAD, 0, "note", "n0") in found
    assert (BAD, 7, "amount, returned", "0, 0") in found
    assert len(json.loads((folder / "out" / "result.json").read_text())["parts"][0]["expectations"]) > len(added)


def test_the_rows_of_a_condition_on_another_column_are_set_aside(folder: Path) -> None:
    condition = {"type": "comparison", "column": {"name": "note"}, "operator": "==", "parameter": "n9"}
    kwargs = {"column": "amount", "max_value": 0, "row_condition": condition}
    edit(folder, lambda entries: entries.append({"type": "expect_column_values_to_be_between", "kwargs": kwargs}))
    result = validated(folder)
    assert result.passed, result.message
    assert [(line["row"], line["column"]) for line in quarantine(folder)] == [(9, "amount")] * len(result.parts)


def test_an_extra_column_fails_where_the_suite_wants_no_other(folder: Path) -> None:
    edit(
        folder, lambda entries: entries[0]["kwargs"].update(exact_match=True, column_set=[*problem().columns, "notes"])
    )
    (extra, missing) = sorted(validated(folder).parts[0].problems)
    assert "note: no column of the suite; did you mean 'notes'?" in extra
    assert "notes: no such column; did you mean 'note'?" in missing


def test_a_label_that_no_task_has_is_named(folder: Path) -> None:
    kwargs = {"column": "label:lost", "min_value": 0}
    edit(folder, lambda entries: entries.append({"type": "expect_column_mean_to_be_between", "kwargs": kwargs}))
    (line,) = validated(folder).parts[0].problems
    assert "label:lost: expect_column_mean_to_be_between(min_value=0): not measured" in line


def test_what_cannot_be_measured_fails_and_says_why(folder: Path) -> None:
    kwargs = {"column": "shop", "min_value": 0, "max_value": 1}
    edit(folder, lambda entries: entries.append({"type": "expect_column_values_to_be_between", "kwargs": kwargs}))
    (line,) = validated(folder).parts[0].problems
    assert "shop: expect_column_values_to_be_between(min_value=0, max_value=1): could not be measured: " in line


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
        validated(folder)
    assert not (folder / "out").exists()


def test_an_empty_part_passes_where_the_suite_allows_it(folder: Path) -> None:
    edit(folder, lambda entries: entries[1]["kwargs"].update(min_value=0))
    result = with_bad_part(folder, lambda t: t.slice(0, 0))
    assert result.passed, result.message
