"""The teachers that `training.teachers` declares: what each says of the training rows, made once and kept."""

import shutil
from collections.abc import Callable
from functools import partial

from mtl_core.config import Problem
from mtl_core.config.distillation import AnyTeacher, Boosted, SingleTaskTeacher
from mtl_core.data.encoded import EncodedSplit
from mtl_core.data.encoder import Encoder
from mtl_core.training.checkpoint import Scratch
from mtl_core.training.soft_targets import SoftTargets
from mtl_core.training.teachers.boosted import boosted_logits
from mtl_core.training.teachers.forests import forests
from mtl_core.training.teachers.single_task import Loop, single_task_logits
from mtl_core.training.teachers.trees import lightgbm_for

__all__ = ["OnTeacher", "declared_teachers"]

OnTeacher = Callable[[str, int, int], None]
"""Hears of a task that its teacher is made up to which step of how many."""


def declared_teachers(
    problem: Problem,
    encoder: Encoder,
    train_split: EncodedSplit,
    validation: EncodedSplit,
    scratch: Scratch,
    loop: Loop,
    on_teacher: OnTeacher,
) -> dict[str, SoftTargets]:
    """Task -> the soft targets of its declared teacher; from the scratch folder where they were made before.

    What cannot be made is refused before the first one is.
    """
    teachers, tasks = problem.training.teachers, {task.name: task for task in encoder.tasks}
    missing = {task: options for task, options in teachers.items() if not scratch.has_teacher(_name(task, options))}
    for task, options in missing.items():
        if isinstance(options, Boosted):
            lightgbm_for(task)
            forests(tasks[task], train_split.labels[task][:0].numpy(), None)
    for task, options in missing.items():
        name, on_step = _name(task, options), partial(on_teacher, task)
        match options:
            case SingleTaskTeacher():
                own_scratch = scratch.folder / name
                logits = single_task_logits(task, problem, encoder, train_split, validation, own_scratch, loop, on_step)
            case Boosted():
                own, training = tasks[task], problem.training
                logits = boosted_logits(options, own, encoder, train_split, validation, training, on_step)
        scratch.save_teacher(name, logits)
        if isinstance(options, SingleTaskTeacher):
            shutil.rmtree(scratch.folder / name)
    return {
        task: SoftTargets(
            logits=scratch.teacher(_name(task, options)), share=options.weight, every_row=options.use_unlabelled
        )
        for task, options in teachers.items()
    }


def _name(task: str, options: AnyTeacher) -> str:
    return f"{task}-{options.kind}"
