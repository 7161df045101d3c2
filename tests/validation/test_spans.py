"""Validation of texts and of the spans of tagging tasks: the suite, quarantined rows, and the check before training."""

import re
import shutil
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from mtl_core.config import Problem
from mtl_core.data.prepare import prepare
from mtl_core.errors import DataError, ProblemError
from mtl_core.validation.frame import label_columns
from mtl_core.validation.preflight import check_data
from mtl_core.validation.profile import write_profile
from mtl_core.validation.results import write_quarantine
from mtl_core.validation.suite import load_suite, suite_path
from tests.tagging import SPANS
from tests.validation.conftest import CHANGED, DECLARED, ROWS, changed, problem, reasons, table, validated, write_part

Spans = list[dict[str, Any] | None] | None

TASKS = {"returned": DECLARED["tasks"]["returned"], "names": {"kind": "tagging", "target": "spans"}}
TEXT = "go \U0001f680 north"
MONTHS = (2, 3, 4)


def declared(**task: Any) -> Problem:
    tasks = {**TASKS, "names": {**TASKS["names"], **task}}
    return problem(features={"text": {"kind": "text"}, "amount": {"kind": "numeric"}}, tasks=tasks)


def span(start: Any, end: Any, label: Any = "place") -> dict[str, Any]:
    return {"start": start, "end": end, "label": label}


def texts(month: int, spans: dict[int, Spans] | None = None) -> pa.Table:
    """ROWS rows of TEXT, whose last word is a place in every second row and a person in every tenth, with changes."""
    values: list[Spans] = [[span(5, 10)] if row % 2 else [] for row in range(ROWS)]
    for row in range(0, ROWS, 10):
        values[row] = [span(0, 2), span(5, 10, "person")]
    for row, changed_spans in (spans or {}).items():
        values[row] = changed_spans
    return changed(table(month), text=[TEXT] * ROWS, spans=pa.array(values, SPANS))


@pytest.fixture(scope="module")
def profiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spans")
    for month in MONTHS:
        write_part(folder, f"2024-{month:02}.parquet", texts(month))
    write_profile(folder, declared())
    return folder


@pytest.fixture
def folder(profiled: Path, tmp_path: Path) -> Path:
    return shutil.copytree(profiled, tmp_path / "spans")


ILL_FORMED: dict[str, tuple[Spans, str]] = {
    "reversed": ([span(5, 3)], "0 <= start < end, found 5 to 3"),
    "empty": ([span(5, 5)], "0 <= start < end, found 5 to 5"),
    "negative": ([span(-1, 2)], "0 <= start < end, found -1 to 2"),
    "beyond the text": ([span(5, 11)], "the 10 characters of its text, found 5 to 11"),
    "overlapping": ([span(1, 4), span(0, 2)], "found one from 1 to 4 after one that ends at 2"),
    "without a start": ([span(None, 2)], "must have start, end, label, found {'start': None"),
    "without an end": ([span(0, None)], "must have start, end, label"),
    "without a label": ([span(0, 2, None)], "must have start, end, label"),
    "an empty label": ([span(0, 2, "")], "must have start, end, label"),
    "null": ([None], "must have start, end, label, found None"),
}
WELL_FORMED: list[Spans] = [None, [], [span(0, 10)], [span(5, 10), span(0, 2)], [span(0, 2), span(2, 3)]]


def test_rows_with_ill_formed_spans_are_quarantined_with_the_broken_rule(folder: Path) -> None:
    spans = dict(enumerate([*(spans for spans, _ in ILL_FORMED.values()), *WELL_FORMED]))
    spans[50] = [span(0, 2), span(5, 10, "mood"), span(3, 4, "tune")]
    relaxed = declared().model_copy(update={"data": declared().data.model_copy(update={"quarantine": 0.2})})
    result = validated(folder, texts(3, spans), declared=relaxed)
    assert result.passed, result.errors
    *broken, unexpected = result.reasons
    assert [(reason.row, reason.column) for reason in broken] == [(row, "span:names.error") for row in range(10)]
    for reason, (_, rule) in zip(broken, ILL_FORMED.values(), strict=True):
        assert rule in str(reason.value)
    assert (unexpected.row, unexpected.column, unexpected.value) == (50, "span:names.label", "mood")
    assert unexpected.expectation == "expect_column_values_to_be_in_set(value_set=['person', 'place'])"


def test_spans_of_a_missing_text_are_beyond_it(folder: Path) -> None:
    result = validated(folder, changed(texts(3), text={1: None}), declared=declared())
    assert reasons(result)[1][:2] == (1, "span:names.error")


def test_the_suite_of_the_reference(folder: Path) -> None:
    suite = load_suite(suite_path(folder, declared()))
    kwargs = {(*e.columns, e.type.removeprefix("expect_column_")): e.kwargs for e in suite.expectations}
    length = kwargs["text", "value_lengths_to_be_between"]
    assert (length["min_value"], length["max_value"], length["mostly"]) == (5, 20, 0.99)
    assert "min_value" in kwargs["label:names=person", "mean_to_be_between"]
    assert kwargs["span:names.label", "values_to_be_in_set"]["value_set"] == ["person", "place"]
    assert ("span:names.error", "values_to_be_null") in kwargs
    for index in range(len(MONTHS)):
        result = validated(folder, declared=declared(), index=index)
        assert (result.errors, result.quarantined) == ((), 0)


