"""Arms of the comparison: ways to train the same tasks on the same rows, run once per seed."""

import time
from pathlib import Path

from mtl_core.config import Problem, Stopping
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.distillation.single_task import single_task_encoder, single_task_problem
from mtl_core.evaluation import evaluate
from mtl_core.frozen import Frozen
from mtl_core.model.inference import predictions_of
from mtl_core.numbers import Number, finite_or_none
from mtl_core.studies.comparison.record import SINGLE_TASK, Arm
from mtl_core.studies.comparison.run_files import Predictions, load_run, save_run
from mtl_core.studies.progress import StudyProgress, TrainingProgress
from mtl_core.studies.splits import Splits
from mtl_core.tasks import Objective
from mtl_core.training import TrainingResult, train
from mtl_core.training.checkpoint import CheckpointStore, fingerprint, save_weights


class TaskRun(Frozen):
    """Result of an arm for one task with one seed."""

    test: dict[str, Number]
    """Metric -> value of the model on the test split."""
    validation: tuple[Number, ...]
    """The task's own metric on validation after each epoch."""
    stopped: tuple[int, ...]
    """The epochs after which it stopped."""
    chosen: int
    """The epoch whose weights are the model."""
    seconds: float
    """Processor seconds of its network's training; a shared network's is that of all tasks."""


class ArmRun(Frozen):
    """Result of an arm with one seed."""

    arm: Arm
    seed: int
    tasks: dict[str, TaskRun]
    parameters: int
    """Number of parameters of all its networks."""

    @property
    def seconds(self) -> float:
        """Processor seconds of all its trainings."""
        seconds = [task.seconds for task in self.tasks.values()]
        return sum(seconds) if self.arm == SINGLE_TASK else seconds[0]


def problems_of(arm: Arm, problem: Problem, seed: int) -> dict[str, Problem]:
    """Problem of each network of an arm: "" -> the shared network's, or task -> that of its single-task network.

    An unsupervised task has no single-task network, since it clusters the embeddings that other tasks learn.
    """
    seeded = problem.model_copy(update={"training": problem.training.model_copy(update={"seed": seed})})
    if arm == SINGLE_TASK:
        return {
            name: single_task_problem(seeded, name) for name, task in problem.tasks.items() if not task.unsupervised
        }
    stopping = _with_policy(seeded.training.stopping, arm)
    training = seeded.training.model_copy(update={"stopping": stopping})
    return {"": seeded.model_copy(update={"training": training})}


def run_arm(
    arm: Arm,
    problem: Problem,
    encoder: Encoder,
    splits: Splits,
    seed: int,
    folder: Path,
    progress: StudyProgress | None = None,
) -> ArmRun:
    """Train and evaluate an arm, unless `folder` has the finished run already.

    Writes the run, its predictions and the weights of each network. An interrupted run starts over, so that its time is
    that of a whole training.
    """
    problems = problems_of(arm, problem, seed)
    declared = [network.model_dump_json(exclude={"gates"}) for network in problems.values()]
    digest = fingerprint(*declared, encoder.model_dump_json(), splits.digest)
    if (finished := load_run(folder, digest, ArmRun)) is not None:
        return finished
    tasks: dict[str, TaskRun] = {}
    predictions: Predictions = {}
    parameters = 0
    for name, network_problem in problems.items():
        network_encoder = single_task_encoder(name, encoder) if name else encoder
        rows = splits.only(name) if name else splits
        callbacks = TrainingProgress(name, progress or StudyProgress())
        start = time.process_time()
        with CheckpointStore(folder, digest).temporary_folder("training") as scratch:
            network, result = train(network_problem, network_encoder, rows.train, rows.validation, scratch, callbacks)
        seconds = time.process_time() - start
        network_predictions = predictions_of(network, rows.test)
        tasks |= _task_runs(network.objectives, rows.test, network_predictions, result, seconds)
        predictions |= network_predictions
        parameters += result.parameters
        save_weights(weights_path(folder, name), network.state_dict())
    run = ArmRun(arm=arm, seed=seed, tasks=tasks, parameters=parameters)
    save_run(folder, digest, run, predictions)
    return run


def weights_path(folder: Path, network: str) -> Path:
    """Path to the weights of a network that `run_arm` trained: "" for the shared one, else the task."""
    # A task may have the name of the file of predictions; no task has a ~ in its name.
    name = {"": "shared", "predictions": "predictions~"}.get(network, network)
    return folder / f"{name}.safetensors"


def _with_policy(stopping: Stopping, policy: str) -> Stopping:
    """The declared options under that policy, without those that it does not have."""
    unsupported = {"joint": {"end", "tasks", "margin"}, "freeze": {"margin"}}.get(policy, set())
    return Stopping.model_validate(stopping.model_dump(exclude_unset=True, exclude=unsupported) | {"policy": policy})


def _task_runs(
    tasks: tuple[Objective, ...], test: EncodedSplit, predictions: Predictions, result: TrainingResult, seconds: float
) -> dict[str, TaskRun]:
    labels = {name: test.flat_labels(name).numpy() for name in test.labels}
    metrics = evaluate(tasks, labels, predictions, resamples=0)
    return {
        name: TaskRun(
            test={metric: finite_or_none(measured.value) for metric, measured in metrics[name].items()},
            validation=tuple(finite_or_none(epoch.values[name]) for epoch in result.epochs),
            stopped=tuple(epoch.number for epoch in result.epochs if name in epoch.stopped),
            chosen=result.chosen,
            seconds=seconds,
        )
        for name in predictions
    }
