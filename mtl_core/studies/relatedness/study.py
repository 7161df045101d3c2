"""Study of relatedness: affinities measured in joint training, groupings by them, and a map of task vectors."""

import time
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from mtl_core.config import Problem, RelatednessOptions
from mtl_core.config.trunks import TaskVectors
from mtl_core.data.encoder import Encoder
from mtl_core.errors import TrainingError
from mtl_core.model import Network
from mtl_core.studies.progress import StudyProgress, TrainingProgress
from mtl_core.studies.provenance import Provenance
from mtl_core.studies.relatedness.grouping import groupings
from mtl_core.studies.relatedness.record import Pairs, Relatedness
from mtl_core.studies.relatedness.task_map import vectors_of
from mtl_core.studies.requirements import check_sharing
from mtl_core.studies.splits import Splits
from mtl_core.training import TrainingResult, train
from mtl_core.training.history import TaskRelatedness


def relate(
    problem: Problem,
    encoder: Encoder,
    splits: Splits,
    folder: Path,
    provenance: Provenance,
    *,
    every: int,
    vectors: bool,
    progress: StudyProgress | None = None,
) -> Relatedness:
    """Train the declared problem, measuring its gradients at every `every`th step.

    With `vectors` it trains a second time with a trunk `task_vectors` of the declared widths and dropout, unless that
    is the declared trunk.

    A killed training resumes from its folder below `folder`. Heads are not fine-tuned, which would not change a result.

    Raises:
        ProblemError: there is nothing to relate; see `check_sharing`.
        TrainingError: the training had fewer than `every` steps.
    """
    check_sharing(problem, "mtl relate")
    measured = RelatednessOptions(every=every, affinity=True)
    joint = problem.model_copy(
        update={"training": problem.training.model_copy(update={"relatedness": measured, "finetune_heads": None})}
    )

    def run(name: str, declared: Problem) -> tuple[Network, TrainingResult]:
        callbacks = TrainingProgress(name, progress or StudyProgress())
        return train(declared, encoder, splits.train, splits.validation, folder / name, callbacks)

    start = time.process_time()
    network, result = run("joint", joint)
    seconds = time.process_time() - start
    relatedness = mean_relatedness([epoch.relatedness for epoch in result.epochs])
    if not relatedness.affinities:
        steps = len(result.epochs) * result.budget.steps_per_epoch
        raise TrainingError(
            f"--every {every}: must be fewer steps than the training has, found a training of {steps}; measure more "
            "often, or train longer"
        )
    if vectors and not isinstance(problem.model.trunk, TaskVectors):
        network, _ = run("vectors", with_task_vectors(joint))
    tasks = tuple(task.name for task in encoder.tasks)
    affinity = np.array([[relatedness.affinities.get(a, {}).get(b, 0.0) for b in tasks] for a in tasks])
    return Relatedness(
        provenance=provenance,
        tasks=tasks,
        affinity=relatedness.affinities,
        cosine=relatedness.cosines,
        groupings=groupings(tasks, affinity, len(tasks)),
        vectors=vectors_of(network) if vectors else None,
        measurements=relatedness.measurements,
        seconds=seconds,
    )


def mean_relatedness(epochs: Iterable[TaskRelatedness | None]) -> TaskRelatedness:
    """Mean over all measurements: each epoch has the weight of its number of measurements, for the pairs it has."""
    measured = [epoch for epoch in epochs if epoch is not None]
    return TaskRelatedness(
        cosines=_mean([(epoch.cosines, epoch.measurements) for epoch in measured]),
        affinities=_mean([(epoch.affinities, epoch.measurements) for epoch in measured]),
        measurements=sum(epoch.measurements for epoch in measured),
    )


def with_task_vectors(problem: Problem) -> Problem:
    """The problem with that trunk, of the declared one's widths and dropout where it has them; nothing is measured."""
    size = problem.model.trunk.model_dump(include={"widths", "dropout"})
    model = problem.model.model_copy(update={"trunk": TaskVectors(**size)})
    training = problem.training.model_copy(update={"relatedness": RelatednessOptions(every=0)})
    return problem.model_copy(update={"model": model, "training": training})


def _mean(epochs: list[tuple[Pairs, int]]) -> Pairs:
    """Mean per pair of tasks, weighted by the number of measurements."""
    sums: Pairs = {}
    counts: dict[str, dict[str, int]] = {}
    for pairs, measurements in epochs:
        for a, others in pairs.items():
            for b, value in others.items():
                row, count = sums.setdefault(a, {}), counts.setdefault(a, {})
                row[b], count[b] = row.get(b, 0.0) + measurements * value, count.get(b, 0) + measurements
    return {a: {b: value / counts[a][b] for b, value in others.items()} for a, others in sums.items()}
