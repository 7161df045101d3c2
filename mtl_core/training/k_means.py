"""k-means (Lloyd 1982) with k-means++ initialisation (Arthur and Vassilvitskii 2007), bit-identical in every run."""

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped] # without annotations


def k_means(
    points: NDArray[np.float64], counts: NDArray[np.float64], clusters: int, restarts: int, *, seed: int
) -> NDArray[np.float64]:
    """(n, d) points, (n,) weights -> (clusters, d) means, the best of `restarts` runs."""
    from sklearn.cluster import KMeans  # slow to import

    with threadpool_limits(1):  # with several threads the order of summation varies
        fitted = KMeans(clusters, n_init=restarts, random_state=seed).fit(points, sample_weight=counts)
    return np.asarray(fitted.cluster_centers_)