def test_declared_labels_are_expected_though_the_reference_lacks_them(tmp_path: Path) -> None:
    write_part(tmp_path, CHANGED, texts(3))
    write_profile(tmp_path, declared(labels=["tune", "place", "person"]))
    suite = load_suite(suite_path(tmp_path, declared()))
    (value_set,) = [e.kwargs["value_set"] for e in suite.expectations if e.columns == ("span:names.label",)]
    assert value_set == ["person", "place", "tune"]
    assert "label:names=tune" in suite.columns


def test_a_few_long_texts_are_allowed_and_many_fail_the_part(folder: Path) -> None:
    """A long text is no reason to quarantine its row."""
    long = {1: TEXT * 10}
    assert validated(folder, changed(texts(3), text=long), declared=declared()).errors == ()
    result = validated(folder, changed(texts(3), text=long | {3: TEXT * 10}), declared=declared())
    assert result.quarantined == 0
    (line,) = result.errors
    assert line.startswith(f"{CHANGED}: text: expect_column_value_lengths_to_be_between(")


def test_a_label_rate_is_the_share_of_labelled_rows_with_such_a_span() -> None:
    content = texts(3, {0: None, 1: [span(0, 2), span(5, 10)], 2: [span(0, 2, "tune")], 3: [None]}).slice(0, 4)
    labels = label_columns(declared(), content, ["label:names=gone", "label:returned"])
    rates = {name.removeprefix("label:names="): values[1:].tolist() for name, values in labels.items() if "=" in name}
    assert rates == {"gone": [0, 0, 0], "place": [1, 0, 0], "tune": [0, 1, 0]}
    assert all(values[0] != values[0] for name, values in labels.items() if "=" in name), "NaN where unlabelled"


def test_a_column_that_is_missing_or_has_no_spans_is_a_single_error(folder: Path) -> None:
    """Also where the columns about spans cannot be derived."""
    words = changed(texts(3), spans=[["north"]] * ROWS)
    for content, error in (
        (words, "task 'names': a tagging target must be lists of {start, end, label}"),
        (changed(words, spans=["north"] * ROWS), "spans: expect_column_values_to_be_of_type"),
        (texts(3).drop_columns(["text"]), "text: no such column"),
        (texts(3).drop_columns(["spans"]), "spans: no such column"),
    ):
        for month in MONTHS:  # the same type in all parts, as a column has one type over all
            name = f"2024-{month:02}.parquet"
            write_part(folder, name, content)
        (line,) = validated(folder, declared=declared()).errors
        assert line.startswith(f"{CHANGED}: {error}"), line


def test_spans_of_a_removed_task_are_not_measured(folder: Path) -> None:
    errors = validated(folder, declared=problem(tasks={"returned": TASKS["returned"]})).errors
    assert any("span:names.error: expect_column_values_to_be_null(): not measured: no task" in e for e in errors)


def test_a_column_about_spans_has_the_name_of_no_column() -> None:
    features = {"text": {"kind": "text"}, "e": {"kind": "numeric", "column": "span:names.error"}}
    assert problem(features=features, tasks=TASKS).span_prefix == "span::"


def check_lines(folder: Path, part: pa.Table, month: int) -> list[str]:
    write_part(folder, f"2024-{month:02}.parquet", part)
    with pytest.raises(ProblemError) as caught:
        check_data(folder, declared())
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


def test_the_check_leaves_out_rows_that_validation_quarantines_up_to_the_limit(folder: Path) -> None:
    spans: dict[int, Spans] = {3: [span(5, 3)], 4: [None], 5: [span(0, 2, "mood")]}
    write_part(folder, "2024-04.parquet", texts(4, spans))
    assert check_data(folder, declared()).rows == {"train": ROWS, "validation": ROWS, "test": ROWS - 3}
    (line,) = check_lines(folder, texts(4, spans | {row: [span(0, 11)] for row in range(10, 20)}), 4)
    assert re.match(r"data\.quarantine: .* found 13 of 100 .* such as 'a span must .*' in 'span:names\.error'", line)


@pytest.mark.parametrize("month", MONTHS)
@pytest.mark.parametrize("spans", [[span(5, 3)], [None], [span(0, 11)]])
def test_without_a_suite_the_check_reports_what_prepare_refuses(folder: Path, spans: Spans, month: int) -> None:
    shutil.rmtree(folder / "gx")
    (line,) = check_lines(folder, texts(month, {7: spans}), month)
    write_quarantine(folder / "none.parquet", [])
    with pytest.raises(DataError) as caught:
        prepare(folder, declared(), folder / "none.parquet", folder / "encoded")
    assert line == str(caught.value).replace("task 'names'", "tasks.names", 1)


def test_a_label_outside_the_declared_ones_is_an_error_of_the_check(folder: Path) -> None:
    """Without declared labels, one that training lacks counts as missed."""
    shutil.rmtree(folder / "gx")
    write_part(folder, CHANGED, texts(3, {7: [span(0, 2, "mood")]}))
    assert check_data(folder, declared()).labelled["names"]["validation"] == ROWS
    with pytest.raises(ProblemError, match=r"tasks\.names: the labels are person, place, found 'mood'"):
        check_data(folder, declared(labels=["person", "place"]))
