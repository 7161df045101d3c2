"""The training loop: read it from top to bottom."""

import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from mtl_core.config import Problem
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.model import Network
from mtl_core.training.averaging import Average
from mtl_core.training.checkpoint import Scratch, fingerprint
from mtl_core.training.epoch import optimizer_of, train_epoch
from mtl_core.training.history import Epoch, Outcome, Progress, Refit, scores_of
from mtl_core.training.refit import refit_heads
from mtl_core.training.relatedness import Probe
from mtl_core.training.repeatable import repeatable
from mtl_core.training.scores import metric_values, normalised, predictions_of, standard_errors
from mtl_core.training.selection import best_epoch, best_epoch_of, useful_epochs
from mtl_core.training.self_taught import self_targets
from mtl_core.training.teachers import OnTeacher, declared_teachers, own_best

__all__ = ["train"]


def train(
    problem: Problem,
    encoder: Encoder,
    train_split: EncodedSplit,
    validation: EncodedSplit,
    scratch_folder: Path,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
    on_step: Callable[[int, int], None] = lambda step, steps: None,
    on_refit: Callable[[Refit], None] = lambda refit: None,
    on_teacher: OnTeacher = lambda task, step, steps: None,
) -> tuple[Network, Outcome]:
    """Trains until stopping or `epochs` ends it, from the last checkpoint in `scratch_folder` if there is one.

    Same problem, data, code and machine give the same weights, killed in between or not: every epoch draws its
    randomness from (seed, epoch) alone. Every task is scored after every epoch by the network as it is then, with
    its weights averaged where that is declared, whether it trained or not.

    Returns:
        the network with the chosen epoch's weights, its heads refitted where that is declared; and what happened.
    """
    options, tasks = problem.training, encoder.tasks
    network = Network.seeded(encoder, problem.model, options.seed)
    balancer = options.balancing.build(network.tasks)
    optimizer = optimizer_of(network, balancer, options)
    average = Average(network) if options.average_weights else None
    scored = average.network if average else network
    modules = {"network": network, "balancing": balancer} | ({"average": average} if average else {})
    stopper = options.stopping.build(network.tasks, {task.name: task.begins for task in tasks})
    scratch = Scratch(
        scratch_folder, fingerprint(problem.model_dump_json(exclude={"gates"}), encoder.model_dump_json())
    )
    progress = Progress.model_validate(scratch.restore(modules, optimizer) or {})
    stopper.load_state_dict(progress.stopper)
    epochs, errors = list(progress.epochs), progress.standard_errors
    for epoch in epochs:
        on_epoch(epoch)
    if not epochs:  # a kill before the first one ends must not cost the teachers that were made
        scratch.save(modules, optimizer, progress.model_dump())
    declared = declared_teachers(problem, encoder, train_split, validation, scratch, train, on_teacher)

    with repeatable(options.threads):
        while len(epochs) < options.epochs and not stopper.ended:
            number, began = len(epochs) + 1, time.perf_counter()
            waiting = tuple(task.name for task in tasks if number < task.begins)
            held, resting = stopper.distilled, (*waiting, *stopper.paused)
            soft = declared | {
                task: own_best(scratch, task, teacher_epoch(task, epochs), network, train_split) for task in held
            }
            soft |= self_targets(
                network, tasks, train_split, number=number, seed=options.seed, left_out=(*held, *resting)
            )
            probe = Probe(network, optimizer, tasks, options.relatedness, number)
            losses = train_epoch(
                *(network, balancer, optimizer, tasks, train_split, options),
                number=number,
                soft=soft,
                resting=resting,
                before_step=probe.look,
                after_step=partial(average.update, network) if average else lambda: None,
                on_step=on_step,
            )
            predictions = predictions_of(scored, tasks, validation)
            values = metric_values(tasks, validation, predictions) | dict.fromkeys(waiting, math.nan)
            # A task's unit of noise is that of its first score, whenever that comes.
            begun = [task for task in tasks if task.name not in errors and math.isfinite(values[task.name])]
            errors = errors | standard_errors(begun, validation, predictions)
            scores = normalised(tasks, values, errors)
            change = stopper.update(scores)
            epoch = Epoch(
                number=number,
                losses=losses,
                values=values,
                scores=scores,
                stopped=change.stopped,
                resumed=change.resumed,
                held=held,
                resting=resting,
                relatedness=probe.relations(),
                seconds=time.perf_counter() - began,
            )
            epochs.append(epoch)
            scratch.keep(number, scored)
            scratch.drop_all_but(useful_epochs(scores_of(epochs)))
            progress = Progress(epochs=tuple(epochs), standard_errors=errors, stopper=stopper.state_dict())
            scratch.save(modules, optimizer, progress.model_dump())
            on_epoch(epoch)

        chosen = best_epoch(scores_of(epochs), options.checkpoint)
        network.load_state_dict(scratch.weights(chosen))
        errors = {task.name: errors.get(task.name, 1.0) for task in tasks}
        refits = refit_heads(network, tasks, train_split, validation, options, errors, scratch, on_step, on_refit)

    parameters = sum(parameter.numel() for parameter in network.parameters())
    return network, Outcome(
        epochs=tuple(epochs), chosen=chosen, standard_errors=errors, parameters=parameters, refits=refits
    )


def teacher_epoch(task: str, epochs: Sequence[Epoch]) -> int:
    """The task's best epoch until it stopped: what came later learned from it."""
    until = next(epoch.number for epoch in epochs if task in epoch.stopped)
    return best_epoch_of(task, scores_of(epochs[:until]))
