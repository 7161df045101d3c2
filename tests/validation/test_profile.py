"""Profiling: expectations from reference parts. Nothing here needs Great Expectations."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl_core.data.parts import open_parts
from mtl_core.errors import DataError
from mtl_core.limits import count_limits, mean_limits, min_share_present, range_limits, rate_limits
from mtl_core.validation.frame import label_columns, to_frame, type_in_suite
from mtl_core.validation.profile import profile, write_profile
from mtl_core.validation.results import PartValidation, QuarantineReason
from mtl_core.validation.suite import Suite, load_suite, suite_path
from tests.validation.conftest import ROWS, changed, problem, table, write_part

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
SHARES = st.lists(st.floats(0, 1), min_size=1, max_size=5)


def arguments(suite: Suite, column: str) -> dict[str, dict[str, object]]:
    """Short type of each expectation of a column -> its arguments, without the column."""
    return {
        entry.type.removeprefix("expect_column_"): {
            key: value for key, value in entry.kwargs.items() if key != "column"
        }
        for entry in suite.expectations
        if entry.columns == (column,)
    }


def profiled(folder: Path, *contents: pa.Table, **declared: Any) -> Suite:
    """The suite of these parts."""
    for number, content in enumerate(contents):
        write_part(folder, f"{number}.parquet", content)
    return profile(problem(**declared), open_parts(folder, problem(**declared)))


@given(NUMBERS, NUMBERS)
def test_range_limits_contain_the_range_and_never_cross_zero(a: float, b: float) -> None:
    low, high = sorted((a, b))
    limits = range_limits(low, high)
    assert limits["min_value"] <= low <= high <= limits["max_value"]
    assert (limits["min_value"] < 0) == (low < 0)
    assert (limits["max_value"] > 0) == (high > 0)


@given(SHARES)
def test_the_share_of_every_part_is_allowed(shares: list[float]) -> None:
    minimum = min_share_present(shares)
    assert 0 <= minimum <= 1 - max(shares) or minimum == 0
    assert minimum > 0 or max(shares) > 0.99


@given(st.lists(st.integers(1, 10**9), min_size=1))
def test_count_limits_contain_every_count_and_exclude_0(counts: list[int]) -> None:
    limits = count_limits(counts)
    assert 1 <= limits["min_value"] <= min(counts) <= max(counts) < limits["max_value"]


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(1, 100)).filter(lambda r: r[0] <= r[1]), min_size=1))
def test_rate_limits_contain_every_rate(rates: list[tuple[int, int]]) -> None:
    limits = rate_limits(rates)
    assert 0 <= limits["min_value"] <= limits["max_value"] <= 1
    assert all(limits["min_value"] <= positives / rows <= limits["max_value"] for positives, rows in rates)


@given(st.lists(st.floats(-1e9, 1e9), min_size=1), st.floats(0, 1e9))
def test_mean_limits_contain_every_mean(means: list[float], deviation: float) -> None:
    limits = mean_limits(means, deviation)
    assert limits["min_value"] <= min(means) <= max(means) <= limits["max_value"]


def test_the_suite_of_the_reference(reference: Path) -> None:
    suite = load_suite(suite_path(reference, problem()))
    first, second = suite.expectations[:2]
    assert first.kwargs["column_set"] == list(problem().columns)
    assert (second.kwargs["min_value"], second.kwargs["max_value"]) == (ROWS // 2, ROWS * 2)
    present: dict[str, Any] = {"values_to_not_be_null": {}}
    in_set, in_range, of_type = "values_to_be_in_set", "values_to_be_between", "values_to_be_of_type"
    shops = {"value_set": ["east", "north", "west"], "mostly": 0.99}
    humidity = {"values_to_not_be_null": {"mostly": 0.65}, in_range: {"min_value": 0, "max_value": 197}}
    assert arguments(suite, "shop") == {of_type: {"type_": "str"}, in_set: shops} | present
    assert arguments(suite, "humidity") == {of_type: {"type_": "float64"}, **humidity}
    assert arguments(suite, "is_gift") == {of_type: {"type_": "bool"}} | present
    assert arguments(suite, "day") == {of_type: {"type_": "datetime64"}} | present
    assert arguments(suite, "returned")[in_set] == {"value_set": [0, 1]}
    assert arguments(suite, "returned")["values_to_not_be_null"] == {"mostly": 0.95}
    assert arguments(suite, "grade")[in_set] == {"value_set": ["fair", "good", "poor"]}
    assert "mean_to_be_between" in arguments(suite, "days")
    rates = [column for column in suite.columns if column.startswith("label:")]
    assert rates == ["label:returned", "label:slow", "label:grade=fair", "label:grade=good", "label:grade=poor"]


@pytest.mark.parametrize("kind", ["multiclass", "ordinal"])
def test_declared_classes_of_a_numeric_target_are_numbers_in_the_suite(tmp_path: Path, kind: str) -> None:
    tasks = {"grade": {"kind": kind, "target": "grade", "classes": ["1", "2", "3"]}}
    suite = profiled(tmp_path, changed(table(2), grade=[row % 2 + 1 for row in range(ROWS)]), tasks=tasks)
    assert arguments(suite, "grade")["values_to_be_in_set"] == {"value_set": [1, 2, 3]}
    rates = [f"label:grade={c}" for c in "123"] if kind == "multiclass" else []
    assert [c for c in suite.columns if c.startswith("label:")] == rates


def test_the_two_values_of_a_binary_target_are_listed_and_a_third_is_refused(tmp_path: Path) -> None:
    """Over all parts: each part has one other value than the positive one."""
    task = {"kind": "binary", "target": "grade", "positive": "high"}
    two = changed(table(2), grade=["high" if row % 3 else "low" for row in range(ROWS)])
    suite = profiled(tmp_path, two, tasks={"high": task})
    assert arguments(suite, "grade")["values_to_be_in_set"] == {"value_set": ["high", "low"]}
    third = changed(table(3), grade=["high", "medium"] * (ROWS // 2))
    with pytest.raises(DataError, match="found 'low', 'medium' in 'grade'"):
        profiled(tmp_path, two, third, tasks={"high": task})
    for options in ({"others": "negative"}, {"negative": "low", "others": "unlabelled"}):
        suite = profiled(tmp_path, two, third, tasks={"high": {**task, **options}})
        assert "values_to_be_in_set" not in arguments(suite, "grade")


def test_a_class_that_a_reference_part_does_not_have_may_be_missing(tmp_path: Path) -> None:
    contents = [changed(table(2), grade=classes * (ROWS // 2)) for classes in (["high", "low"], ["high", "medium"])]
    suite = profiled(tmp_path, *contents, tasks={"grade": {"kind": "multiclass", "target": "grade"}})
    names = ("high", "low", "medium")
    minimum = {name: arguments(suite, f"label:grade={name}")["mean_to_be_between"]["min_value"] for name in names}
    assert minimum == {"high": 0.08, "low": 0, "medium": 0}


def test_many_categories_are_counted_and_not_listed(tmp_path: Path) -> None:
    suite = profiled(tmp_path, changed(table(2), shop=[f"s{row}" for row in range(ROWS)]))
    assert arguments(suite, "shop")["unique_value_count_to_be_between"] == {"min_value": 50, "max_value": 200}


@pytest.mark.parametrize("names", [("amount", "amount_value"), ("amount_value", "amount"), ("amount_value",)])
def test_the_values_of_a_numeric_column_are_listed_only_where_no_numeric_feature_reads_it(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    kinds = {"amount": {"kind": "numeric"}, "amount_value": {"kind": "categorical", "column": "amount"}}
    content = changed(table(2), amount=[row % 3 for row in range(ROWS)])
    suite = profiled(tmp_path, content, features={name: kinds[name] for name in names})
    values = (
        {"values_to_be_between": {"min_value": 0, "max_value": 4}}
        if "amount" in names
        else {"values_to_be_in_set": {"value_set": [0, 1, 2], "mostly": 0.99}}
    )
    assert arguments(suite, "amount") == {
        "values_to_be_of_type": {"type_": "float64"},
        "values_to_not_be_null": {},
        **values,
    }


def test_a_column_without_values_has_no_expectation(tmp_path: Path) -> None:
    nothing = pa.nulls(ROWS, pa.float64())
    suite = profiled(tmp_path, changed(table(2), amount=nothing, days=nothing))
    assert arguments(suite, "amount") == arguments(suite, "days") == arguments(suite, "label:slow") == {}


@pytest.mark.parametrize(
    ("column", "values", "absent"),
    [
        ("humidity", pa.nulls(ROWS, pa.float64()), "values_to_not_be_null"),
        ("amount", pa.array([float("inf")] * ROWS), "values_to_be_between"),
        ("amount", pa.array([0] * ROWS), "values_to_be_between"),
    ],
    ids=["all missing in a part", "only infinite numbers", "always 0"],
)
def test_values_without_information_give_no_limit(tmp_path: Path, column: str, values: pa.Array, absent: str) -> None:
    others = [table(3)] if column == "humidity" else []
    assert absent not in arguments(profiled(tmp_path, changed(table(2), **{column: values}), *others), column)


def test_csv_and_parquet_have_the_same_suite(tmp_path: Path) -> None:
    for name in ("csv", "parquet"):
        (tmp_path / name).mkdir()
        write_part(tmp_path / name, f"a.{name}", table(2))
        write_profile(tmp_path / name, problem())
    csv, parquet = (suite_path(tmp_path / name, problem()).read_text() for name in ("csv", "parquet"))
    assert csv == parquet


def test_a_reference_needs_rows_and_all_columns(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"0\.parquet: a reference part needs rows"):
        profiled(tmp_path, table(2).slice(0, 0))
    with pytest.raises(DataError, match=r"no column 'humidity'; did you mean 'humidty'\?"):
        profiled(tmp_path, table(2).rename_columns({"humidity": "humidty"}))


@pytest.mark.parametrize(
    ("values", "type_", "dtype"),
    [
        (pa.array([1, None]), "float64", "float64"),
        (pa.array([2**64 - 1], pa.uint64()), "float64", "float64"),
        (pa.array(["a", None]).dictionary_encode(), "str", "str"),
        (pa.array(["a", ""]), "str", "str"),
        (pa.array([True, None]), "bool", "boolean"),
        (pa.array([0, 1], pa.timestamp("ms", "UTC")), "datetime64", "datetime64[ns]"),
        (pa.array([0, 1], pa.date32()), "datetime64", "datetime64[ns]"),
        (pa.array([[1], [2]]), "object", "object"),
        (pa.array([None, None], pa.int64()), "float64", "object"),
    ],
)
def test_a_frame_has_few_types(values: pa.Array, type_: str, dtype: str) -> None:
    assert type_in_suite(values.type) == type_
    column = to_frame(pa.table({"x": values}))["x"]
    assert column.dtype.name == dtype
    assert column.isna().sum() == values.null_count + sum(value == "" for value in values.to_pylist())


def test_indicators_are_1_or_0_and_nan_where_unlabelled() -> None:
    content = changed(table(2), days={0: None, 1: 5, 2: 4}).slice(0, 3)
    labels = label_columns(problem(), content, ["label:grade=lost"])
    assert labels["label:slow"].tolist() == pytest.approx([float("nan"), 1, 0], nan_ok=True)
    assert labels["label:grade=good"].tolist() == [1, 0, 0]
    assert labels["label:grade=lost"].tolist() == [0, 0, 0]


@given(st.integers(1, 1000), st.data())
def test_quarantined_rows_up_to_the_limit_are_allowed(rows: int, data: st.DataObject) -> None:
    maximum = data.draw(st.integers(0, rows))
    reasons = tuple(QuarantineReason(row=row, column="x", expectation="e", value=None) for row in range(maximum + 1))
    for quarantined in (maximum, maximum + 1):
        part = PartValidation(part="p", rows=rows, limit=maximum / rows, results=(), reasons=reasons[:quarantined])
        assert part.over_limit is (quarantined > maximum)
    assert PartValidation(part="p", rows=0, limit=0.0, results=()).passed
