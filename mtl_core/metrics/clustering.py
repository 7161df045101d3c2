"""Clustering metrics, with and without known classes.

Predictions are (rows, clusters) probabilities; the cluster of a row is its most probable one.
"""

from dataclasses import dataclass

import numpy as np

from mtl_core.metrics.base import Array, Metric, WeightedValue, needs_two_classes


@dataclass(frozen=True, kw_only=True)
class NormalisedMutualInformation(Metric):
    """Mutual information of classes and clusters, divided by the mean of their entropies.

    It is 1 where they are the same partition, 0 where they are independent. Undefined where the labels hold one class
    only.
    """

    name: str = "nmi"
    higher_is_better: bool = True

    def undefined(self, labels: Array) -> str:
        return super().undefined(labels) or needs_two_classes(labels)

    def weighted(self, labels: Array, predictions: Array) -> WeightedValue:
        classes, indices = np.unique(labels, return_inverse=True)
        clusters = predictions.shape[1]
        cells = indices * clusters + predictions.argmax(axis=1)

        def value(weights: Array) -> float:
            table = np.bincount(cells, weights, minlength=len(classes) * clusters).reshape(-1, clusters)
            joint = table / table.sum()
            class_entropy, cluster_entropy = _entropy(joint.sum(axis=1)), _entropy(joint.sum(axis=0))
            if not class_entropy:
                return float("nan")
            mutual_information = class_entropy + cluster_entropy - _entropy(joint)
            return float(np.clip(2 * mutual_information / (class_entropy + cluster_entropy), 0, 1))

        return value


@dataclass(frozen=True, kw_only=True)
class Silhouette(Metric):
    """The simplified silhouette (Hruschka, de Castro and Campello 2004; SSWC in Vendramin, Campello and Hruschka 2010).

    Per row 1 - a / b, with a and b its dissimilarities from the nearest and the second nearest centroid: 0 halfway
    between two clusters, near 1 on a centroid far from all others. The dissimilarity is 1 + ||z - mu||^2: under a
    Student t kernel with one degree of freedom a / b is then the second highest probability divided by the highest, so
    that predictions alone suffice. 0 where all rows are in one cluster.
    """

    name: str = "silhouette"
    higher_is_better: bool = True

    def weighted(self, labels: Array, predictions: Array) -> WeightedValue:
        second, first = np.partition(predictions.astype(np.float64), -2, axis=1)[:, -2:].T
        rows, clusters = 1 - second / first, predictions.argmax(axis=1)

        def value(weights: Array) -> float:
            occupied = np.bincount(clusters, weights) > 0
            return float(np.average(rows, weights=weights)) if occupied.sum() > 1 else 0.0

        return value


def _entropy(shares: Array) -> float:
    positive = shares[shares > 0]
    return float(-(positive * np.log(positive)).sum()) if positive.size > 1 else 0.0
