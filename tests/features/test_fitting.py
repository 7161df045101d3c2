"""Fitting: numeric and categorical features, part by part or at once, their golden values and their errors."""

from contextlib import nullcontext
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from mtl_core.arrow import ColumnType, column_type
from mtl_core.errors import DataError
from mtl_core.features import vocabulary
from mtl_core.features.base import Feature
from mtl_core.features.categorical import Categorical
from mtl_core.features.numeric import FittedNumeric, Numeric
from mtl_core.features.running_stats import RunningStats
from mtl_core.features.vocabulary import MISSING, UNKNOWN
from tests.features.graphs import ARROW_TYPES, fit
from tests.strategies import numbers, partitions, patient, texts

MODERATE = st.one_of(st.none(), st.floats(-1e6, 1e6), st.sampled_from([float("nan"), float("inf")]))


@given(data=st.data(), values=st.lists(MODERATE, min_size=1), transform=st.sampled_from(["none", "log1p"]))
@patient
def test_numeric_part_by_part_equals_at_once(data: st.DataObject, values: list[float | None], transform: Any) -> None:
    assume(any(value is not None and np.isfinite(value) for value in values))
    column = pa.array(values, pa.float64())
    parts = [column[cut] for cut in data.draw(partitions(len(values)))]
    options = Numeric(transform=transform)
    once, piecewise = fit(options, [column], "number"), fit(options, parts, "number")
    assert (once.low, once.high, once.flag_missing) == (piecewise.low, piecewise.high, piecewise.flag_missing)
    size = max(abs(once.low), abs(once.high), 1e-9)
    assert piecewise.mean == pytest.approx(once.mean, rel=1e-9, abs=1e-12 * size)
    assert piecewise.deviation == pytest.approx(once.deviation, rel=1e-6, abs=1e-9 * size)


@given(data=st.data(), values=st.lists(texts, min_size=1))
@patient
def test_categorical_part_by_part_equals_at_once(data: st.DataObject, values: list[str | None]) -> None:
    assume(any(values))
    column = pa.array(values, pa.string())
    parts = [column[cut] for cut in data.draw(partitions(len(values)))]
    assert fit(Categorical(min_count=1), parts, "string") == fit(Categorical(min_count=1), [column], "string")


@given(data=st.data(), values=st.lists(st.sampled_from(["a", "b", "c", "", None]), min_size=1))
@patient
def test_categorical_counts_rows_not_the_dictionary(data: st.DataObject, values: list[str | None]) -> None:
    """Rows taken from a dictionary array leave values in it that no row has."""
    rows = pa.array(sorted(data.draw(st.sets(st.integers(0, len(values) - 1), min_size=1))))
    plain = pa.array(values, pa.string())
    assume(any(plain.take(rows).to_pylist()))
    options = Categorical(min_count=data.draw(st.integers(1, 2)))
    try:
        expected = fit(options, [plain.take(rows)], "string")
    except DataError:
        assume(False)
    assert fit(options, [plain.dictionary_encode().take(rows)], "string") == expected


def test_dictionary_values_without_rows_are_not_refused() -> None:
    values = pa.array([1.0, 0.5, 1.0, 1e300]).dictionary_encode()
    assert fit(Categorical(min_count=2), [values.take(pa.array([0, 2]))], "number").vocabulary == (1,)
    with pytest.raises(DataError, match="found 2 fractional or huge values"):
        fit(Categorical(min_count=2), [values], "number")


@pytest.mark.parametrize("kind", ["string", "number"])
def test_counts_are_summed_before_they_fill_the_memory(kind: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "_MAX_ROWS", 4)
    fitter = Categorical(min_count=8).fitter("f", "f", ARROW_TYPES[kind])
    for row in range(50):
        part = pa.array([row % 7, row % 3, 100 + row])
        fitter.update(part.cast(pa.string()) if kind == "string" else part)
        assert len(fitter.counts._counts) <= 4  # type: ignore[attr-defined]
    feature: Any = fitter.finish()
    # 0, 1 and 2 occur in both cycles; of 3 to 6 the last occurs 7 times only.
    assert feature.vocabulary == (tuple("012") if kind == "string" else (0, 1, 2))


@given(st.lists(numbers, min_size=2))
@patient
def test_running_stats_equal_numpy(values: list[float | None]) -> None:
    finite = np.array([v for v in values if v is not None and abs(v) < 1e100])
    stats = RunningStats()
    stats.update(finite)
    if not finite.size:
        assert (stats.count, stats.mean, stats.deviation) == (0, 0.0, 0.0)
        return
    assert (stats.count, stats.low, stats.high) == (finite.size, finite.min(), finite.max())
    assert stats.mean == pytest.approx(finite.mean(), rel=1e-12)
    varies = finite.min() < finite.max()
    assert stats.deviation == (pytest.approx(finite.std(), rel=1e-6, abs=1e-150) if varies else 0.0)


