"""Piecewise-linear encoding: the sample of a feature's values, the bin edges, and the fitted feature."""

from collections import Counter
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
def test_a_sample_does_not_depend_on_the_batches(data: st.DataObject, values: list[float], size: int) -> None:
    column = np.array(values, dtype=np.float64)
    whole = sampled(column, size)
    parts = ReservoirSample(size)
    for cut in data.draw(partitions(len(values))):
        parts.update(column[cut])
    np.testing.assert_array_equal(parts.values, whole)
    assert whole.size == min(size, len(values))
    if len(values) <= size:
        np.testing.assert_array_equal(whole, np.sort(column))
    assert Counter(whole.tolist()) <= Counter(values), "without replacement"


def test_a_sample_is_uniform() -> None:
    """Every tenth of the stream has 200 of 2,000 values, within four standard deviations."""
    sample = sampled(np.arange(20_000.0), 2_000, 700, 701, 15_000)
    counts, _ = np.histogram(sample, bins=10, range=(0, 20_000))
    assert np.abs(counts - 200).max() < 4 * np.sqrt(2_000 * 0.1 * 0.9 * 0.9)
    assert len(np.unique(sample)) == 2_000


def test_a_sample_does_not_grow() -> None:
    sample = ReservoirSample(50)
    for _ in range(30):
        sample.update(np.arange(1_000.0))
        assert sample._keys.size == sample._values.size == 50


# Bin edges


@given(values=st.lists(finite), bins=st.integers(0, 256))
@patient
def test_bin_edges_ascend_from_the_minimum_to_the_maximum(values: list[float], bins: int) -> None:
    column = np.array(values, dtype=np.float64)
    edges = bin_edges(column, bins)
    if not bins or np.unique(column).size < 2:
        assert edges.size == 0
        return
    assert (edges[0], edges[-1]) == (column.min(), column.max())
    assert (edges[:-1] < edges[1:]).all()
    assert 2 <= edges.size <= bins + 1
    assert np.isin(edges, column).all()


@given(counts=st.lists(st.integers(1, 1_000), min_size=1, max_size=40), bins=st.integers(0, 64))
@patient
def test_bin_edges_depend_on_ranks_and_counts_only(counts: list[int], bins: int) -> None:
    ranks = np.arange(len(counts))
    edges = bin_edges(np.repeat(ranks, counts).astype(np.float64), bins)
    stretched = np.exp(ranks / 4) - 7
    np.testing.assert_array_equal(bin_edges(np.repeat(stretched, counts), bins), stretched[edges.astype(int)])


@pytest.mark.parametrize("bins", [16, 255, 256])
@pytest.mark.parametrize("distinct", [2, 3, 10, 15])
def test_fewer_values_than_bins_are_all_bin_edges(distinct: int, bins: int) -> None:
    values = np.repeat(np.arange(float(distinct)), 7)
    np.testing.assert_array_equal(bin_edges(values, bins), np.arange(distinct))


def test_bins_have_equally_many_values() -> None:
    values = np.random.default_rng(0).lognormal(size=16_000)
    edges = bin_edges(values, 16)
    assert edges.size == 17
    counts, _ = np.histogram(values, edges)
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
    # The zeros count as a bin of the others; quantiles alone would leave one bin of eight for the others.
    ([0] * 50_000 + list(range(1, 701)), 8, [0, *range(100, 701, 100)]),
]


@pytest.mark.parametrize(("values", "bins", "expected"), GOLDEN)
def test_golden_bin_edges(values: list[float], bins: int, expected: list[float]) -> None:
    assert bin_edges(np.array(values, dtype=np.float64), bins).tolist() == expected


# The fitted feature


def numeric(values: Any, kind: Any = "number", **options: Any) -> FittedNumeric:
    feature = fit(Numeric(**options), [pa.array(values)], kind)
    assert isinstance(feature, FittedNumeric)
    return feature


def test_bin_edges_are_standardised() -> None:
    feature = numeric([0.0, 2.0, 4.0, 6.0, 8.0], bins=2)
    assert (feature.mean, feature.deviation) == (4, np.sqrt(8))
    assert feature.bin_edges == tuple(np.array([-np.sqrt(2), 0, np.sqrt(2)], dtype=np.float32).tolist())


