"""Profiling: what the suite says of a reference, and whose file it is. Nothing here needs Great Expectations."""

import json
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl_core.data.parts import parts
from mtl_core.errors import DataError
from mtl_core.expectations import Expectation
from mtl_core.limits import count_limits, mean_limits, min_share_present, range_limits, rate_limits
from mtl_core.validation.frame import frame, label_columns, type_in_suite
from mtl_core.validation.outcome import PartResult, QuarantineReason
from mtl_core.validation.profile import profile
from mtl_core.validation.suite import Suite, differences, load_suite, suite_path, write_suite
from mtl_core.validation.write import write_profile
from tests.validation.conftest import ROWS, change, problem, set_column, table, write_part

NUMBERS = st.floats(allow_nan=False, allow_infinity=False)
SHARES = st.lists(st.floats(0, 1), min_size=1, max_size=5)


def said(suite: Suite, column: str) -> dict[str, dict[str, object]]:
    """What a suite says about a column, without the words that every expectation has."""
    return {
        one.type.removeprefix("expect_column_"): {key: value for key, value in one.kwargs.items() if key != "column"}
        for one in suite.expectations
        if one.columns == (column,)
    }


@given(NUMBERS, NUMBERS)
def test_range_holds_what_was_seen_and_never_crosses_zero(a: float, b: float) -> None:
    low, high = sorted((a, b))
    band = range_limits(low, high)
    assert band["min_value"] <= low <= high <= band["max_value"]
    assert (band["min_value"] < 0) == (low < 0)
    assert (band["max_value"] > 0) == (high > 0)


@given(SHARES)
def test_presence_allows_every_share_that_was_seen(shares: list[float]) -> None:
    least = min_share_present(shares)
    assert 0 <= least <= 1 - max(shares) or least == 0
    assert max(shares) == 1 or least > 0 or max(shares) > 0.99


@given(st.lists(st.integers(1, 10**9), min_size=1))
def test_count_band_holds_every_count_and_refuses_none(counts: list[int]) -> None:
    band = count_limits(counts)
    assert 1 <= band["min_value"] <= min(counts) <= max(counts) < band["max_value"]


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(1, 100)).filter(lambda r: r[0] <= r[1]), min_size=1))
def test_rate_band_holds_every_rate(rates: list[tuple[int, int]]) -> None:
    band = rate_limits(rates)
    assert 0 <= band["min_value"] <= band["max_value"] <= 1
    assert all(band["min_value"] <= yes / rows <= band["max_value"] for yes, rows in rates)


@given(st.lists(st.floats(-1e9, 1e9), min_size=1), st.floats(0, 1e9))
def test_mean_band_holds_every_mean(means: list[float], deviation: float) -> None:
    band = mean_limits(means, deviation)
    assert band["min_value"] <= min(means) <= max(means) <= band["max_value"]