def test_running_stats_are_precise_far_from_zero() -> None:
    """The textbook formula, E[x^2] - E[x]^2, gives 0 or less here."""
    stats = RunningStats()
    for part in ([1e9 + 4], [1e9 + 7, 1e9 + 13], [], [1e9 + 16]):
        stats.update(np.array(part))
    assert (stats.mean, stats.deviation) == (1e9 + 10, pytest.approx(np.sqrt(22.5), rel=1e-12))


def test_numeric_golden_values() -> None:
    feature = fit(Numeric(), [pa.array([1.0, 3.0]), pa.array([None, 5.0])], "number")
    assert (feature.mean, feature.deviation, feature.low, feature.high) == (3.0, np.sqrt(8 / 3), 1.0, 5.0)
    limit = np.float32(1 / np.sqrt(8 / 3) * 2)
    encoded = feature.encode(pa.array([1.0, 3.0, 5.0, 99.0, -99.0, None, float("nan"), float("inf")]))
    assert encoded.dtype == np.float32
    np.testing.assert_array_equal(encoded[:, 0], np.array([-limit, 0, limit, limit, -limit, 0, 0, 0]))
    np.testing.assert_array_equal(encoded[:, 1], [0, 0, 0, 0, 0, 1, 1, 1])


def test_log1p_golden_values() -> None:
    feature = fit(Numeric(transform="log1p"), [pa.array([np.e - 1, 1 - np.e])], "number")
    assert (feature.mean, feature.deviation) == (pytest.approx(0, abs=1e-16), pytest.approx(1))
    values = pa.array([np.e - 1, 0.0, 1 - np.e, 1e9])
    np.testing.assert_allclose(feature.encode(values)[:, 0], [1, 0, -1, 1], atol=1e-7)
    huge = pa.array([0.0, 1e300])  # its square is infinite
    np.testing.assert_allclose(fit(Numeric(transform="log1p"), [huge], "number").encode(huge)[:, 0], [-1, 1])


@given(st.lists(st.floats(-1e6, 1e6), min_size=1), st.lists(numbers))
@patient
def test_numeric_is_finite_and_within_the_training_range(train: list[float], values: list[float | None]) -> None:
    feature = fit(Numeric(), [pa.array(train)], "number")
    encoded, encoded_train = feature.encode(pa.array(values, pa.float64())), feature.encode(pa.array(train))
    assert np.isfinite(encoded).all()
    assert (encoded <= max(encoded_train.max(), 0)).all()
    assert (encoded >= min(encoded_train.min(), 0)).all()


@pytest.mark.parametrize("value", [0.0, 0.1, -7.0, 1e300, 5e-324])
def test_a_constant_column_is_encoded_as_zero(value: float) -> None:
    feature = fit(Numeric(transform="log1p"), [pa.array([value] * 3), pa.array([value] * 4)], "number")
    assert feature.deviation == 1.0
    assert np.abs(feature.encode(pa.array([value, -1e9, 1e9]))).max() < 1e-9


def test_a_missing_flag_only_where_training_has_missing_values() -> None:
    for train, encoded in (([1.0, 2.0], [[0]]), ([1.0, 2.0, None], [[0, 1]])):
        feature = fit(Numeric(), [pa.array(train)], "number")
        np.testing.assert_array_equal(feature.encode(pa.array([None], pa.float64())), encoded)


@pytest.mark.parametrize("min_count", [1, 2, 3, 4])
def test_min_count_is_inclusive(min_count: int) -> None:
    values = pa.array(["thrice", "twice", "once", "thrice", "twice", "thrice", *(["often"] * 9)])
    counts = {"often": 9, "thrice": 3, "twice": 2, "once": 1}
    expected = tuple(sorted(name for name, count in counts.items() if count >= min_count))
    feature = fit(Categorical(min_count=min_count), [values.slice(0, 2), values.slice(2)], "string")
    assert feature.vocabulary == expected
    rare = feature.encode(pa.array([name for name in counts if name not in expected], pa.string()))
    assert (rare == UNKNOWN).all()


def test_missing_and_unseen_values_have_separate_ids() -> None:
    feature = fit(Categorical(min_count=1), [pa.array(["b", "a", "", None])], "string")
    assert (feature.vocabulary, feature.size) == (("a", "b"), 4)
    ids = feature.encode(pa.array([None, "", "c", "a", "b", "b "]))
    assert ids.dtype == np.int32
    assert ids[:, 0].tolist() == [MISSING, MISSING, UNKNOWN, 2, 3, UNKNOWN]


