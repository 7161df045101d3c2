"""Check of a problem against its data: all errors of later stages at once, a line each; and the numbers of rows."""

from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from mtl_core.data.prepare import prepare
from mtl_core.data.windows import Window
from mtl_core.errors import DataError, ProblemError
from mtl_core.expectations import expect
from mtl_core.validation import target_rows
from mtl_core.validation.preflight import check_data
from mtl_core.validation.profile import write_profile
from mtl_core.validation.results import write_quarantine
from mtl_core.validation.suite import Suite, suite_path, write_suite
from tests.validation.conftest import DECLARED, ROWS, changed, problem, table, write_part

MONTHS = {"train": 2, "validation": 3, "test": 4}


def folder_of(tmp_path: Path, **columns: dict[str, Any]) -> Path:
    """A part per split, with other columns in some of them."""
    for split, month in MONTHS.items():
        write_part(tmp_path, f"2024-{month:02}.parquet", changed(table(month), **columns.get(split, {})))
    return tmp_path


def lines(folder: Path, **declared: Any) -> list[str]:
    with pytest.raises(ProblemError) as caught:
        check_data(folder, problem(**declared))
    return [line.strip() for line in str(caught.value).splitlines()[1:]]


@pytest.fixture(params=["cached", "read twice"])
def passes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "read twice":
        monkeypatch.setattr(target_rows, "MAX_CACHED", 0)