def test_bin_edges_are_transformed() -> None:
    values = [1 - np.exp(2), 1 - np.exp(1), 0.0, np.exp(1) - 1, np.exp(2) - 1]
    feature = numeric(values, transform="log1p", bins=2)
    np.testing.assert_allclose(feature.bin_edges, [-np.sqrt(2), 0, np.sqrt(2)], rtol=1e-6, atol=1e-12)
    assert feature.bin_edges[0] == feature.encode(pa.array([-1e9]))[0, 0]


@pytest.mark.parametrize("transform", ["none", "log1p"])
@given(data=st.data(), train=st.lists(numbers, min_size=2), bins=st.integers(0, 40))
@patient
def test_laws_of_bin_edges(transform: Any, data: st.DataObject, train: list[float | None], bins: int) -> None:
    small = [value for value in train if value is None or not abs(value) > 1e150]
    assume(any(value is not None and np.isfinite(value) for value in small))
    column = pa.array(small, pa.float64())
    options = Numeric(transform=transform, bins=bins)
    feature: FittedNumeric = fit(options, [column], "number")
    edges = np.array(feature.bin_edges)
    np.testing.assert_array_equal(edges, edges.astype(np.float32))
    assert edges.size == 0 or 3 <= edges.size <= bins + 1, "a single bin is the number itself"
    assert (np.diff(edges) > MIN_BIN_WIDTH).all()
    low, high = feature.encode(pa.array([-1e300, 1e300]))[:, 0]
    assert ((low <= edges) & (edges <= high)).all()
    assert edges.size == 0 or edges[0] == low
    by_parts = fit(options, [column[cut] for cut in data.draw(partitions(len(small)))], "number")
    np.testing.assert_allclose(by_parts.bin_edges, edges, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    ("values", "edges"),
    [
        ([0.0, 1e-9, 2e-9, 1.0, 2.0, 3.0], 4),
        ([0.0, 1e-4, 2e-4, 1.0, 2.0, 3.0], 4),
        ([0.0, 1e-2, 2e-2, 1.0, 2.0, 3.0], 6),
        ([0.0, 1.0, 2.0, 3.0], 4),
        ([0.0, 1.0, 2.0, 1e9], 0),
    ],
)
def test_bins_narrower_than_the_minimum_width_are_merged(values: list[float], edges: int) -> None:
    assert len(numeric(values).bin_edges) == edges


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


def test_the_extremes_are_bin_edges_even_if_the_sample_lacks_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ReservoirSample.__init__, "__defaults__", (8,))
    values = [-100.0, *np.linspace(-1, 1, 1_000), 100.0]
    feature = numeric(values, bins=4)
    edges = feature.encode(pa.array([-100.0, 100.0]))[:, 0]
    assert (feature.bin_edges[0], feature.bin_edges[-1]) == tuple(edges)
    assert len(feature.bin_edges) == 5


def test_a_stored_feature_without_bin_edges_is_read() -> None:
    feature = numeric([1.0, 2.0, 3.0])
    assert feature.bin_edges
    old = feature.model_dump(exclude={"bin_edges"})
    assert FittedNumeric.model_validate(old).bin_edges == ()
    assert FittedNumeric.model_validate_json(feature.model_dump_json()) == feature


def test_of_a_chain_of_narrow_bins_only_some_edges_are_dropped() -> None:
    """Each edge is near the previous one, but the last is far from the first."""
    chain = np.linspace(0, 4e-3, 9)  # in standard deviations, of about 1
    edges = np.array(numeric([*chain, *[-1.0] * 9, *[1.0] * 9], bins=40).bin_edges)
    assert ((edges > -0.5) & (edges < 0.5)).sum() >= 3
    assert (np.diff(edges) > MIN_BIN_WIDTH).all()


@given(count=st.integers(0, 40).filter(lambda n: n != 1), bins=st.integers(0, 50))
@patient
def test_thin_edges_selects_edges_including_both_ends(count: int, bins: int) -> None:
    edges = tuple(float(index**2) for index in range(count))
    thinned = thin_edges(edges, bins)
    if count <= bins + 1:
        assert thinned == edges
    elif bins < 2:
        assert thinned == ()
    else:
        assert len(thinned) == bins + 1
        assert set(thinned) <= set(edges)
        assert list(thinned) == sorted(thinned)
        assert (thinned[0], thinned[-1]) == (edges[0], edges[-1])
