"""Soft targets of unsupervised tasks, computed from their own predictions before every epoch."""

from collections.abc import Collection
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped] # without annotations

from mtl_core.data.encoded import EncodedSplit
from mtl_core.distillation.soft_targets import SoftTargets
from mtl_core.model import Network
from mtl_core.model.head import Head
from mtl_core.model.inference import CHUNK_ROWS, logits_of
from mtl_core.tasks import UnsupervisedObjective

MAX_SAMPLE_ROWS = 20_000
"""Maximum number of rows from which the initial parameters of a task are computed."""


def unsupervised_targets(
    network: Network, split: EncodedSplit, *, epoch: int, seed: int, excluded: Collection[str] = ()
) -> dict[str, SoftTargets]:
    """The soft targets in that epoch of every unsupervised task that has started, predicted by the network.

    In a task's first epoch its initial parameters are set before. Targets depend on the network and the seed alone, so
    that a resumed training computes the same ones. Memory: several times rows x outputs numbers.

    Args:
        excluded: tasks that are paused or distilled.
    """
    started = {
        position: task
        for position, task in enumerate(network.objectives)
        if isinstance(task, UnsupervisedObjective) and task.start_epoch <= epoch and task.name not in excluded
    }
    if not started:
        return {}
    network.eval()
    for position, task in started.items():
        if task.start_epoch == epoch:
            _initialise(network, position, task, split, seed)
    logits = {task.name: torch.empty(len(split), task.outputs) for task in started.values()}
    for rows, batch_logits in logits_of(network, split):
        for name, task_logits in logits.items():
            task_logits[rows] = batch_logits[name]
    return {
        task.name: SoftTargets(logits=task.target_logits(logits[task.name], split.weights.get(task.name)))
        for task in started.values()
    }


def _initialise(network: Network, position: int, task: UnsupervisedObjective, split: EncodedSplit, seed: int) -> None:
    """Set the initial parameters of a task, from a sample of at most MAX_SAMPLE_ROWS rows."""
    generator, head = np.random.default_rng(seed), network.heads[position]
    assert isinstance(head, Head)
    sample = np.sort(generator.choice(len(split), size=min(MAX_SAMPLE_ROWS, len(split)), replace=False))
    weights, inputs = split.weights.get(task.name), []
    with torch.inference_mode():
        for rows in torch.split(torch.from_numpy(sample), CHUNK_ROWS):
            inputs.append(head.hidden(network.represent(split.take(rows).inputs)[position]))
        sample_weights = None if weights is None else weights.index_select(0, torch.from_numpy(sample))
        parameters = task.initial_parameters(head.last, torch.cat(inputs), sample_weights, partial(k_means, seed=seed))
    head.last.load_state_dict({**head.last.state_dict(), **parameters})


def k_means(
    points: NDArray[np.float64], counts: NDArray[np.float64], clusters: int, restarts: int, *, seed: int
) -> NDArray[np.float64]:
    """(n, d) points, (n,) weights -> (clusters, d) means, the best of `restarts` runs; bit-identical in every run.

    k-means (Lloyd 1982) with k-means++ initialisation (Arthur and Vassilvitskii 2007).
    """
    from sklearn.cluster import KMeans  # slow to import

    with threadpool_limits(1):  # with several threads the order of summation varies
        fitted = KMeans(clusters, n_init=restarts, random_state=seed).fit(points, sample_weight=counts)
    return np.asarray(fitted.cluster_centers_)
