"""Knowledge passing: the teachers that `params.yaml` declares for tasks, by the name of the task.

A teacher says of every training row what it expects, and the task learns from that beside its labels (Hinton 2015,
section 2). One teacher a task, because a task has one loss.
"""

from typing import Annotated, Literal

from pydantic import Field

from mtl_core.frozen import Frozen

__all__ = ["AnyTeacher", "Boosted", "SingleTask", "Teacher"]


class Teacher(Frozen):
    """What every teacher has."""

    share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Of the task's loss; the rest is its labels'."""
    every_row: bool = False
    """Whether rows without a label learn from it too."""


class SingleTask(Teacher):
    """A network of the same size for the task alone, by the same loop on the same rows, stopped on its own score by the
    rule of the task (single-task teachers of one multi-task student: Clark, "BAM!", ACL 2019, section 3.2; their
    annealing of the share is left out).
    """

    kind: Literal["single_task"] = "single_task"


class Boosted(Teacher):
    """Gradient-boosted trees for the task alone (LightGBM, Ke 2017); needs the extra `boosted`.

    Trees know their own training rows by heart, so each row is taught by trees that did not see its label (Wolpert
    1992, "Stacked generalization"): the labelled rows are dealt into folds, and the trees of a fold are grown on all
    others.
    """

    kind: Literal["boosted"] = "boosted"
    folds: Annotated[int, Field(ge=2, le=100)] = 5
    trees: Annotated[int, Field(ge=1, le=100_000)] = 500
    """At most; the score on validation usually ends it before."""
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.05
    leaves: Annotated[int, Field(ge=2, le=65_536)] = 31
    """Of one tree, at most."""


AnyTeacher = Annotated[Boosted | SingleTask, Field(discriminator="kind")]
