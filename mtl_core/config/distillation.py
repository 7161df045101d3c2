"""`training.teachers`: knowledge distillation from a teacher per task.

A teacher predicts every training row, and the task learns from these predictions and from its labels (Hinton 2015,
section 2). A task has at most one teacher.
"""

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from mtl_core.frozen import Frozen


class Teacher(Frozen):
    """Options of every teacher."""

    renamed: ClassVar[dict[str, str]] = {"share": "weight", "every_row": "use_unlabelled"}

    weight: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Weight of the teacher in the task's loss; the labels have the rest."""
    use_unlabelled: bool = False
    """Also distil on rows without a label."""


class SingleTaskTeacher(Teacher):
    """A network of the same size for the task alone, trained by the same loop on the same rows.

    Its stopping rule is that of the task. Single-task teachers of one multi-task student: Clark, "BAM!", ACL 2019,
    section 3.2; without their annealing of the weight.
    """

    kind: Literal["single_task"] = "single_task"


class Boosted(Teacher):
    """Gradient-boosted trees for the task alone (LightGBM, Ke 2017); needs the extra `boosted`.

    Trees overfit their training rows, so each row gets its soft targets from trees that did not see its label (Wolpert
    1992, "Stacked generalization"): labelled rows are split into folds, and a fold's trees are trained on all others.
    """

    kind: Literal["boosted"] = "boosted"
    folds: Annotated[int, Field(ge=2, le=100)] = 5
    trees: Annotated[int, Field(ge=1, le=100_000)] = 500
    """Maximum number; early stopping on validation usually ends with fewer."""
    learning_rate: Annotated[float, Field(gt=0, le=1)] = 0.05
    leaves: Annotated[int, Field(ge=2, le=65_536)] = 31
    """Maximum leaves of a tree."""


class ChampionTeacher(Teacher):
    """The champion, the model that is served: a retrained model then keeps near its predictions.

    Its predictions of the training rows are the soft targets, so that a retrain gets worse in fewer tasks and changes
    fewer predictions (Fard et al., "Launch and iterate: reducing prediction churn", NIPS 2016; Jiang et al., "Churn
    reduction via distillation", ICLR 2022). Until there is a champion, and where it does not fit the task, the task
    learns from its labels alone, with a note. Studies (`mtl compare`, `relate`, `tune`) train without it.
    """

    kind: Literal["champion"] = "champion"
    when: Literal["always", "if_worse"] = "always"
    """`if_worse`: only if the last challenger was significantly worse in this task than the champion."""


AnyTeacher = Annotated[Boosted | ChampionTeacher | SingleTaskTeacher, Field(discriminator="kind")]
