"""Bins: whatever the rows, every one is in one bin, and shares are shares."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mtl_core.report.forms.bins import (
    bands,
    calibration_bins,
    calibration_error,
    fan,
    gains,
    quantile_edges,
)

Rows = tuple[NDArray[Any], NDArray[Any]]


@st.composite
def chances(draw: st.DrawFn) -> Rows:
    """Chances, often tied, and what came true; at least one did."""
    rows, digits = draw(st.integers(1, 600)), draw(st.integers(0, 6))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    chance = np.round(generator.beta(draw(st.floats(0.1, 5)), 2, rows), digits).astype(np.float32)
    hit = generator.random(rows) < chance
    hit[generator.integers(rows)] = True
    return chance, hit.astype(np.int8)


@settings(deadline=None)
@given(chances())
def test_calibration_bins(rows: Rows) -> None:
    chance, hit = rows
    bins = calibration_bins(chance, hit)
    assert bins.rows.sum() == len(chance)
    assert (bins.rows > 0).all()
    assert (np.diff(bins.predicted) > 0).all()
    assert np.average(bins.predicted, weights=bins.rows) == pytest.approx(chance.mean(dtype=np.float64), abs=1e-6)
    assert np.average(bins.observed, weights=bins.rows) == pytest.approx(hit.mean())
    for share in (bins.low, bins.observed, bins.high):
        assert ((share >= 0) & (share <= 1)).all()
    assert (bins.low <= bins.observed + 1e-12).all()
    assert (bins.observed <= bins.high + 1e-12).all()
    assert 0 <= calibration_error(bins) <= 1


@settings(deadline=None)
@given(chances())
def test_gains(rows: Rows) -> None:
    chance, hit = rows
    taken, found = gains(chance, hit)
    assert (taken[0], found[0]) == (0, 0)
    assert (taken[-1], found[-1]) == pytest.approx((1, 1))
    assert (np.diff(taken) > 0).all()
    assert (np.diff(found) >= 0).all()


def test_gains_of_a_perfect_ranking() -> None:
    hit = np.repeat([0, 1], [900, 100])
    taken, found = gains(np.linspace(0, 1, 1000), hit)
    assert found[np.searchsorted(taken, 0.1 - 1e-9)] == pytest.approx(1, abs=0.01)


def test_a_perfect_forecast_has_no_error() -> None:
    hit = np.repeat([0, 1], 500)
    assert calibration_error(calibration_bins(hit.astype(float), hit)) == 0
    assert calibration_error(calibration_bins(1.0 - hit, hit)) == 1


def test_rare_events_get_bins_of_their_own() -> None:
    edges = quantile_edges(np.linspace(0, 1, 100_000), 10, (0.95, 0.99))
    assert edges == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99, 1], abs=1e-4)
    assert len(quantile_edges(np.linspace(0, 1, 100), 10, (0.95, 0.99))) == 3


@settings(deadline=None)
@given(st.integers(1, 3000), st.integers(0, 2**32 - 1), st.integers(0, 4))
def test_fan(rows: int, seed: int, digits: int) -> None:
    generator = np.random.default_rng(seed)
    predictions = np.round(generator.normal(size=rows), digits)
    found = fan(predictions, predictions + generator.normal(size=rows))
    assert found.rows.sum() == rows
    assert len(found.rows) <= 20
    assert (np.diff(found.actual, axis=1) >= 0).all()
    assert (np.diff(found.predicted) > 0).all()


def test_the_fan_of_perfect_predictions_is_the_diagonal() -> None:
    values = np.arange(4000.0)
    found = fan(values, values)
    assert found.actual[:, 2] == pytest.approx(found.predicted)


@settings(deadline=None)
@given(st.integers(1, 2000), st.integers(1, 9), st.integers(0, 2**32 - 1), st.integers(0, 3))
def test_bands(rows: int, many: int, seed: int, digits: int) -> None:
    generator = np.random.default_rng(seed)
    levels = np.arange(1, many + 1) / (many + 1)
    predicted = np.round(generator.normal(size=(rows, 1)), digits) + levels
    actual = np.round(generator.normal(size=rows), digits)
    found = bands(predicted, actual, levels, many // 2)
    assert found.rows.sum() == rows
    assert len(found.rows) <= 12
    assert found.predicted.shape == found.actual.shape == (len(found.rows), many)
    assert (np.diff(found.actual, axis=1) >= 0).all()
    assert np.isin(found.actual, actual).all()  # values that happened
    assert np.average(found.predicted, axis=0, weights=found.rows) == pytest.approx(predicted.mean(axis=0))


def test_the_bands_of_true_quantiles_are_filled() -> None:
    generator, levels = np.random.default_rng(0), np.array([0.1, 0.5, 0.9])
    middle = np.repeat(np.arange(4.0), 5000)
    actual = middle + generator.random(20_000)
    found = bands(middle[:, None] + levels, actual, levels, 1)
    assert found.actual == pytest.approx(found.predicted, abs=0.02)
    assert found.rows.tolist() == [5000] * 4


def test_the_mean_of_what_happened_is_told_too() -> None:
    found = fan(np.repeat([1.0, 2.0], 100), np.tile([0.0, 3.0], 100))
    assert found.mean.tolist() == [1.5, 1.5]
