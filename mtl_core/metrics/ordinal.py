"""Metrics of ordered classes: (rows,) indices against (rows, classes) probabilities."""

from dataclasses import dataclass

import numpy as np

from mtl_core.metrics.base import Array, Metric, RowMean, WeightedValue


def _ranked_probability(labels: Array, predictions: Array) -> Array:
    at_most = predictions.astype(np.float64).cumsum(axis=1)[:, :-1]  # (rows, classes - 1)
    occurred = np.arange(at_most.shape[1]) >= labels[:, None]
    return np.asarray(np.square(at_most - occurred).mean(axis=1))


def _steps(labels: Array, predictions: Array) -> Array:
    return np.asarray(np.abs(predictions.argmax(axis=1) - labels.astype(np.int64)))


@dataclass(frozen=True, kw_only=True)
class WeightedKappa(Metric):
    """Quadratically weighted kappa (Cohen 1968).

    Under quadratic weights the disagreement expected by chance has a closed form in means and variances.
    """

    name: str = "weighted_kappa"
    higher_is_better: bool = True
    of_decision: bool = True

    def weighted(self, labels: Array, predictions: Array) -> WeightedValue:
        all_true, all_predicted = labels.astype(np.float64), predictions.argmax(axis=1).astype(np.float64)

        def value(weights: Array) -> float:
            rows = weights > 0
            true, predicted, row_weights = all_true[rows], all_predicted[rows], weights[rows]
            if len(np.union1d(true, predicted)) < 2:
                return float("nan")  # a single class, on which chance cannot disagree
            means = [np.average(values, weights=row_weights) for values in (true, predicted)]
            variances = np.average(np.square(true - means[0]) + np.square(predicted - means[1]), weights=row_weights)
            disagreement = np.average(np.square(true - predicted), weights=row_weights)
            return float(1 - disagreement / (variances + np.square(means[0] - means[1])))

        return value


RANKED_PROBABILITY_SCORE = RowMean(name="ranked_probability_score", higher_is_better=False, rows=_ranked_probability)
"""Epstein 1969, divided by the number of thresholds, hence between 0 and 1."""
STEPS_MAE = RowMean(name="mae", higher_is_better=False, of_decision=True, unit="steps", rows=_steps)
