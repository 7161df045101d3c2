"""Map of the tasks: their vectors in a trained trunk `task_vectors`, scaled to the plane."""

from itertools import combinations
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtl_core.model import Network
from mtl_core.studies.relatedness.record import Pairs, Vectors
from mtl_core.trunks.task_vectors import TaskVectorsTrunk

Array = NDArray[Any]


def vectors_of(network: Network) -> Vectors:
    """Vectors of a network whose trunk is `task_vectors`."""
    assert isinstance(network.trunk, TaskVectorsTrunk)
    points = np.stack([vector.detach().double().numpy() for vector in network.trunk.vectors])  # (tasks, vector)
    distances = np.sqrt(((points[:, None] - points) ** 2).sum(axis=2))
    pairs: Pairs = {}
    for a, b in combinations(range(len(points)), 2):
        pairs.setdefault(network.tasks[a], {})[network.tasks[b]] = float(distances[a, b])
    coordinates = zip(network.tasks, classical_scaling(distances).tolist(), strict=True)
    return Vectors(distances=pairs, map={task: (x, y) for task, (x, y) in coordinates})


def classical_scaling(distances: Array) -> Array:
    """(n, n) distances -> (n, 2) points whose distances approximate them.

    Source: Torgerson 1952, "Multidimensional scaling: I. Theory and method", Psychometrika.

    The first axis has the larger spread. On each axis the point farthest from the mean has a positive coordinate.
    """
    count = len(distances)
    centring = np.eye(count) - 1 / count
    eigenvalues, axes = np.linalg.eigh(-0.5 * centring @ distances**2 @ centring)  # ascending
    points: Array = axes[:, :-3:-1] * np.sqrt(np.clip(eigenvalues[:-3:-1], 0.0, None))
    # Of points that are equally far up to rounding, the first.
    farthest = (np.abs(points) >= np.abs(points).max(axis=0) * (1 - 1e-9)).argmax(axis=0)
    return points * np.where(points[farthest, [0, 1]] < 0, -1.0, 1.0)
