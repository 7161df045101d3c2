"""The training loop."""

import math
from collections.abc import Callable
from pathlib import Path

from mtl_core.config import Problem
from mtl_core.config.budget import budget_of
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.distillation import Champion, SoftTargets, declared_teachers, self_distillation_targets
from mtl_core.distillation.teachers import untaught_tasks
from mtl_core.model import Network
from mtl_core.model.inference import predictions_of
from mtl_core.nn.deterministic import deterministic
from mtl_core.training.affinity import Probe
from mtl_core.training.calibration import calibrate
from mtl_core.training.checkpoint import CheckpointStore, fingerprint
from mtl_core.training.epoch import train_epoch
from mtl_core.training.finetune import finetune_heads
from mtl_core.training.history import ChampionLessons, Epoch, TrainingResult
from mtl_core.training.progress import Progress
from mtl_core.training.scores import metric_values, normalised, standard_errors
from mtl_core.training.selection import best_epoch
from mtl_core.training.state import TrainingState
from mtl_core.training.thresholds import tune_thresholds
from mtl_core.training.unsupervised import unsupervised_targets


def train(
    problem: Problem,
    encoder: Encoder,
    train_split: EncodedSplit,
    validation: EncodedSplit,
    folder: Path,
    progress: Progress | None = None,
    champion: Champion | None = None,
) -> tuple[Network, TrainingResult]:
    """Train until early stopping or the maximum epochs, from the last checkpoint in `folder` if there is one.

    The same problem, data, code and machine give the same weights, with or without crashes: the randomness of every
    epoch depends on (seed, epoch) alone. After every epoch all tasks are evaluated, also paused ones, with the average
    of the weights if `average_weights`.

    Args:
        champion: the teacher of the tasks that declare it; without it they learn from their labels alone.

    Returns:
        the network with the weights of the chosen epoch, fine-tuned if `finetune_heads`, calibrated; and the records
        of the training.

    Raises:
        DataError: a task has no loss for some of its labels.
        TrainingError: a loss is not finite.
    """
    options, progress = problem.training, progress or Progress()
    budget = budget_of(options, len(train_split))
    progress.on_start(budget)
    state = TrainingState(problem, encoder, budget)
    for task in state.tasks:
        for split in (train_split, validation):
            task.check(split.flat_labels(task.name).numpy())
    inputs = (problem.model_dump_json(exclude={"gates"}), encoder.model_dump_json())
    digest = fingerprint(*inputs, *([champion.digest] if champion else []))
    store = CheckpointStore(folder, digest)
    state.restore(store)
    for epoch in state.epochs:
        progress.on_epoch(epoch)
    teachers = declared_teachers(
        *(problem, encoder, train_split, validation, store.teachers, _train_teacher, progress.on_teacher, champion)
    )

    with deterministic(options.threads):
        while len(state.epochs) < budget.epochs and not state.stopper.ended:
            number = len(state.epochs) + 1
            distilled, paused = state.stopper.distilled, state.paused
            targets = teachers | _targets(state, store, train_split, options.seed)
            probe = Probe(state.network, state.optimizer, options.relatedness, number)
            losses = train_epoch(
                *(state.network, state.balancer, state.optimizer, train_split, options, budget),
                epoch=number,
                soft_targets=targets,
                paused=paused,
                before_step=probe.measure,
                after_step=state.after_step,
                on_step=progress.on_step,
            )
            values, scores = _evaluate(state, validation)
            decision = state.stopper.update(scores)
            epoch = Epoch(
                number=number,
                losses=losses,
                values=values,
                scores=scores,
                stopped=decision.stopped,
                resumed=decision.resumed,
                distilled=distilled,
                paused=paused,
                relatedness=probe.result(),
            )
            state.epochs.append(epoch)
            state.save(store)
            progress.on_epoch(epoch)

        chosen = best_epoch(state.scores, options.checkpoint)
        state.network.load_state_dict(store.weights(chosen))
        errors = {task.name: state.standard_errors.get(task.name, 1.0) for task in state.tasks}
        splits = (train_split, validation)
        heads = finetune_heads(state.network, *splits, options, budget.batch_size, errors, store, progress)
        calibrations = calibrate(state.network, validation, enabled=options.calibration)
        thresholds = tune_thresholds(state.network, validation)
    return state.network, TrainingResult(
        budget=budget,
        epochs=tuple(state.epochs),
        chosen=chosen,
        standard_errors=errors,
        parameters=sum(parameter.numel() for parameter in state.network.parameters()),
        members=state.network.member_count,
        finetuned_heads=heads,
        calibrations=calibrations,
        thresholds=thresholds,
        champion_teacher=_champion_lessons(problem, champion),
    )


def _champion_lessons(problem: Problem, champion: Champion | None) -> ChampionLessons | None:
    declared, untaught = problem.training.champion_teachers, untaught_tasks(problem, champion)
    taught = tuple(task for task in declared if task not in untaught)
    version = champion.version if champion else None
    return ChampionLessons(champion=version, taught=taught, untaught=untaught) if declared else None


def _targets(state: TrainingState, store: CheckpointStore, split: EncodedSplit, seed: int) -> dict[str, SoftTargets]:
    """Soft targets for the next epoch by the network itself: of distilled tasks and of unsupervised tasks."""
    distilled, epoch = state.stopper.distilled, len(state.epochs) + 1
    best = {
        task: self_distillation_targets(
            store.teachers, store.weights, task, state.teacher_epoch(task), state.network, split
        )
        for task in distilled
    }
    excluded = (*distilled, *state.paused)
    return best | unsupervised_targets(state.network, split, epoch=epoch, seed=seed, excluded=excluded)


def _evaluate(state: TrainingState, validation: EncodedSplit) -> tuple[dict[str, float], dict[str, float]]:
    """Metric and score of each task after an epoch; NaN for a task that has not started."""
    predictions = predictions_of(state.evaluated, validation)
    values = metric_values(state.tasks, validation, predictions) | dict.fromkeys(state.waiting, math.nan)
    # A task keeps the standard error of its first score.
    newly_scored = [
        task for task in state.tasks if task.name not in state.standard_errors and task.is_scored(values[task.name])
    ]
    state.standard_errors = state.standard_errors | standard_errors(newly_scored, validation, predictions)
    scored = [task for task in state.tasks if task.name in state.standard_errors]
    scores = dict.fromkeys(values, math.nan) | normalised(scored, values, state.standard_errors)
    return values, scores


def _train_teacher(
    problem: Problem,
    encoder: Encoder,
    train_split: EncodedSplit,
    validation: EncodedSplit,
    folder: Path,
    on_epoch: Callable[[int], None],
) -> Network:
    """The network of a single-task teacher."""

    class Epochs(Progress):
        def on_epoch(self, epoch: Epoch) -> None:
            on_epoch(epoch.number)

    return train(problem, encoder, train_split, validation, folder, Epochs())[0]