def test_values_that_differ_by_a_blank_are_distinct() -> None:
    values = ["a", " a", "a ", " ", "  ", "\t", "A", "é", "e\u0301"]
    feature = fit(Categorical(min_count=1), [pa.array(values)], "string")
    assert sorted(feature.encode(pa.array(values))[:, 0].tolist()) == list(range(2, 2 + len(values)))


def test_whole_numbers_are_one_category_in_every_type() -> None:
    feature = fit(Categorical(min_count=2), [pa.array([3, 3, 10]), pa.array([10.0, None, float("inf")])], "number")
    assert feature.vocabulary == (3, 10)
    ids = feature.encode(pa.array([3.0, 10.0, 3.5, None, float("nan"), float("inf"), -3.0]))[:, 0].tolist()
    assert ids == [2, 3, UNKNOWN, MISSING, MISSING, UNKNOWN, UNKNOWN]


@pytest.mark.parametrize(
    ("number", "outcome"),
    [
        (2**53 - 1, nullcontext()),
        (1 - 2**53, nullcontext()),
        (2**53, pytest.raises(DataError, match="found 1 fractional or huge")),
        (2**53 + 1, pytest.raises(DataError, match="found 1 fractional or huge")),
    ],
)
def test_a_category_is_exact_in_float64(number: int, outcome: Any) -> None:
    with outcome:
        feature = fit(Categorical(min_count=1), [pa.array([number])], "number")
        assert feature.encode(pa.array([number]))[0, 0] == 2


MISSING_ONLY = [None, float("nan"), float("-inf")]
REFUSED: dict[str, tuple[Feature, list[Any], ColumnType, str]] = {
    "numeric on text": (Numeric(), ["1"], "string", "found text in column 'c'; .* kind: categorical"),
    "numeric without a number": (Numeric(), MISSING_ONLY, "number", "column 'c' holds no finite value"),
    "numeric beyond squares": (Numeric(), [1.7e308, -1.7e308], "number", r"from -1.7e\+308 to 1.7e\+308 .*log1p"),
    "numeric whose sum overflows": (Numeric(), [1.7e308] * 3, "number", "64-bit"),
    "fractions": (Categorical(), [1.0, 2.5, 1e17], "number", "found 2 fractional or huge .* column 'c'; .*numeric"),
    "rare values": (Categorical(min_count=2), ["a", "b", None, None, "", ""], "string", "occurs 2 times .*min_count"),
    "nulls": (Categorical(), [None] * 9, "string", "no value of column 'c'"),
}


@pytest.mark.parametrize(("options", "values", "kind", "rule"), REFUSED.values(), ids=REFUSED)
def test_refused(options: Feature, values: list[Any], kind: ColumnType, rule: str) -> None:
    with pytest.raises(DataError, match=f"feature 'f': .*{rule}"):
        fit(options.model_copy(update={"column": "c"}), [pa.array(values, ARROW_TYPES[kind])], kind)


TARGET_TYPES: dict[pa.DataType, str | None] = {
    pa.string(): "string",
    pa.large_string(): "string",
    pa.string_view(): "string",
    pa.null(): "string",
    pa.dictionary(pa.int8(), pa.string()): "string",
    pa.dictionary(pa.int8(), pa.int64()): "number",
    pa.bool_(): "boolean",
    pa.int8(): "number",
    pa.uint64(): "number",
    pa.float16(): "number",
    pa.decimal128(5, 2): "number",
    pa.date32(): None,
    pa.timestamp("us"): None,
    pa.struct([]): None,
    pa.binary(): None,
}


@pytest.mark.parametrize(("arrow_type", "expected"), TARGET_TYPES.items(), ids=str)
def test_types_of_targets(arrow_type: pa.DataType, expected: str | None) -> None:
    with nullcontext() if expected else pytest.raises(DataError, match=r"column 'c': .* found .*; derive columns"):
        assert column_type("c", arrow_type) == expected


def test_a_task_on_lists_refuses_other_targets() -> None:
    with pytest.raises(DataError, match=r"must be a list, found string; convert the column, or declare"):
        column_type("c", pa.string(), frozenset({"list"}))


@pytest.mark.parametrize(
    "feature",
    [
        fit(Numeric(transform="log1p"), [pa.array([0.1, 2.0, None])], "number"),
        fit(Categorical(min_count=1), [pa.array(["1", "é", " "])], "string"),
        fit(Categorical(min_count=1), [pa.array([1, -5])], "number"),
    ],
    ids=lambda feature: f"{feature.kind} {feature.type}",
)
def test_json_round_trip(feature: FittedNumeric) -> None:
    assert type(feature).model_validate_json(feature.model_dump_json()) == feature
