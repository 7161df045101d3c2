"""Law: what is sorted once gives what scikit-learn gives for every weighting, with ties and rows without weight."""

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

AUC = Auc()
PRECISION = AveragePrecision()
F1 = MacroF1()
EXPLAINED = R2()

ROWS = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from([0.0, 0.1, 0.5, 0.5000001, 1.0]), st.integers(0, 3)),
    min_size=2,
    max_size=30,
)


@given(rows=ROWS)
@settings(max_examples=150, deadline=None)
def test_ranks(rows: list[tuple[int, float, int]]) -> None:
    labels, scores, weights = (np.array(values) for values in zip(*rows, strict=True))
    scores, heavy = scores.astype(np.float32), weights > 0
    yes, no = (heavy & (labels == answer) for answer in (1, 0))
    auc, precision = (
        metric.weighted(labels.astype(np.int8), scores)(weights.astype(float)) for metric in (AUC, PRECISION)
    )
    kept: Any = (labels[heavy], scores[heavy])
    if yes.any():
        peer = peers.average_precision_score(*kept, sample_weight=weights[heavy])
        assert precision == pytest.approx(peer, abs=1e-12)
    else:
        assert math.isnan(precision)
    if yes.any() and no.any():
        assert auc == pytest.approx(peers.roc_auc_score(*kept, sample_weight=weights[heavy]), abs=1e-12)
    else:
        assert math.isnan(auc)


@given(rows=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.integers(0, 2)), min_size=1, max_size=20))
@settings(max_examples=80, deadline=None)
def test_f1_of_the_classes_that_are_there(rows: list[tuple[int, int, int]]) -> None:
    labels, chosen, weights = (np.array(values) for values in zip(*rows, strict=True))
    found = F1.weighted(labels.astype(np.int16), np.eye(4)[chosen])(weights.astype(float))
    heavy = weights > 0
    if not heavy.any():
        assert math.isnan(found)
        return
    peer = peers.f1_score(labels[heavy], chosen[heavy], average="macro", sample_weight=weights[heavy], zero_division=0)
    assert found == pytest.approx(peer, abs=1e-12)


@pytest.mark.parametrize(
    ("labels", "predictions", "expected"),
    [([2.0, 2.0], [2.0, 2.0], 1.0), ([2.0, 2.0], [2.0, 3.0], 0.0), ([1.0, 3.0], [2.0, 2.0], 0.0), ([1.0], [1.0], None)],
    ids=["nothing varies and exact", "nothing varies", "the mean", "one row"],
)
def test_r2_at_its_borders(labels: list[float], predictions: list[float], expected: float | None) -> None:
    found = EXPLAINED(np.array(labels, dtype=np.float32), np.array(predictions, dtype=np.float32))
    assert math.isnan(found) if expected is None else found == expected
