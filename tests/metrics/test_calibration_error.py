"""Expected calibration error: its definition, independence of the order of rows, calibrated probabilities."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mtl_core.metrics.calibration import BINARY_ECE, MULTILABEL_ECE, TOP_LABEL_ECE
from tests.strategies import patient


def by_definition(labels: Any, predictions: Any) -> float:
    """Row by row, ranked by probability; equal probabilities have the rank of the first of them."""
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
def test_it_equals_its_definition_in_any_order_of_rows(seed: int, rows: int, values: int) -> None:
    random = np.random.default_rng(seed)
    predictions = (random.integers(0, values + 1, rows) / values).astype(np.float32)
    labels = random.integers(0, 2, rows).astype(np.int8)
    expected, order = by_definition(labels, predictions), random.permutation(rows)
    assert BINARY_ECE(labels, predictions) == pytest.approx(expected, abs=1e-12)
    assert BINARY_ECE(labels[order], predictions[order]) == pytest.approx(expected, abs=1e-12)


def test_it_is_near_0_for_calibrated_probabilities_and_the_shift_for_others() -> None:
    random = np.random.default_rng(0)
    calibrated = random.uniform(0.3, 0.7, 30_000).astype(np.float32)
    labels = (random.random(30_000) < calibrated).astype(np.int8)
    assert BINARY_ECE(labels, calibrated) < 0.015
    assert BINARY_ECE(labels, calibrated + np.float32(0.2)) == pytest.approx(0.2, abs=0.015)


def test_fewer_than_200_rows_share_one_bin() -> None:
    """Errors of single rows then cancel, as for a constant prediction of any number of rows."""
    predictions = np.linspace(0, 1, 199, dtype=np.float32)
    assert BINARY_ECE((predictions < 0.5).astype(np.int8), predictions) < 0.003
    predictions = np.linspace(0, 1, 200, dtype=np.float32)
    assert BINARY_ECE((predictions < 0.5).astype(np.int8), predictions) == pytest.approx(0.75, abs=0.003)
    assert BINARY_ECE(np.arange(5_000) % 4 == 0, np.full(5_000, 0.25, np.float32)) == 0


def test_for_classes_it_is_that_of_the_most_probable_class() -> None:
    labels = np.array([0, 1, 1], dtype=np.int16)
    predictions = np.array([[0.7, 0.2, 0.1], [0.1, 0.8, 0.1], [0.6, 0.3, 0.1]], dtype=np.float32)
    assert TOP_LABEL_ECE(labels, predictions) == pytest.approx((0.7 + 0.8 + 0.6) / 3 - 2 / 3, abs=1e-6)


def test_for_multilabel_rows_it_is_that_of_all_known_labels() -> None:
    random = np.random.default_rng(1)
    labels = random.integers(-1, 2, (300, 3)).astype(np.int8)
    labels[:, 0] = np.maximum(labels[:, 0], 0)  # each row has a known label
    predictions = random.random((300, 3)).astype(np.float32)
    known = labels >= 0
    assert MULTILABEL_ECE(labels, predictions) == pytest.approx(BINARY_ECE(labels[known], predictions[known]))
    weights = random.integers(0, 3, 300).astype(float)
    rows = np.repeat(np.arange(300), weights.astype(int))
    weighted = MULTILABEL_ECE.weighted(labels, predictions)(weights)
    assert weighted == pytest.approx(MULTILABEL_ECE(labels[rows], predictions[rows]))


def test_weights_of_0_and_nan_are_undefined() -> None:
    labels, predictions = np.array([0, 1], dtype=np.int8), np.array([0.5, 0.5], dtype=np.float32)
    assert np.isnan(BINARY_ECE.weighted(labels, predictions)(np.zeros(2)))
    assert np.isnan(BINARY_ECE(labels, np.full(2, np.nan, np.float32)))
