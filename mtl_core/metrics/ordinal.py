"""Metrics of ordered classes: (rows,) indices against (rows, classes) probabilities."""

import numpy as np

from mtl_core.metrics.base import Array, RowMean, Weighted


def _ranked_probability(labels: Array, predictions: Array) -> Array:
    at_most = predictions.astype(np.float64).cumsum(axis=1)[:, :-1]  # (rows, classes - 1)
    happened = np.arange(at_most.shape[1]) >= labels[:, None]
    return np.asarray(np.square(at_most - happened).mean(axis=1))


def _steps(labels: Array, predictions: Array) -> Array:
    return np.asarray(np.abs(predictions.argmax(axis=1) - labels.astype(np.int64)))


def _weighted_kappa(labels: Array, predictions: Array, weights: Array | None) -> float:
    """With quadratic weights the disagreement expected by chance has a closed form in means and variances."""
    known, predicted = labels.astype(np.float64), predictions.argmax(axis=1).astype(np.float64)
    if weights is not None:
        known, predicted, weights = known[weights > 0], predicted[weights > 0], weights[weights > 0]
    if len(np.union1d(known, predicted)) < 2:
        return float("nan")  # one class and nothing else: chance cannot disagree
    means = [np.average(values, weights=weights) for values in (known, predicted)]
    spread = np.average(np.square(known - means[0]) + np.square(predicted - means[1]), weights=weights)
    apart = np.average(np.square(known - predicted), weights=weights)
    return float(1 - apart / (spread + np.square(means[0] - means[1])))


RANKED_PROBABILITY_SCORE = RowMean(name="ranked_probability_score", higher_is_better=False, rows=_ranked_probability)
"""Epstein 1969, divided by the number of thresholds, hence between 0 and 1."""
STEPS_MAE = RowMean(name="mae", higher_is_better=False, of_decision=True, unit="steps", rows=_steps)
WEIGHTED_KAPPA = Weighted(name="weighted_kappa", higher_is_better=True, of_decision=True, function=_weighted_kappa)
"""Cohen 1968, with quadratic weights."""
