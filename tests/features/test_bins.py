"""Piecewise-linear encoding: the sample that quantiles are taken from, the bin edges, and the encoded feature."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from numpy.typing import NDArray

from mtl_core.features.bins import ReservoirSample, bin_edges, thin_edges
from mtl_core.features.numeric import MIN_BIN_WIDTH, FittedNumeric, Numeric
from tests.features.graphs import fit
from tests.strategies import finite, numbers, partitions, patient


def sampled(values: NDArray[np.float64], size: int, *cuts: int) -> NDArray[np.float64]:
    sample = ReservoirSample(size)
    for part in np.split(values, cuts):
        sample.update(part)
    return sample.values


# The sample


@given(data=st.data(), values=st.lists(finite), size=st.integers(1, 12))
@patient
def test_a_sample_is_the_same_however_the_values_are_cut(data: st.DataObject, values: list[float], size: int) -> None:
    column = np.array(values, dtype=np.float64)
    whole = sampled(column, size)
    parts = ReservoirSample(size)
    for cut in data.draw(partitions(len(values))):
        parts.update(column[cut])
    np.testing.assert_array_equal(parts.values, whole)
    assert whole.size == min(size, len(values))
    if len(values) <= size:
        np.testing.assert_array_equal(whole, np.sort(column))
    counts = [dict(zip(*np.unique(some, return_counts=True), strict=True)) for some in (whole, column)]
    assert all(count <= counts[1][value] for value, count in counts[0].items()), "without replacement"


def test_one_value_at_a_time_is_no_other_sample() -> None:
    values = np.random.default_rng(1).normal(size=500)
    np.testing.assert_array_equal(sampled(values, 64, *range(1, 500)), sampled(values, 64))


def test_a_sample_is_uniform() -> None:
    """Every tenth of the stream is as likely: 200 of 2,000 within four standard deviations, first and last too."""
    found = sampled(np.arange(20_000.0), 2_000, 700, 701, 15_000)
    counts, _ = np.histogram(found, bins=10, range=(0, 20_000))
    assert np.abs(counts - 200).max() < 4 * np.sqrt(2_000 * 0.1 * 0.9 * 0.9)
    assert len(np.unique(found)) == 2_000


def test_a_sample_does_not_grow() -> None:
    sample = ReservoirSample(50)
    for _ in range(30):
        sample.update(np.arange(1_000.0))
        assert sample._keys.size == sample._values.size == 50


# The knots


@given(values=st.lists(finite), bins=st.integers(0, 256))
@patient
def test_bin_edges_ascend_from_the_least_to_the_greatest(values: list[float], bins: int) -> None:
    column = np.array(values, dtype=np.float64)
    found = bin_edges(column, bins)
    if not bins or np.unique(column).size < 2:
        assert found.size == 0
        return
    assert (found[0], found[-1]) == (column.min(), column.max())
    assert (found[:-1] < found[1:]).all()
    assert 2 <= found.size <= bins + 1
    assert np.isin(found, column).all()


@given(values=st.lists(finite, min_size=2), bins=st.integers(1, 64))
@patient
def test_bin_edges_do_not_depend_on_the_order(values: list[float], bins: int) -> None:
    np.testing.assert_array_equal(bin_edges(np.array(values), bins), bin_edges(np.array(values[::-1]), bins))


@given(counts=st.lists(st.integers(1, 1_000), min_size=1, max_size=40), bins=st.integers(0, 64))
@patient
def test_only_order_and_share_of_values_matter(counts: list[int], bins: int) -> None:
    places = np.arange(len(counts))
    found = bin_edges(np.repeat(places, counts).astype(np.float64), bins)
    stretched = np.exp(places / 4) - 7
    np.testing.assert_array_equal(bin_edges(np.repeat(stretched, counts), bins), stretched[found.astype(int)])


@pytest.mark.parametrize("bins", [16, 255, 256])
@pytest.mark.parametrize("distinct", [2, 3, 10, 15])
def test_few_values_in_many_pieces_are_all_bin_edges(distinct: int, bins: int) -> None:
    values = np.repeat(np.arange(float(distinct)), 7)
    np.testing.assert_array_equal(bin_edges(values, bins), np.arange(distinct))


def test_between_two_knots_lie_equally_many_values() -> None:
    found = bin_edges(np.random.default_rng(0).lognormal(size=16_000), 16)
    assert found.size == 17
    counts, _ = np.histogram(np.random.default_rng(0).lognormal(size=16_000), found)
    assert counts.min() >= 998
    assert counts.max() <= 1_002


GOLDEN: list[tuple[list[float], int, list[float]]] = [
    ([], 4, []),
    ([3, 3, 3], 4, []),
    ([1, 2, 3], 0, []),
    ([2, 1], 1, [1, 2]),
    ([2, 1], 16, [1, 2]),
    ([5, 1, 2, 4, 3], 2, [1, 3, 5]),
    ([0, 1, 2, 3, 4, 5, 6, 7], 4, [0, 1, 3, 5, 7]),
    ([-1, 0, 0, 0, 0, 0, 0, 1], 2, [-1, 0, 1]),
    # Nine zeros of twelve; quantiles alone would be 0, 0, 0, 0 and 3.
    ([0] * 9 + [1, 2, 3], 4, [0, 1, 2, 3]),
]


@pytest.mark.parametrize(("values", "bins", "expected"), GOLDEN)
def test_golden_bin_edges(values: list[float], bins: int, expected: list[float]) -> None:
    assert bin_edges(np.array(values, dtype=np.float64), bins).tolist() == expected


def test_a_value_that_most_rows_have_takes_one_piece_s_share() -> None:
    """Zeros count as often as a piece of the rest; quantiles alone would leave the rest one piece of eight."""
    rest = np.arange(1.0, 701)
    assert bin_edges(np.concatenate([np.zeros(50_000), rest]), 8).tolist() == [0, 100, 200, 300, 400, 500, 600, 700]


# What a numeric feature makes of them


def numeric(values: Any, kind: Any = "number", **options: Any) -> FittedNumeric:
    found = fit(Numeric(**options), [pa.array(values)], kind)
    assert isinstance(found, FittedNumeric)
    return found


def test_bin_edges_are_standardised_golden() -> None:
    feature = numeric([0.0, 2.0, 4.0, 6.0, 8.0], bins=2)
    assert (feature.mean, feature.deviation) == (4, np.sqrt(8))
    assert feature.bin_edges == tuple(np.array([-np.sqrt(2), 0, np.sqrt(2)], dtype=np.float32).tolist())


def test_bin_edges_of_a_transform_are_where_the_network_sees_them() -> None:
    values = [1 - np.exp(2), 1 - np.exp(1), 0.0, np.exp(1) - 1, np.exp(2) - 1]
    feature = numeric(values, transform="log1p", bins=2)
    np.testing.assert_allclose(feature.bin_edges, [-np.sqrt(2), 0, np.sqrt(2)], rtol=1e-6, atol=1e-12)
    assert feature.bin_edges[0] == feature.encode(pa.array([-1e9]))[0, 0], "log1p of the raw value, and never beyond"


@pytest.mark.parametrize("transform", ["none", "log1p"])
@given(data=st.data(), train=st.lists(numbers, min_size=2), bins=st.integers(0, 40))
@patient
def test_laws_of_bin_edges(transform: Any, data: st.DataObject, train: list[float | None], bins: int) -> None:
    small = [value for value in train if value is None or not abs(value) > 1e150]
    assume(any(value is not None and np.isfinite(value) for value in small))
    column = pa.array(small, pa.float64())
    options = Numeric(transform=transform, bins=bins)
    feature: FittedNumeric = fit(options, [column], "number")
    found = np.array(feature.bin_edges)
    np.testing.assert_array_equal(found, found.astype(np.float32))
    assert found.size == 0 or 3 <= found.size <= bins + 1, "of one piece none: it is the number itself"
    assert (np.diff(found) > MIN_BIN_WIDTH).all()
    edges = feature.encode(pa.array([-1e300, 1e300]))[:, 0]
    assert ((edges[0] <= found) & (found <= edges[1])).all(), "within what the network sees"
    assert found.size == 0 or found[0] == edges[0]
    again = fit(options, [column[cut] for cut in data.draw(partitions(len(small)))], "number")
    np.testing.assert_allclose(again.bin_edges, found, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("gap", "edges_left"), [(1e-9, 4), (1e-4, 4), (1e-2, 6)])
def test_bin_edges_nearer_than_the_narrowest_are_dropped(gap: float, edges_left: int) -> None:
    """Bin edges nearer than this many deviations, here of 1.15, are equal for the network, though not in float32."""
    assert len(numeric([0.0, gap, 2 * gap, 1.0, 2.0, 3.0]).bin_edges) == edges_left


def test_a_far_value_makes_all_others_near() -> None:
    assert len(numeric([0.0, 1.0, 2.0, 3.0]).bin_edges) == 4
    assert numeric([0.0, 1.0, 2.0, 1e9]).bin_edges == ()


@pytest.mark.parametrize(
    ("values", "kind", "options"),
    [
        ([5.0] * 9, "number", {}),
        ([None, 2.0, None], "number", {}),
        ([1.0, 2.0, 1.0], "number", {}),
        ([True, False, None, True], "boolean", {}),
        ([1.0, 2.0, 3.0, 4.0], "number", {"bins": 0}),
        ([1.0, 2.0, 3.0, 4.0], "number", {"bins": 1}),
    ],
    ids=["constant", "one value", "two values", "boolean", "bins: 0", "bins: 1"],
)
def test_no_bin_edges(values: Any, kind: Any, options: dict[str, Any]) -> None:
    assert numeric(values, kind, **options).bin_edges == ()


def test_the_extremes_are_knots_though_the_sample_missed_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ReservoirSample.__init__, "__defaults__", (8,))
    values = [-100.0, *np.linspace(-1, 1, 1_000), 100.0]
    feature = numeric(values, bins=4)
    edges = feature.encode(pa.array([-100.0, 100.0]))[:, 0]
    assert (feature.bin_edges[0], feature.bin_edges[-1]) == tuple(edges)
    assert len(feature.bin_edges) == 5


def test_a_feature_written_before_there_were_knots_has_none() -> None:
    feature = numeric([1.0, 2.0, 3.0])
    assert feature.bin_edges
    old = feature.model_dump(exclude={"bin_edges"})
    assert FittedNumeric.model_validate(old).bin_edges == ()
    assert FittedNumeric.model_validate_json(feature.model_dump_json()) == feature


def test_of_a_chain_of_near_knots_not_all_but_the_first_are_dropped() -> None:
    """Each is near to the one before, and the last far from the first."""
    chain = np.linspace(0, 4e-3, 9)  # in standard deviations, of about 1
    found = np.array(numeric([*chain, *[-1.0] * 9, *[1.0] * 9], bins=40).bin_edges)
    within = found[(found > -0.5) & (found < 0.5)]
    assert within.size >= 3
    assert (np.diff(within) > MIN_BIN_WIDTH).all()


@given(count=st.integers(0, 40).filter(lambda n: n != 1), bins=st.integers(0, 50))
@patient
def test_thinned_edges_are_some_of_the_edges_with_both_ends(count: int, bins: int) -> None:
    edges = tuple(float(place**2) for place in range(count))
    found = thin_edges(edges, bins)
    if count <= bins + 1:
        assert found == edges
    elif bins < 2:
        assert found == ()
    else:
        assert len(found) == bins + 1
        assert set(found) <= set(edges)
        assert list(found) == sorted(found)
        assert (found[0], found[-1]) == (edges[0], edges[-1])