@pytest.mark.usefixtures("passes")
def test_rows_and_labels_are_counted_per_split(tmp_path: Path) -> None:
    summary = check_data(folder_of(tmp_path), problem())
    assert summary.rows == summary.labelled["grade"] == dict.fromkeys(MONTHS, ROWS)
    assert summary.labelled["days"] == summary.labelled["slow"] == dict.fromkeys(MONTHS, ROWS - ROWS // 20)


@pytest.mark.usefixtures("passes")
def test_all_errors_are_listed_at_once(tmp_path: Path) -> None:
    folder = folder_of(
        tmp_path,
        train={"grade": ["good", "fair"] * (ROWS // 2)},
        test={"returned": [1] * ROWS, "days": [None] * ROWS, "grade": ["gone"] * ROWS},
    )
    errors = lines(folder, gates={"metrics": {"returned": {"log_loss": 0.5}, "slow": {"brier": 0.2}}})
    for line, path, finding in zip(
        errors,
        ("tasks.grade", "tasks.returned.metric", "tasks.slow", "tasks.days"),
        ("found 'poor'", "one class only in 'returned'", "found none in 'days'", "0 of 100 test"),
        strict=True,
    ):
        assert line.startswith(f"{path}: ")
        assert finding in line


@pytest.mark.usefixtures("passes")
def test_a_declared_class_without_a_training_row_is_a_warning(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, train={"grade": ["good", "fair"] * (ROWS // 2)})
    grade = {"kind": "multiclass", "target": "grade", "classes": ["good", "fair", "poor"]}
    summary = check_data(folder, problem(tasks={**DECLARED["tasks"], "grade": grade}))
    (warning,) = summary.warnings
    assert warning.startswith("tasks.grade: class 'poor' ")
    assert "33 validation and 33 test rows" in warning
    assert check_data(folder_of(tmp_path / "whole"), problem()).warnings == ()


def test_kinds_must_fit_the_types_of_columns(tmp_path: Path) -> None:
    features = {"note": {"kind": "vector"}, "gone": {"kind": "numeric"}, "amount": {"kind": "numeric"}}
    tasks = {
        "grade": {"kind": "regression", "target": "grade"},
        "days": {"kind": "multilabel", "target": "days"},
        "slow": {"kind": "binary", "target": "days", "at_least": 5, "weight_column": "shop"},
        "returned": {"kind": "binary", "target": "returned", "metric": "auc"},
    }
    errors = lines(folder_of(tmp_path), features=features, tasks=tasks)
    assert [line.split(":")[0] for line in errors] == [
        *("features.note", "features.gone", "tasks.grade", "tasks.days", "tasks.slow.weight_column")
    ]


@pytest.mark.parametrize(
    ("split", "error"),
    [
        ({"by": "time", "column": "day", "validation": "2025-01-01", "test": "2025-02-01"}, "found none for"),
        ({"by": "time", "column": "amount", "validation": "a", "test": "b"}, "a boundary must be a value of column"),
        ({"by": "hash", "column": "humidity"}, "split.column: 'humidity' must have a value in every row"),
        ({"by": "hash", "column": "hour"}, "no column 'hour'"),
    ],
)
def test_an_impossible_split_is_refused(tmp_path: Path, split: dict[str, Any], error: str) -> None:
    (line,) = lines(folder_of(tmp_path), split=split)
    assert line.startswith("split")
    assert error in line


ROLLING = {"by": "time", "column": "day", "train": "1 month", "validation": "1 month", "test": "1 month"}


def test_rows_before_the_training_window_are_counted(tmp_path: Path) -> None:
    write_part(folder_of(tmp_path), "2024-01.parquet", table(1))
    summary = check_data(tmp_path, problem(split=ROLLING))
    assert (summary.rows, summary.left_out) == ({"train": ROWS, "validation": ROWS, "test": ROWS}, ROWS)
    assert {name: str(window) for name, window in summary.windows.items()} == {
        "train": "from 2024-01-29 to before 2024-02-29",
        "validation": "from 2024-02-29 to before 2024-03-29",
        "test": "from 2024-03-29 to before 2024-04-29",
    }
    assert check_data(tmp_path, problem()).windows["train"] == Window(start=None, end="2024-03-01")


def test_durations_that_the_column_does_not_have_are_refused(tmp_path: Path) -> None:
    (line,) = lines(folder_of(tmp_path), split={**ROLLING, "column": "amount"})
    assert line.startswith("split: durations need a column of dates")
    (line,) = lines(tmp_path, split={**ROLLING, "train": "2024 years"})
    assert line.startswith("split: windows must lie within the years 1 to 9999")


LIMITS: dict[str, tuple[pa.DataType, dict[str, Any], bool]] = {
    "a maximum": (pa.date32(), {"max_value": "2030-01-01"}, True),
    "a minimum too": (pa.timestamp("s", "Europe/Berlin"), {"min_value": "2020-01-01", "max_value": "2030-01-01"}, True),
    "of text": (pa.string(), {"max_value": "2030-01-01"}, True),
    "of most rows": (pa.date32(), {"max_value": "2030-01-01", "mostly": 0.9}, False),
    "no date": (pa.date32(), {"max_value": "soon"}, False),
}


@pytest.mark.parametrize(("arrow_type", "limits", "skipped"), LIMITS.values(), ids=LIMITS)
def test_times_beyond_the_limits_of_the_suite_do_not_move_the_windows(
    tmp_path: Path, arrow_type: pa.DataType, limits: dict[str, Any], skipped: bool
) -> None:
    """As validation quarantines them."""
    for month in MONTHS.values():
        days = table(month)["day"].to_pylist()
        days = [date(2099, 1, 1), *days[1:]] if month == 4 else days
        texts = pa.array(map(str, days))
        values = (
            pc.assume_timezone(texts.cast(pa.timestamp("s")), arrow_type.tz)
            if pa.types.is_timestamp(arrow_type)
            else texts
        )
        write_part(tmp_path, f"2024-{month:02}.parquet", changed(table(month), day=values.cast(arrow_type)))
    write_suite(
        suite_path(tmp_path, problem()),
        Suite(name="orders", expectations=(expect("column_values_to_be_between", column="day", **limits),)),
    )
    declared = problem(split={key: value for key, value in ROLLING.items() if key != "train"})
    if skipped:
        assert check_data(tmp_path, declared).rows == {"train": ROWS, "validation": ROWS, "test": ROWS - 1}
    else:
        with pytest.raises(ProblemError, match="found none for validation, from 2098-11-02 to before 2098-12-02"):
            check_data(tmp_path, declared)


def test_row_weights_are_checked(tmp_path: Path) -> None:
    declared = {"slow": {"kind": "binary", "target": "days", "at_least": 5, "weight_column": "amount"}}
    folder = folder_of(tmp_path, train={"amount": [0] * ROWS})
    assert "more than 0" in lines(folder, tasks=declared)[0]
    folder = folder_of(tmp_path, test={"amount": [-1] * ROWS})
    assert "found -1" in lines(folder, tasks=declared)[0]


def test_quarantined_rows_are_left_out_up_to_the_limit(tmp_path: Path) -> None:
    """As in `prepare`, which reads the rows without the quarantined ones."""
    write_profile(folder_of(tmp_path), problem())
    write_part(tmp_path, "2024-04.parquet", changed(table(4), grade={0: "gone", 1: "gone"}, returned={1: 2}))
    summary = check_data(tmp_path, problem())
    assert summary.rows == {"train": ROWS, "validation": ROWS, "test": ROWS - 2}
    write_part(tmp_path, "2024-04.parquet", changed(table(4), grade=["gone", "good"] * (ROWS // 2)))
    (line,) = lines(tmp_path, gates={})
    assert line.startswith("data.quarantine: ")
    assert "found 50 of 100 of 2024-04.parquet" in line
    assert "such as 'gone' in 'grade'" in line


@pytest.mark.parametrize(
    "columns",
    [
        {"test": {"grade": ["gone"] * ROWS}},
        {"train": {"grade": ["good"] * ROWS}},
        {"validation": {"returned": [2] * ROWS}},
        {"train": {"days": [7] * ROWS}},
    ],
)
def test_prepare_raises_the_same_error(tmp_path: Path, columns: dict[str, Any]) -> None:
    folder = folder_of(tmp_path, **columns)
    errors = lines(folder)
    with pytest.raises(DataError) as caught:
        prepared(folder)
    assert any(str(caught.value).partition(": ")[2] in line for line in errors)


@pytest.mark.parametrize("split", ["validation", "test"])
def test_prepare_raises_the_same_errors_of_splits_without_labels(tmp_path: Path, split: str) -> None:
    """`returned` has a single class there, so that its AUC is undefined; `days` and `slow` have no label."""
    folder = folder_of(tmp_path, **{split: {"returned": [1] * ROWS, "days": [None] * ROWS}})
    errors = lines(folder)
    with pytest.raises(DataError) as caught:
        prepared(folder)
    assert str(caught.value).splitlines() == errors
    assert [line.split(":")[0] for line in errors] == ["tasks.returned.metric", "tasks.slow", "tasks.days"]
    assert f"auc must be defined on the {split} split, found one class only in 'returned'" in errors[0]
    assert f"the {split} split must have labels" in errors[1]
    assert f"0 of 100 {split}" in errors[1]
    assert ("`gates.baseline.slow: ignore`" in errors[1]) is (split == "test")
    assert not (folder / "encoded").exists()


GATES_OFF = {"baseline": {"returned": "ignore", "slow": "ignore", "days": "ignore"}}


def test_labels_of_the_test_split_are_needed_only_for_gates(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, test={"returned": [1] * ROWS, "days": [None] * ROWS})
    assert check_data(folder, problem(gates=GATES_OFF)).labelled["days"]["test"] == 0
    prepared(folder, gates=GATES_OFF)
    (line,) = lines(folder, gates=GATES_OFF | {"metrics": {"days": {"mae": 3}}})
    assert line.endswith("or switch its gates off: `gates.metrics.days.mae: null`")
    assert lines(folder, gates={"baseline": {"returned": "ignore"}, "metrics": {"days": {"mae": 3}}})[1].endswith(
        "or switch its gates off: `gates.baseline.days: ignore` and `gates.metrics.days.mae: null`"
    )


def test_labels_of_validation_are_needed_without_gates(tmp_path: Path) -> None:
    folder = folder_of(tmp_path, validation={"days": [None] * ROWS})
    assert len(lines(folder, gates=GATES_OFF)) == 2


def test_an_unsupervised_task_needs_no_labels(tmp_path: Path) -> None:
    tasks = {**DECLARED["tasks"], "groups": {"kind": "clustering", "clusters": 2, "target": "note"}}
    nothing = {"note": [None] * ROWS}
    folder = folder_of(tmp_path, train={"note": ["a", "b"] * (ROWS // 2)}, validation=nothing, test=nothing)
    prepared(folder, tasks=tasks)
    assert check_data(folder, problem(tasks=tasks)).labelled["groups"]["test"] == 0
    limited = {"metrics": {"groups": {"nmi": 0.5}}}
    (line,) = lines(folder, tasks=tasks, gates=limited)
    assert line.startswith("tasks.groups: the test split must have labels for its gates")


def prepared(folder: Path, **declared: Any) -> None:
    write_quarantine(folder / "none.parquet", [])
    prepare(folder, problem(**declared), folder / "none.parquet", folder / "encoded")


def test_columns_of_slices_must_exist_and_name_slices(tmp_path: Path) -> None:
    folder, gates = folder_of(tmp_path), {"slices": ["shp", "day"]}
    (missing, dates) = lines(folder, gates=gates)
    assert missing.startswith("gates.slices: ")
    assert "no column 'shp'; did you mean 'shop'?" in missing
    assert "must be text, a number or a boolean, found date32" in dates
