"""Clustering metrics: scikit-learn and definitions, weights, permutations and limits."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import normalized_mutual_info_score

from mtl_core.metrics import Metric
from mtl_core.metrics.clustering import NormalisedMutualInformation, Silhouette
from tests.strategies import patient

METRICS: dict[str, Metric] = {"nmi": NormalisedMutualInformation(), "silhouette": Silhouette()}


def sample(seed: int, rows: int = 30, classes: int = 3) -> tuple[Any, Any]:
    """Labels, and probabilities that depend on them; every class and cluster has a row."""
    random = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(classes), random.integers(0, classes, rows - classes)]).astype(np.int16)
    predictions = random.dirichlet(np.ones(4), rows)
    predictions[np.arange(rows), labels % 4] += random.integers(0, 2, rows)
    predictions[:4] = np.eye(4) + 0.1
    return labels, (predictions / predictions.sum(axis=1, keepdims=True)).astype(np.float32)


@pytest.mark.parametrize("seed", range(5))
def test_nmi_equals_scikit_learns(seed: int) -> None:
    labels, predictions = sample(seed)
    expected = normalized_mutual_info_score(labels, predictions.argmax(axis=1))
    assert 0 < expected < 1
    assert METRICS["nmi"](labels, predictions) == pytest.approx(expected)


@pytest.mark.parametrize(("clusters", "value"), [([0, 1, 2, 2], 1), ([3, 0, 1, 1], 1), ([2, 2, 2, 2], 0)], ids=str)
def test_nmi_at_its_limits(clusters: list[int], value: float) -> None:
    labels, predictions = np.array([0, 1, 2, 2], dtype=np.int16), np.eye(4, dtype=np.float32)[clusters]
    assert METRICS["nmi"](labels, predictions) == pytest.approx(value, abs=1e-12)
    assert np.isnan(METRICS["nmi"](labels * 0, predictions)), "a single class"


@given(seed=st.integers(0, 1_000))
@patient
def test_silhouette_equals_its_definition_on_points(seed: int) -> None:
    """With the probabilities of a Student t kernel."""
    random = np.random.default_rng(seed)
    points, centroids = random.normal(size=(20, 1, 3)), random.normal(size=(4, 3))
    dissimilarities = 1 + np.square(points - centroids).sum(axis=2)
    nearest, second = np.sort(dissimilarities, axis=1)[:, :2].T
    predictions = 1 / dissimilarities / (1 / dissimilarities).sum(axis=1, keepdims=True)
    expected = np.mean((second - nearest) / np.maximum(nearest, second))
    assert METRICS["silhouette"](np.zeros(20), predictions) == pytest.approx(expected)


def test_silhouette_at_its_limits() -> None:
    labels = np.zeros(3, dtype=np.int16)
    certain = np.eye(4, dtype=np.float32)[[0, 1, 2]]
    halfway = np.array([[0.5, 0.5, 0, 0], [0, 0.5, 0.5, 0], [0, 0, 0.5, 0.5]])
    assert METRICS["silhouette"](labels, certain) == 1
    assert METRICS["silhouette"](labels, halfway) == 0
    assert METRICS["silhouette"](labels, certain[[0, 0, 0]]) == 0, "a single cluster"
    assert METRICS["silhouette"].weighted(labels, certain)(np.array([2.0, 0, 0])) == 0
    assert METRICS["silhouette"].weighted(labels, certain)(np.array([2.0, 1, 0])) == 1


@pytest.mark.parametrize("name", METRICS)
@given(seed=st.integers(0, 1_000))
@patient
def test_a_weight_counts_like_that_many_rows(name: str, seed: int) -> None:
    labels, predictions = sample(seed, rows=6)
    weights = np.random.default_rng(seed).multinomial(6, np.full(6, 1 / 6)).astype(float)
    repeated = np.repeat(np.arange(6), weights.astype(int))
    expected = METRICS[name](labels[repeated], predictions[repeated])
    assert METRICS[name].weighted(labels, predictions)(weights) == pytest.approx(expected, abs=1e-9, nan_ok=True)


@pytest.mark.parametrize("name", METRICS)
def test_metrics_do_not_depend_on_the_order_of_clusters(name: str) -> None:
    labels, predictions = sample(0)
    value = METRICS[name](labels, predictions)
    assert METRICS[name](labels, predictions[:, [2, 0, 3, 1]]) == pytest.approx(value)
    assert METRICS[name].higher_is_better
    assert np.isnan(METRICS[name](labels[:0], predictions[:0]))


@pytest.mark.parametrize("name", METRICS)
def test_metrics_of_uniform_probabilities_are_0(name: str) -> None:
    labels, _ = sample(0)
    assert METRICS[name](labels, np.full((len(labels), 4), 0.25, dtype=np.float32)) == 0
