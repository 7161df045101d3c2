"""Decision thresholds: the best one by brute force, ties, probabilities that are not finite, and metrics."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as peers

from mtl_core.tasks.decisions import DEFAULT_THRESHOLD, Maximize, MinPrecision, MinRecall, best_threshold
from tests.strategies import patient
from tests.tasks.declared import fit_objective, task

PEERS: dict[str, Any] = {
    "f1": peers.f1_score,
    "accuracy": peers.accuracy_score,
    "balanced_accuracy": peers.balanced_accuracy_score,
}
ROWS = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.0, 1e-30, 0.1, 0.25, 0.5, 0.5000001, 0.75, 1.0]) | st.floats(0, 1)),
    min_size=2,
    max_size=14,
)


def to_arrays(rows: list[tuple[bool, float]]) -> tuple[Any, Any]:
    labels, probabilities = zip(*rows, strict=True)
    return np.array(labels, dtype=np.int8), np.array(probabilities, dtype=np.float32)


def every_threshold(probabilities: Any) -> list[Any]:
    """A threshold for each decision that thresholds from 0 to 1 can make."""
    return [*np.unique(probabilities), *([np.float32(1)] if probabilities.max() < 1 else [])]


@given(rows=ROWS, name=st.sampled_from(list(PEERS)))
@patient
def test_no_threshold_has_a_higher_score(rows: list[tuple[bool, float]], name: Any) -> None:
    labels, probabilities = to_arrays(rows)
    threshold = best_threshold(Maximize(maximize=name), labels, probabilities)
    assert 0 <= threshold <= 1
    assert threshold == float(str(np.float32(threshold))), "exact in float32 and JSON"
    if len(set(labels.tolist())) < 2:
        assert threshold == DEFAULT_THRESHOLD
        return
    best = max(PEERS[name](labels, probabilities >= other) for other in every_threshold(probabilities))
    assert PEERS[name](labels, probabilities >= np.float32(threshold)) == pytest.approx(best, abs=1e-12)


@given(rows=ROWS, minimum=st.sampled_from([0.2, 0.5, 0.75, 0.9, 1.0]), is_precision=st.booleans())
@patient
def test_a_threshold_with_a_minimum_of_one_score_has_the_maximum_of_the_other(
    rows: list[tuple[bool, float]], minimum: float, is_precision: bool
) -> None:
    labels, probabilities = to_arrays(rows)
    if len(set(labels.tolist())) < 2:
        return

    def scores(threshold: Any) -> tuple[float, float]:
        """The score with a minimum, and the other one."""
        precision = float(peers.precision_score(labels, probabilities >= threshold, zero_division=0))
        recall = float(peers.recall_score(labels, probabilities >= threshold))
        return (precision, recall) if is_precision else (recall, precision)

    candidates = [scores(threshold) for threshold in every_threshold(probabilities)]
    rule = MinPrecision(precision=minimum) if is_precision else MinRecall(recall=minimum)
    limited, other = scores(np.float32(best_threshold(rule, labels, probabilities)))
    sufficient = [pair for pair in candidates if pair[0] >= minimum]
    if sufficient:
        assert limited >= minimum
        assert other == max(pair[1] for pair in sufficient)
    else:
        assert is_precision, "a recall of 1 is always possible"
        assert limited == max(pair[0] for pair in candidates)


@pytest.mark.parametrize(
    ("labels", "probabilities", "expected"),
    [
        ([0, 1], [0.2, 0.4], 0.3),  # halfway between the two
        ([0, 1], [0.2, 0.9], 0.5),  # 0.5 if it lies between them
        ([1, 0], [0.4, 0.4], 0.5),  # every decision has the same accuracy: the nearest to 0.5
        ([0, 1, 0, 1], [0.1, 0.4, 0.7, 0.9], 0.25),  # 0.25 and 0.8 have the same accuracy: the nearer to 0.5
        ([0, 0, 1], [0.6, 0.7, 0.8], 0.75),
        ([1, 1, 1], [0.1, 0.2, 0.3], 0.5),
        ([0, 1], [0.2, np.nan], 0.5),
        ([0, 1], [0.2, np.inf], 0.5),
        ([0, 0, 0, 1], [0.0, 0.0, 0.0, 0.0], 0.5),
    ],
)
def test_gaps_ties_and_undefined_values(labels: list[int], probabilities: list[float], expected: float) -> None:
    threshold = best_threshold(Maximize(maximize="accuracy"), np.array(labels), np.array(probabilities, np.float32))
    assert threshold == pytest.approx(expected, abs=1e-7)


def test_a_threshold_separates_neighbours_in_float32() -> None:
    low = np.float32(0.3)
    high = np.nextafter(low, np.float32(1))
    assert np.float32(best_threshold(Maximize(maximize="f1"), np.array([0, 1]), np.array([low, high]))) == high


DECLARED = [0.0, 0.3, 1, {"maximize": "f1"}, {"precision": 0.9}, {"recall": 1}]


@pytest.mark.parametrize("kind", ["binary", "multilabel"])
@pytest.mark.parametrize("threshold", DECLARED)
def test_a_declared_threshold_is_in_the_signature(kind: str, threshold: Any) -> None:
    column = pa.array([0, 1, 1] if kind == "binary" else ["a|b", "b", "a"])
    needed = {} if kind == "binary" else {"min_count": 1}
    declared = fit_objective(task(kind, threshold=threshold, **needed), column)
    plain = fit_objective(task(kind, **needed), column)
    initial = 0.5 if isinstance(threshold, dict) else float(threshold)
    entry = {"threshold": initial} if kind == "binary" else {"thresholds": [initial, initial]}
    assert declared.signature() == plain.signature() | entry
    tuned = declared.with_thresholds((0.25, 0.75)[: declared.outputs])
    assert {**tuned.signature(), **entry} == declared.signature(), "they differ only in the threshold"
    assert tuned.signature() != declared.signature()
    assert declared.thresholds == (initial,) * declared.outputs, "the original is unchanged"


def test_metrics_use_the_threshold() -> None:
    labels, probabilities = np.array([1, 1, 0, 0], dtype=np.int8), np.array([0.9, 0.4, 0.3, 0.1], dtype=np.float32)
    plain, declared = task("binary"), fit_objective(task("binary", threshold={"maximize": "f1"}), pa.array([0, 1]))
    assert {metric.name for metric in declared.metrics} - {metric.name for metric in plain.metrics} == {
        *("accuracy", "balanced_accuracy", "f1", "precision", "recall")
    }
    for threshold, recall, precision in ((0.5, 0.5, 1.0), (0.35, 1.0, 1.0), (0.3, 1.0, 2 / 3), (0.95, 0.0, np.nan)):
        values = {
            metric.name: metric(labels, probabilities) for metric in declared.with_thresholds((threshold,)).metrics
        }
        np.testing.assert_allclose([values["recall"], values["precision"]], [recall, precision])
    flags = fit_objective(task("multilabel", min_count=1, threshold=0.3), pa.array(["a|b", "b", "a"]))
    predictions, classes = np.stack([probabilities] * 2, axis=1), np.stack([labels] * 2, axis=1)
    micro = {
        cut: flags.with_thresholds(cut).metrics[2](classes, predictions)
        for cut in ((0.5, 0.5), (0.35, 0.35), (0.5, 0.05))
    }
    assert micro == pytest.approx({(0.5, 0.5): 4 / 6, (0.35, 0.35): 1.0, (0.5, 0.05): 6 / 9})


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.9])
def test_metrics_for_early_stopping_are_defined_for_the_baseline(threshold: float) -> None:
    """A gate compares a task with its baseline in that metric, and an undefined comparison fails."""
    labels, prior = np.array([0, 0, 1, 0, 0]), np.full(5, 0.2, dtype=np.float32)
    metrics = [metric for metric in task("binary", threshold=threshold).metrics if not metric.unsuitable]
    assert np.isfinite([metric(labels, prior) for metric in metrics]).all()
