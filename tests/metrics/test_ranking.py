"""Metrics that sort once equal scikit-learn's for all weights, with ties and rows of weight 0."""

import math
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as peers

from mtl_core.metrics.classification import MacroF1
from mtl_core.metrics.ranking import Auc, AveragePrecision
from mtl_core.metrics.regression import R2

ROWS = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.1, 0.5, 0.5000001, 1.0]), st.integers(0, 3)),
    min_size=2,
    max_size=30,
)


@given(rows=ROWS)
@settings(max_examples=150, deadline=None)
def test_auc_and_average_precision(rows: list[tuple[int, float, int]]) -> None:
    labels, scores, weights = (np.array(values) for values in zip(*rows, strict=True))
    scores, has_weight = scores.astype(np.float32), weights > 0
    auc, precision = (
        metric.weighted(labels.astype(np.int8), scores)(weights) for metric in (Auc(), AveragePrecision())
    )
    arguments: Any = (labels[has_weight], scores[has_weight])
    classes = set(labels[has_weight].tolist())
    if 1 in classes:
        expected = peers.average_precision_score(*arguments, sample_weight=weights[has_weight])
        assert precision == pytest.approx(expected, abs=1e-12)
    else:
        assert math.isnan(precision)
    if classes == {0, 1}:
        assert auc == pytest.approx(peers.roc_auc_score(*arguments, sample_weight=weights[has_weight]), abs=1e-12)
    else:
        assert math.isnan(auc)


@given(rows=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=20))
@settings(max_examples=80, deadline=None)
def test_macro_f1_of_the_classes_that_occur(rows: list[tuple[int, int, int]]) -> None:
    labels, predicted, weights = (np.array(values) for values in zip(*rows, strict=True))
    value = MacroF1().weighted(labels.astype(np.int16), np.eye(4)[predicted])(weights)
    has_weight = weights > 0
    if not has_weight.any():
        assert math.isnan(value)
        return
    arguments = (labels[has_weight], predicted[has_weight])
    expected = peers.f1_score(*arguments, average="macro", sample_weight=weights[has_weight], zero_division=0)
    assert value == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize(
    ("labels", "predictions", "expected"),
    [
        ([2.0, 2.0], [2.0, 2.0], 1.0),
        ([2.0, 2.0], [2.0, 3.0], 0.0),
        ([1.0, 3.0], [2.0, 2.0], 0.0),
        ([1.0], [1.0], math.nan),
    ],
    ids=["constant labels, exact", "constant labels", "the mean", "one row"],
)
def test_r2_at_its_limits(labels: list[float], predictions: list[float], expected: float) -> None:
    value = R2()(np.array(labels, dtype=np.float32), np.array(predictions, dtype=np.float32))
    np.testing.assert_equal(value, expected)
