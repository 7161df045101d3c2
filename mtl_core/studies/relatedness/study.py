"""Relatedness of tasks: gradients measured in joint training, and the vectors that a trunk of task vectors learns."""

import time
from collections.abc import Callable, Iterable
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mtl_core.config import Problem, RelatednessOptions
from mtl_core.config.trunks import TaskVectors
from mtl_core.data.encoder import Encoder
from mtl_core.errors import ProblemError, TrainingError
from mtl_core.frozen import Frozen
from mtl_core.model import Network
from mtl_core.studies.arms import Splits
from mtl_core.studies.grouping import Grouping, groupings
from mtl_core.studies.progress import NamedProgress
from mtl_core.studies.provenance import Provenance
from mtl_core.training import Epoch, TrainingResult, train
from mtl_core.training.history import Relations
from mtl_core.trunks.task_vectors import TaskVectorsTrunk

Array = NDArray[Any]
Pairs = dict[str, dict[str, float]]
OnEpoch = Callable[[str, Epoch], None]
"""Hears of every epoch, and of which training: `joint` or `vectors`."""


class Vectors(Frozen):
    """Distances and map of the tasks' vectors of a trained trunk `task_vectors`."""

    distances: Pairs
    """Task -> a later task -> the Euclidean distance of their vectors."""
    map: dict[str, tuple[float, float]]
    """Task -> its place in the plane, by classical scaling of the distances."""


class Relatedness(Frozen):
    """The study's file."""

    made: Provenance
    tasks: tuple[str, ...]
    affinity: Pairs
    """Source -> target -> the mean share of its loss that the target loses by a step for the source alone."""
    cosine: Pairs
    """Task -> a later task -> the mean cosine of their gradients on what they share."""
    groupings: tuple[Grouping, ...]
    """For 1, 2, ... networks; a pair without an affinity counts as 0."""
    vectors: Vectors | None
    """None where no trunk of task vectors was trained."""
    probes: int
    """Batches that were looked at."""
    seconds: float
    """Processor time of the joint training, as far as it ran now."""


def check_relatable(problem: Problem) -> None:
    """ProblemError where the problem has one task, or a trunk that shares nothing."""
    if len(problem.tasks) < 2:
        raise ProblemError(
            f"tasks: relating needs two at least, found {', '.join(problem.tasks)} alone; declare another task"
        )
    if problem.model.trunk.separate_inputs:
        raise ProblemError(
            f"model.trunk.kind: relating needs a trunk that shares something, found {problem.model.trunk.kind}; "
            "declare another, as shared_bottom"
        )


def relate(
    problem: Problem,
    encoder: Encoder,
    splits: Splits,
    folder: Path,
    made: Provenance,
    *,
    every: int,
    vectors: bool,
    on_epoch: OnEpoch = lambda training, epoch: None,
    on_step: Callable[[int, int], None] = lambda step, steps: None,
) -> Relatedness:
    """Train the declared problem, measuring its gradients at every `every`th step.

    Where `vectors` is set it trains once more, with a trunk `task_vectors` of the declared widths and dropout; not
    twice where that is the declared trunk.

    Each training goes on from its folder below `folder` after a kill. Heads are not refitted: that tells nothing here.

    Raises:
        ProblemError: there is nothing to relate; see `check_relatable`.
        TrainingError: the training had fewer than `every` steps.
    """
    check_relatable(problem)
    looks = RelatednessOptions(every=every, affinity=True)
    joint = problem.model_copy(
        update={"training": problem.training.model_copy(update={"relatedness": looks, "finetune_heads": None})}
    )

    def trained(name: str, declared: Problem) -> tuple[Network, TrainingResult]:
        return train(
            *(declared, encoder, splits.train, splits.validation, folder / name),
            NamedProgress(name, on_epoch, on_step),
        )

    began = time.process_time()
    network, outcome = trained("joint", joint)
    seconds = time.process_time() - began
    relations = mean_relations([epoch.relatedness for epoch in outcome.epochs])
    if not relations.affinities:
        steps = len(outcome.epochs) * outcome.budget.steps_per_epoch
        raise TrainingError(
            f"--every {every}: must be so few steps that a look falls into the training after its first step, found a "
            f"training of {steps}; look more often, or train longer"
        )
    if vectors and not isinstance(problem.model.trunk, TaskVectors):
        network, _ = trained("vectors", with_task_vectors(joint))
    tasks = tuple(task.name for task in encoder.tasks)
    return Relatedness(
        made=made,
        tasks=tasks,
        affinity=relations.affinities,
        cosine=relations.cosines,
        groupings=groupings(tasks, _matrix(tasks, relations.affinities), len(tasks)),
        vectors=vectors_of(network) if vectors else None,
        probes=relations.probes,
        seconds=seconds,
    )


