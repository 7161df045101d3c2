"""Statistics behind the plots: every row is counted once, curves are monotone, intervals cover."""

from itertools import pairwise
from statistics import NormalDist
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from mtl_core.report.plots.statistics import (
    auc_interval,
    calibration_bins,
    gains_curve,
    group_rare,
    quantile_bins,
    wilson,
)

SIZES = st.integers(1, 10_000)


@st.composite
def outcomes(draw: st.DrawFn) -> tuple[NDArray[Any], NDArray[Any]]:
    """Probabilities, often tied, and outcomes of both kinds."""
    rows, digits = draw(st.integers(2, 2_000)), draw(st.integers(0, 6))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    probability = np.round(generator.beta(draw(st.floats(0.1, 5)), 2, rows), digits).astype(np.float32)
    outcome = generator.random(rows) < probability
    outcome[:2] = True, False
    return probability, outcome.astype(np.int8)


@settings(deadline=None)
@given(outcomes())
def test_calibration_bins_keep_means_and_counts(rows: tuple[NDArray[Any], NDArray[Any]]) -> None:
    probability, outcome = rows
    bins = calibration_bins(probability, outcome)
    assert bins["rows"].sum() == len(probability)
    assert len(bins["rows"]) <= 20
    assert (np.diff(bins["x"]) > 0).all()
    assert np.average(bins["x"], weights=bins["rows"]) == pytest.approx(probability.mean(dtype=np.float64), abs=1e-6)
    assert np.average(bins["y"], weights=bins["rows"]) == pytest.approx(outcome.mean())
    assert (bins["low"] >= 0).all()
    assert (bins["low"] <= bins["y"] + 1e-12).all()
    assert (bins["y"] <= bins["high"] + 1e-12).all()
    assert (bins["high"] <= 1).all()


@settings(deadline=None)
@given(outcomes())
def test_a_gains_curve_is_monotone_and_has_the_area_of_the_roc_curve(rows: tuple[NDArray[Any], NDArray[Any]]) -> None:
    probability, outcome = rows
    selected, recall = gains_curve(probability, outcome)
    assert (selected[0], recall[0], selected[-1], recall[-1]) == (0, 0, 1, 1)
    assert (np.diff(recall) >= -1e-12).all()
    # The area between gains curve and diagonal is that of the ROC curve, scaled by the share of negatives.
    if len(probability) < 50:
        return
    area = np.trapezoid(recall, selected) - 0.5
    expected = (roc_auc_score(outcome, probability) - 0.5) * (1 - outcome.mean())
    assert area == pytest.approx(expected, abs=0.02)


def test_tied_rows_count_as_in_random_order() -> None:
    selected, recall = gains_curve(np.repeat([0.1, 0.9], [50, 50]), np.repeat([0, 1], [50, 50]))
    assert recall[selected <= 0.5] == pytest.approx(2 * selected[selected <= 0.5])
    assert (recall[selected >= 0.5] == 1).all()


@settings(deadline=None)
@given(st.integers(1, 3000), st.integers(0, 2**32 - 1), st.integers(0, 4))
def test_quantile_bins_partition_the_rows(rows: int, seed: int, digits: int) -> None:
    values = np.round(np.random.default_rng(seed).normal(size=rows), digits)
    bins = quantile_bins(values, 20)
    assert sorted(np.concatenate(bins).tolist()) == list(range(rows))
    assert len(bins) <= 20
    assert all(values[low].max() < values[high].min() for low, high in pairwise(bins))


@given(counts=st.lists(st.integers(0, 50), min_size=1, max_size=40), limit=st.integers(2, 12))
def test_rare_classes_are_grouped(counts: list[int], limit: int) -> None:
    names, group = group_rare([f"c{i}" for i in range(len(counts))], np.repeat(np.arange(len(counts)), counts), limit)
    assert len(names) == min(limit, len(counts))
    assert sorted(set(group.tolist())) == list(range(len(names)))
    separate = [i for i in range(len(counts)) if f"c{i}" in names]
    others = sorted(set(range(len(counts))) - set(separate))
    assert [names[group[i]] for i in separate] == [f"c{i}" for i in separate]
    if others:
        assert names[-1] == f"{len(others)} others"
        assert (group[others] == len(names) - 1).all()
        assert max(counts[i] for i in others) <= min(counts[i] for i in separate)


def test_wilson_has_the_published_interval() -> None:
    # Newcombe 1998, table I: 81 of 263 gives .2553 to .3662.
    low, high = wilson(np.array([81, 0]), np.array([263, 20]))
    assert (low[0], high[0]) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert (low[1], high[1] > 0) == (0, True)


@given(st.floats(0, 1), SIZES, SIZES)
def test_auc_interval_contains_the_auc_and_is_symmetric(auc: float, positive: int, negative: int) -> None:
    low, high = auc_interval(np.array([auc]), np.array([positive]), np.array([negative]))
    assert 0 <= low[0] <= auc <= high[0] <= 1
    assert high[0] > low[0]
    mirrored = auc_interval(np.array([1 - auc]), np.array([negative]), np.array([positive]))
    assert (1 - high[0], 1 - low[0]) == pytest.approx((mirrored[0][0], mirrored[1][0]), abs=1e-9)


def test_auc_interval_narrows_with_rows_and_is_undefined_without_auc() -> None:
    sizes = np.array([5, 50, 500, 5000])
    low, high = auc_interval(np.full(4, 0.8), sizes, sizes)
    assert (np.diff(high - low) < 0).all()
    hanley = 0.8 * 0.2 * (1 + 5000 * (0.2 / 1.2 + 0.8 / 1.8)) / 5000**2
    assert (high - low)[-1] == pytest.approx(2 * 1.96 * np.sqrt(hanley), rel=0.02)
    assert np.isnan(auc_interval(np.array([np.nan]), np.array([1]), np.array([1]))).all()


@pytest.mark.parametrize(("positive", "negative", "distance"), [(15, 200, 1.0), (40, 40, 2.5), (150, 150, 0.2)])
def test_auc_interval_covers_the_true_value(positive: int, negative: int, distance: float) -> None:
    # Of two normal distributions with that distance of the means in standard deviations.
    truth = NormalDist().cdf(distance / np.sqrt(2))
    generator, draws = np.random.default_rng(0), 2_000
    scores = distance + generator.normal(size=(draws, positive, 1))
    aucs = np.array([(sample > generator.normal(size=negative)).mean() for sample in scores])
    low, high = auc_interval(aucs, np.full(draws, positive), np.full(draws, negative))
    assert 0.93 <= np.mean((low <= truth) & (truth <= high)) <= 0.98