def test_the_suite_of_the_reference(folder: Path) -> None:
    suite = load_suite(suite_path(folder, problem()))
    first, second = suite.expectations[:2]
    assert first.kwargs["column_set"] == list(problem().columns)
    assert (second.kwargs["min_value"], second.kwargs["max_value"]) == (ROWS // 2, ROWS * 2)
    assert said(suite, "shop") == {
        "values_to_be_of_type": {"type_": "str"},
        "values_to_not_be_null": {},
        "values_to_be_in_set": {"value_set": ["east", "north", "west"], "mostly": 0.99},
    }
    assert said(suite, "humidity") == {
        "values_to_be_of_type": {"type_": "float64"},
        "values_to_not_be_null": {"mostly": 0.65},
        "values_to_be_between": {"min_value": 0, "max_value": 197},
    }
    assert said(suite, "is_gift") == {"values_to_be_of_type": {"type_": "bool"}, "values_to_not_be_null": {}}
    assert said(suite, "returned")["values_to_be_in_set"] == {"value_set": [0, 1]}
    assert said(suite, "returned")["values_to_not_be_null"] == {"mostly": 0.95}
    assert said(suite, "grade")["values_to_be_in_set"] == {"value_set": ["fair", "good", "poor"]}
    assert said(suite, "day") == {"values_to_be_of_type": {"type_": "datetime64"}, "values_to_not_be_null": {}}
    assert "mean_to_be_between" in said(suite, "days")
    rates = [column for column in suite.columns if column.startswith("label:")]
    assert rates == ["label:returned", "label:slow", "label:grade=fair", "label:grade=good", "label:grade=poor"]


@pytest.mark.parametrize("kind", ["multiclass", "ordinal"])
def test_declared_classes_of_numbers_are_numbers_in_the_set(tmp_path: Path, kind: str) -> None:
    write_part(tmp_path, "a.parquet", set_column(table(2), "grade", pa.array([place % 2 + 1 for place in range(ROWS)])))
    tasks = {"grade": {"kind": kind, "target": "grade", "classes": ["1", "2", "3"]}}
    declared = problem(tasks=tasks)
    suite = profile(declared, parts(tmp_path, declared))
    assert said(suite, "grade")["values_to_be_in_set"] == {"value_set": [1, 2, 3]}
    rates = [f"label:grade={c}" for c in "123"] if kind == "multiclass" else []
    assert [c for c in suite.columns if c.startswith("label:")] == rates


def test_the_values_of_a_target_in_words_are_listed_and_no_third_one_is_learned(tmp_path: Path) -> None:
    """Over all parts: each has one word besides yes, but they differ."""
    words = pa.array(["high" if place % 3 else "low" for place in range(ROWS)])
    write_part(tmp_path, "a.parquet", set_column(table(2), "grade", words))
    declared = problem(tasks={"high": {"kind": "binary", "target": "grade", "positive": "high"}})
    found = said(profile(declared, parts(tmp_path, declared)), "grade")
    assert found["values_to_be_in_set"] == {"value_set": ["high", "low"]}
    write_part(tmp_path, "b.parquet", set_column(table(3), "grade", pa.array(["high", "medium"] * (ROWS // 2))))
    with pytest.raises(DataError, match="found 'low', 'medium' in 'grade'"):
        profile(declared, parts(tmp_path, declared))
    for more in ({"others": "negative"}, {"negative": "low", "others": "unlabelled"}):
        task = {"kind": "binary", "target": "grade", "positive": "high", **more}
        declared = problem(tasks={"high": task})
        assert "values_to_be_in_set" not in said(profile(declared, parts(tmp_path, declared)), "grade")


def test_a_class_that_a_part_lacks_may_be_missing_in_a_part(tmp_path: Path) -> None:
    """Else the part that was profiled breaks its own suite."""
    for number, words in enumerate((["high", "low"], ["high", "medium"]), 1):
        grades = pa.array(words * (ROWS // 2))
        write_part(tmp_path, f"{number}.parquet", set_column(table(number), "grade", grades))
    declared = problem(tasks={"grade": {"kind": "multiclass", "target": "grade"}})
    suite = profile(declared, parts(tmp_path, declared))
    least = {
        name: said(suite, f"label:grade={name}")["mean_to_be_between"]["min_value"]
        for name in ("high", "low", "medium")
    }
    assert least["low"] == least["medium"] == 0
    assert least["high"] == 0.08


def test_many_categories_are_counted_and_not_listed(tmp_path: Path) -> None:
    write_part(tmp_path, "a.parquet", set_column(table(2), "shop", pa.array([f"s{place}" for place in range(ROWS)])))
    suite = profile(problem(), parts(tmp_path, problem()))
    assert said(suite, "shop")["unique_value_count_to_be_between"] == {"min_value": 50, "max_value": 200}


@pytest.mark.parametrize("order", [("amount", "amount_value"), ("amount_value", "amount")])
def test_a_column_read_as_a_number_and_as_a_category_has_the_range_of_the_number(
    tmp_path: Path, order: tuple[str, str]
) -> None:
    kinds = {"amount": {"kind": "numeric"}, "amount_value": {"kind": "categorical", "column": "amount"}}
    declared = problem(features={name: kinds[name] for name in order})
    amounts = pa.array([place % 3 for place in range(ROWS)])
    write_part(tmp_path, "a.parquet", set_column(table(2), "amount", amounts))
    assert said(profile(declared, parts(tmp_path, declared)), "amount") == {
        "values_to_be_of_type": {"type_": "float64"},
        "values_to_not_be_null": {},
        "values_to_be_between": {"min_value": 0, "max_value": 4},
    }


def test_a_column_read_as_a_category_alone_has_its_categories_though_they_are_numbers(tmp_path: Path) -> None:
    declared = problem(features={"amount_value": {"kind": "categorical", "column": "amount"}})
    write_part(tmp_path, "a.parquet", set_column(table(2), "amount", pa.array([place % 3 for place in range(ROWS)])))
    found = said(profile(declared, parts(tmp_path, declared)), "amount")
    assert found["values_to_be_in_set"] == {"value_set": [0, 1, 2], "mostly": 0.99}
    assert "values_to_be_between" not in found


def test_a_column_without_values_says_nothing(tmp_path: Path) -> None:
    nothing = pa.nulls(ROWS, pa.float64())
    write_part(tmp_path, "a.parquet", set_column(set_column(table(2), "amount", nothing), "days", nothing))
    suite = profile(problem(), parts(tmp_path, problem()))
    assert said(suite, "amount") == said(suite, "days") == said(suite, "label:slow") == {}


def test_one_part_without_values_asks_for_none(tmp_path: Path) -> None:
    write_part(tmp_path, "a.parquet", set_column(table(2), "humidity", pa.nulls(ROWS, pa.float64())))
    write_part(tmp_path, "b.parquet", table(3))
    suite = profile(problem(), parts(tmp_path, problem()))
    assert "values_to_not_be_null" not in said(suite, "humidity")


def test_only_infinite_numbers_have_no_range(tmp_path: Path) -> None:
    write_part(tmp_path, "a.parquet", set_column(table(2), "amount", pa.array([float("inf")] * ROWS)))
    suite = profile(problem(), parts(tmp_path, problem()))
    assert "values_to_be_between" not in said(suite, "amount")


def test_csv_says_the_same_as_parquet(tmp_path: Path) -> None:
    for name in ("csv", "parquet"):
        (tmp_path / name).mkdir()
        write_part(tmp_path / name, f"a.{name}", table(2))
        write_profile(tmp_path / name, problem())
    left, right = (suite_path(tmp_path / name, problem()).read_text() for name in ("csv", "parquet"))
    assert left == right


def test_a_reference_needs_rows_and_columns(tmp_path: Path) -> None:
    write_part(tmp_path, "a.parquet", table(2).slice(0, 0))
    with pytest.raises(DataError, match=r"a\.parquet: a reference part needs rows"):
        profile(problem(), parts(tmp_path, problem()))
    write_part(tmp_path, "a.parquet", table(2).drop_columns(["humidity"]).append_column("humidty", [[1.0] * ROWS]))
    with pytest.raises(DataError, match=r"no column 'humidity'; did you mean 'humidty'\?"):
        profile(problem(), parts(tmp_path, problem()))


def test_the_second_time_nothing_changes(folder: Path) -> None:
    before = suite_path(folder, problem()).read_bytes()
    assert write_profile(folder, problem()) == ("gx/expectations/orders.json: unchanged",)
    assert write_profile(folder, problem(), force=True) == ("gx/expectations/orders.json: unchanged",)
    assert suite_path(folder, problem()).read_bytes() == before


def test_what_people_edited_is_not_overwritten_unless_told(folder: Path) -> None:
    path = suite_path(folder, problem())
    original = path.read_text()
    document = json.loads(original)
    (amount,) = [
        e for e in document["expectations"] if e["kwargs"].get("column") == "amount" and "min_value" in e["kwargs"]
    ]
    amount["kwargs"]["max_value"] = 5
    document["expectations"].append({"type": "expect_column_values_to_be_unique", "kwargs": {"column": "note"}})
    del document["expectations"][1]
    path.write_text(edited := json.dumps(document))
    with pytest.raises(
        DataError, match="not overwritten, since people edit it; profiling would make 3 changes"
    ) as error:
        write_profile(folder, problem())
    assert path.read_text() == edited
    for line in (
        "- note: expect_column_values_to_be_unique()",
        "+ expect_table_row_count_to_be_between(min_value=50, max_value=200)",
        "~ amount: expect_column_values_to_be_between(min_value=0, max_value=5) becomes",
    ):
        assert line in str(error.value)
    assert "overwritten, 3 changes" in write_profile(folder, problem(), force=True)[0]
    assert path.read_text() == original


def test_notes_and_order_are_no_change() -> None:
    one = Expectation(type="a", kwargs={"column": "x"}, notes="old")
    two = Expectation(type="a", kwargs={"column": "y", "value_set": list(range(9))})
    old = Suite(name="s", expectations=(one, two))
    new = Suite(name="s", expectations=(two, Expectation(type="a", kwargs={"column": "x"}, notes="new")))
    assert differences(old, new) == ()
    assert str(two) == "a(value_set=[0, 1, 2, 3, 4, 5, … 9 in all])"


def test_an_expectation_that_occurs_twice_is_compared_twice() -> None:
    low, high = (Expectation(type="a", kwargs={"column": "x", "max_value": limit}) for limit in (1, 2))
    old, new = (Suite(name="s", expectations=each) for each in ((low, low), (low, high)))
    assert differences(old, new) == (f"~ x: {low} becomes {high}",)
    assert differences(new, Suite(name="s", expectations=(low,))) == (f"- x: {high}",)


def test_a_flag_that_no_row_of_the_reference_has_may_come_in_the_next_part(tmp_path: Path) -> None:
    rows = table(3)
    declared = problem(features={"rare": {"kind": "numeric"}})
    write_part(tmp_path, "2024-03.parquet", rows.append_column("rare", pa.array([0] * rows.num_rows)))
    assert set(said(profile(declared, parts(tmp_path, declared)), "rare")) == {
        "values_to_be_of_type",
        "values_to_not_be_null",
    }


def test_a_broken_suite_is_replaced_only_when_told(folder: Path) -> None:
    path = suite_path(folder, problem())
    path.write_text("{")
    with pytest.raises(DataError, match="must be JSON"):
        write_profile(folder, problem())
    assert "overwritten, 1 changes" in write_profile(folder, problem(), force=True)[0]
    assert load_suite(path).name == "orders"


def test_references_are_parts(folder: Path) -> None:
    path = suite_path(folder, problem())
    path.unlink()
    with pytest.raises(DataError, match=r"no part '2024-3.parquet'; did you mean '2024-03.parquet'"):
        write_profile(folder, problem(), ["2024-3.parquet"])
    assert not path.exists()
    write_profile(folder, problem(), ["2024-03.parquet"])
    (rows,) = [e for e in load_suite(path).expectations if "row_count" in e.type]
    assert rows.notes == "100 rows in a part"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[]", "must be an object with `name` and a list `expectations`"),
        ('{"expectations": [3]}', r"expectations\[0\]: must be an object with `type` and `kwargs`"),
        ('{"expectations": [{"type": "a", "kwargs": 3}]}', r"expectations\[0\]\.kwargs: must be an object"),
        ('{"expectations": [{"type": "a", "severity": "bad"}]}', "must be one of critical, warning, info, found 'bad'"),
    ],
)
def test_a_file_that_is_no_suite_says_where(tmp_path: Path, text: str, says: str) -> None:
    path = tmp_path / "s.json"
    path.write_text(text)
    with pytest.raises(DataError, match=says):
        load_suite(path)


def test_a_suite_reads_back_as_it_was_written(tmp_path: Path) -> None:
    full = Expectation(type="a", kwargs={"column_A": "é", "column_B": "x"}, notes="n", severity="info", meta={"k": 1})
    suite = Suite(name="s", expectations=(full, Expectation(type="b", kwargs={"column_list": ["x", "y"]})))
    write_suite(tmp_path / "s.json", suite)
    assert load_suite(tmp_path / "s.json") == suite
    assert suite.columns == ("é", "x", "y")


def test_notes_as_a_list_are_lines(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    path.write_text('{"expectations": [{"type": "a", "notes": ["x", "y"]}]}')
    assert load_suite(path).expectations[0].notes == "x\ny"


def test_a_missing_suite_says_what_writes_it(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="`mtl profile` writes one"):
        load_suite(tmp_path / "s.json")


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
def test_types_are_few(values: pa.Array, type_: str, dtype: str) -> None:
    assert type_in_suite(values.type) == type_
    column = frame(pa.table({"x": values}))["x"]
    assert column.dtype.name == dtype
    nulls = values.null_count + sum(value == "" for value in values.to_pylist())
    assert column.isna().sum() == nulls


def test_labels_mark_answers_and_holes() -> None:
    content = change("days", {0: None, 1: 5, 2: 4})(table(2)).slice(0, 3)
    found = label_columns(problem(), content, ["label:grade=lost"])
    assert found["label:slow"][1:].tolist() == [1, 0]
    assert found["label:slow"][0] != found["label:slow"][0]
    assert found["label:grade=good"].tolist() == [1, 0, 0]
    assert found["label:grade=lost"].tolist() == [0, 0, 0]


@given(st.integers(1, 1000), st.data())
def test_exactly_the_share_may_be_set_aside(rows: int, data: st.DataObject) -> None:
    most = data.draw(st.integers(0, rows))
    reasons = tuple(QuarantineReason(row=row, column="x", expectation="e", value=None) for row in range(most + 1))
    at = PartResult(part="p", rows=rows, share=most / rows, outcomes=(), reasons=reasons[:most])
    beyond = PartResult(part="p", rows=rows, share=most / rows, outcomes=(), reasons=reasons)
    assert not at.too_many
    assert beyond.too_many
    assert PartResult(part="p", rows=0, share=0.0, outcomes=()).passed