def mean_relations(epochs: Iterable[Relations | None]) -> Relations:
    """The mean over all probes: every epoch counts by how many it had. A pair that one of them lacks, by the others."""
    known = [epoch for epoch in epochs if epoch is not None]
    return Relations(
        cosines=_mean([(epoch.cosines, epoch.probes) for epoch in known]),
        affinities=_mean([(epoch.affinities, epoch.probes) for epoch in known]),
        probes=sum(epoch.probes for epoch in known),
    )


def with_task_vectors(problem: Problem) -> Problem:
    """The problem with that trunk, of the declared one's widths and dropout where it has them; watched by nobody."""
    size = problem.model.trunk.model_dump(include={"widths", "dropout"})
    model = problem.model.model_copy(update={"trunk": TaskVectors(**size)})
    training = problem.training.model_copy(update={"relatedness": RelatednessOptions(every=0)})
    return problem.model_copy(update={"model": model, "training": training})


def vectors_of(network: Network) -> Vectors:
    """Vectors of a network whose trunk is `task_vectors`."""
    assert isinstance(network.trunk, TaskVectorsTrunk)
    points = np.stack([vector.detach().double().numpy() for vector in network.trunk.vectors])  # (tasks, vector)
    distances = np.sqrt(((points[:, None] - points) ** 2).sum(axis=2))
    pairs: Pairs = {}
    for a, b in combinations(range(len(points)), 2):
        pairs.setdefault(network.tasks[a], {})[network.tasks[b]] = float(distances[a, b])
    places = zip(network.tasks, scaled(distances).tolist(), strict=True)
    return Vectors(distances=pairs, map={task: (x, y) for task, (x, y) in places})


def scaled(distances: Array) -> Array:
    """(n, n) distances -> (n, 2) positions whose distances come near them: classical scaling.

    Source: Torgerson 1952, "Multidimensional scaling: I. Theory and method", Psychometrika.

    The first axis is that of the largest spread; on each, the point farthest from the middle lies above 0.
    """
    count = len(distances)
    centring = np.eye(count) - 1 / count
    spreads, axes = np.linalg.eigh(-0.5 * centring @ distances**2 @ centring)  # rising
    places: Array = axes[:, :-3:-1] * np.sqrt(np.clip(spreads[:-3:-1], 0.0, None))
    # Of two that are equally far but for rounding, the earlier.
    farthest = (np.abs(places) >= np.abs(places).max(axis=0) * (1 - 1e-9)).argmax(axis=0)
    return places * np.where(places[farthest, [0, 1]] < 0, -1.0, 1.0)


def _matrix(tasks: tuple[str, ...], pairs: Pairs) -> Array:
    return np.array([[pairs.get(a, {}).get(b, 0.0) for b in tasks] for a in tasks])


def _mean(epochs: list[tuple[Pairs, int]]) -> Pairs:
    sums: dict[str, dict[str, float]] = {}
    counts: dict[str, dict[str, int]] = {}
    for pairs, probes in epochs:
        for a, others in pairs.items():
            for b, value in others.items():
                of, count = sums.setdefault(a, {}), counts.setdefault(a, {})
                of[b], count[b] = of.get(b, 0.0) + probes * value, count.get(b, 0) + probes
    return {a: {b: value / counts[a][b] for b, value in others.items()} for a, others in sums.items()}
