"""The teachers that `training.teachers` declares: their soft targets, computed once and stored."""

import shutil
from collections.abc import Callable
from functools import partial

from mtl_core.config import Problem
from mtl_core.config.distillation import AnyTeacher, Boosted, ChampionTeacher, SingleTaskTeacher
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.distillation.boosted import boosted_logits
from mtl_core.distillation.champion import Champion, champion_logits
from mtl_core.distillation.single_task import TrainFunction, single_task_logits
from mtl_core.distillation.soft_targets import SoftTargets
from mtl_core.distillation.store import TeacherStore
from mtl_core.distillation.trees import check_trees
from mtl_core.tasks import objectives

OnTeacher = Callable[[str, int, int], None]
"""Callback with a task, the number of finished steps of its teacher, and the number of all steps."""


def declared_teachers(
    problem: Problem,
    encoder: Encoder,
    train_split: EncodedSplit,
    validation: EncodedSplit,
    store: TeacherStore,
    train: TrainFunction,
    on_teacher: OnTeacher,
    champion: Champion | None = None,
) -> dict[str, SoftTargets]:
    """Task -> the soft targets of its declared teacher, from the store if they are there.

    None for a task that declares the champion, if that does not teach it.

    Raises:
        ProblemError: a teacher needs a package that is not installed, or cannot learn the kind of its task. All
            teachers are checked before the first one is trained.
        DataError, TrainingError: a teacher cannot learn from the labels, or cannot predict the rows.
    """
    untaught = untaught_tasks(problem, champion)
    teachers = {task: options for task, options in problem.training.teachers.items() if task not in untaught}
    tasks = {task.name: task for task in objectives(problem.tasks, encoder.tasks)}
    missing = {task: options for task, options in teachers.items() if not store.has(_name(task, options))}
    for task, options in missing.items():
        if isinstance(options, Boosted):
            check_trees(tasks[task], train_split)
    by_champion = [task for task, options in missing.items() if isinstance(options, ChampionTeacher)]
    if champion is not None and by_champion:
        predictions = champion.predict(by_champion, partial(on_teacher, ", ".join(by_champion)))
        for task in by_champion:
            labels, calibration = train_split.flat_labels(task).numpy(), problem.training.calibration
            output = champion.outputs[task]
            logits = champion_logits(tasks[task], output, predictions[task], labels, calibration=calibration)
            store.save(_name(task, missing[task]), logits)
    for task, options in missing.items():
        name, on_step = _name(task, options), partial(on_teacher, task)
        folder = store.folder / name
        match options:
            case SingleTaskTeacher():
                logits = single_task_logits(task, problem, encoder, train_split, validation, folder, train, on_step)
            case Boosted():
                training = problem.training
                logits = boosted_logits(options, tasks[task], encoder, train_split, validation, training, on_step)
            case ChampionTeacher():
                continue
        store.save(name, logits)
        if folder.exists():
            shutil.rmtree(folder)
    return {
        task: SoftTargets(
            logits=train_split.by_row(task, store.load(_name(task, options))),
            weight=options.weight,
            use_unlabelled=options.use_unlabelled,
        )
        for task, options in teachers.items()
    }


def untaught_tasks(problem: Problem, champion: Champion | None) -> dict[str, str]:
    """Task -> reason, for the tasks that declare the champion and learn from their labels alone."""
    if champion is None:
        return dict.fromkeys(problem.training.champion_teachers, "trained without a champion")
    return {task: champion.untaught[task] for task in problem.training.champion_teachers if task in champion.untaught}


def _name(task: str, options: AnyTeacher) -> str:
    return f"{task}-{options.kind}"
