"""Expected calibration error: equal to its definition, the same in any order of rows, small for honest numbers."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl_core.metrics.calibration import BINARY_ECE, MULTILABEL_ECE, TOP_LABEL_ECE
from tests.strategies import patient


def by_definition(labels: Any, predictions: Any) -> float:
    """Rows one by one, ranked by probability, equal ones at the rank of the first of them."""
    order = np.argsort(predictions, kind="stable")
    ranked, rows = predictions[order].astype(float), len(labels)
    bins = min(15, max(1, rows // 100))
    gaps = np.zeros(bins)
    for probability, label in zip(ranked, labels[order], strict=True):
        rank = int(np.flatnonzero(ranked == probability)[0])
        gaps[rank * bins // rows] += probability - label
    return float(np.abs(gaps).sum() / rows)


@given(seed=st.integers(0, 10_000), rows=st.integers(1, 700), values=st.sampled_from([1, 3, 20, 10_000]))
@patient
def test_it_equals_its_definition_whatever_the_order(seed: int, rows: int, values: int) -> None:
    random = np.random.default_rng(seed)
    predictions = (random.integers(0, values + 1, rows) / values).astype(np.float32)
    labels = random.integers(0, 2, rows).astype(np.int8)
    found = BINARY_ECE(labels, predictions)
    assert found == pytest.approx(by_definition(labels, predictions), abs=1e-12)
    order = random.permutation(rows)
    assert BINARY_ECE(labels[order], predictions[order]) == pytest.approx(found, abs=1e-12)


def test_it_is_small_for_honest_probabilities_and_the_distance_for_others() -> None:
    random = np.random.default_rng(0)
    honest = random.uniform(0.3, 0.7, 30_000).astype(np.float32)
    labels = (random.random(30_000) < honest).astype(np.int8)
    assert BINARY_ECE(labels, honest) < 0.015
    assert BINARY_ECE(labels, honest + np.float32(0.2)) == pytest.approx(0.2, abs=0.015)


def test_too_few_rows_for_two_bins_are_one() -> None:
    """Errors of single rows then cancel, as they do for a constant prediction on any number of rows."""
    predictions = np.linspace(0, 1, 199, dtype=np.float32)
    assert BINARY_ECE((predictions < 0.5).astype(np.int8), predictions) < 0.003
    twice = np.linspace(0, 1, 200, dtype=np.float32)
    assert BINARY_ECE((twice < 0.5).astype(np.int8), twice) == pytest.approx(0.75, abs=0.003)
    assert BINARY_ECE(np.arange(5_000) % 4 == 0, np.full(5_000, 0.25, np.float32)) == 0


def test_of_classes_it_is_the_likeliests() -> None:
    labels = np.array([0, 1, 1], dtype=np.int16)
    predictions = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.6, 0.3, 0.1]], dtype=np.float32)
    assert TOP_LABEL_ECE(labels, predictions) == pytest.approx((0.7 + 0.8 + 0.6) / 3 - 2 / 3, abs=1e-6)


def test_of_labels_it_is_of_all_known_ones_at_once() -> None:
    random = np.random.default_rng(1)
    labels = random.integers(-1, 2, (300, 3)).astype(np.int8)
    labels[:, 0] = np.maximum(labels[:, 0], 0)  # every row has one that is known
    predictions = random.random((300, 3)).astype(np.float32)
    known = labels >= 0
    assert MULTILABEL_ECE(labels, predictions) == pytest.approx(BINARY_ECE(labels[known], predictions[known]))
    weights = random.integers(0, 3, 300).astype(float)
    rows = np.repeat(np.arange(300), weights.astype(int))
    weighted = MULTILABEL_ECE.weighted(labels, predictions)(weights)
    assert weighted == pytest.approx(MULTILABEL_ECE(labels[rows], predictions[rows]))


def test_no_weight_and_no_number_are_undefined() -> None:
    labels, predictions = np.array([0, 1], dtype=np.int8), np.array([0.5, 0.5], dtype=np.float32)
    assert np.isnan(BINARY_ECE.weighted(labels, predictions)(np.zeros(2)))
    assert np.isnan(BINARY_ECE(labels, np.full(2, np.nan, np.float32)))
