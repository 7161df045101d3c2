"""The teachers that `training.teachers` declares: their soft targets, computed once and stored."""

import shutil
from collections.abc import Callable
from functools import partial

from mtl_core.config import Problem
from mtl_core.config.distillation import AnyTeacher, Boosted, SingleTaskTeacher
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.distillation.boosted import boosted_logits
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
) -> dict[str, SoftTargets]:
    """Task -> the soft targets of its declared teacher, from the store if they are there.

    Raises:
        ProblemError: a teacher needs a package that is not installed, or cannot learn the kind of its task. All
            teachers are checked before the first one is trained.
        DataError, TrainingError: a teacher cannot learn from the labels.
    """
    teachers = problem.training.teachers
    tasks = {task.name: task for task in objectives(problem.tasks, encoder.tasks)}
    missing = {task: options for task, options in teachers.items() if not store.has(_name(task, options))}
    for task, options in missing.items():
        if isinstance(options, Boosted):
            check_trees(tasks[task], train_split)
    for task, options in missing.items():
        name, on_step = _name(task, options), partial(on_teacher, task)
        folder = store.folder / name
        match options:
            case SingleTaskTeacher():
                logits = single_task_logits(task, problem, encoder, train_split, validation, folder, train, on_step)
            case Boosted():
                training = problem.training
                logits = boosted_logits(options, tasks[task], encoder, train_split, validation, training, on_step)
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


def _name(task: str, options: AnyTeacher) -> str:
    return f"{task}-{options.kind}"
