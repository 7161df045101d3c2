"""Intervals: they hold the value, stay among what is possible, and cover as often as they say."""

from statistics import NormalDist

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl_core.report.forms.intervals import newcombe, wilson

SIZES = st.integers(1, 10_000)


def test_wilson_against_the_published_example() -> None:
    # Newcombe 1998, table I: 81 of 263 gives .2553 to .3662.
    low, high = wilson(np.array([81 / 263]), np.array([263]))
    assert (low[0], high[0]) == pytest.approx((0.2553, 0.3662), abs=5e-5)


@given(st.floats(0, 1), SIZES, SIZES)
def test_the_interval_of_an_auc_holds_it(auc: float, yes: int, no: int) -> None:
    low, high = newcombe(np.array([auc]), np.array([yes]), np.array([no]))
    assert 0 <= low[0] <= auc <= high[0] <= 1
    assert high[0] - low[0] > 0


@given(st.floats(0, 1), SIZES, SIZES)
def test_to_find_the_no_is_to_find_the_yes(auc: float, yes: int, no: int) -> None:
    low, high = newcombe(np.array([auc]), np.array([yes]), np.array([no]))
    mirrored = newcombe(np.array([1 - auc]), np.array([no]), np.array([yes]))
    assert (1 - high[0], 1 - low[0]) == pytest.approx((mirrored[0][0], mirrored[1][0]), abs=1e-9)


def test_more_rows_know_more() -> None:
    sizes = np.array([5, 50, 500, 5000])
    low, high = newcombe(np.full(4, 0.8), sizes, sizes)
    assert (np.diff(high - low) < 0).all()
    assert (high - low)[-1] == pytest.approx(
        2 * 1.96 * np.sqrt(0.8 * 0.2 * (1 + 5000 * (0.2 / 1.2 + 0.8 / 1.8)) / 5000**2), rel=0.02
    )


def test_an_undefined_auc_has_no_interval() -> None:
    assert np.isnan(newcombe(np.array([np.nan]), np.array([1]), np.array([1]))).all()


@pytest.mark.parametrize(("yes", "no", "apart"), [(15, 200, 1.0), (40, 40, 2.5), (150, 150, 0.2)])
def test_it_covers_the_truth_about_as_often_as_it_says(yes: int, no: int, apart: float) -> None:
    # Of two normals whose means lie `apart` standard deviations apart.
    truth = NormalDist().cdf(apart / np.sqrt(2))
    generator, draws = np.random.default_rng(0), 2_000
    positive = apart + generator.normal(size=(draws, yes, 1))
    aucs = np.array([(one > generator.normal(size=no)).mean() for one in positive])
    low, high = newcombe(aucs, np.full(draws, yes), np.full(draws, no))
    assert 0.93 <= np.mean((low <= truth) & (truth <= high)) <= 0.98
