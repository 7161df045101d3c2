"""The optimisation: steps, balancing, stopping, teachers."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from mtl_core.balancing import AnyBalancing, Mean
from mtl_core.config.distillation import AnyTeacher
from mtl_core.frozen import Frozen
from mtl_core.stopping import Stopping

__all__ = ["RefitHeads", "RelatednessOptions", "Training"]


class RefitHeads(Frozen):
    """After training, every head is trained on alone on the chosen trunk, which stays as it is; one that did not get
    better on validation by more than the task's `min_improvement` is put back.
    """

    epochs: Annotated[int, Field(ge=1)] = 20
    """At most."""
    patience: Annotated[int, Field(ge=1)] = 3
    """Epochs without an improvement after which a head is done."""
    learning_rate: Annotated[float, Field(gt=0)] | None = None
    """That of `training` where none is given."""


class RelatednessOptions(Frozen):
    """Looks now and then at how the tasks' gradients on what they share get on; the weights are the same without it."""

    every: Annotated[int, Field(ge=0)] = 100
    """Steps from one look to the next, counted over the whole training; 0 for none."""
    affinity: bool = False
    """Whether a look also tells what a step for each task alone would do to all of them: a pass forward per task."""

    @model_validator(mode="after")
    def _affinity_needs_looks(self) -> Self:
        if self.affinity and not self.every:
            raise ValueError("affinity: needs a look now and then, found `every: 0`; set `every`, or remove `affinity`")
        return self


class Training(Frozen):
    """The optimisation."""

    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    epochs: Annotated[int, Field(ge=1)] = 20
    """At most; stopping usually ends it before."""
    batch_size: Annotated[int, Field(ge=1)] = 2048
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    threads: Annotated[int, Field(ge=1, le=256)] = 2
    """Of torch; part of what makes a run repeatable to the bit."""
    balancing: AnyBalancing = Mean()
    stopping: Stopping = Stopping()
    average_weights: bool = True
    """Whether the model is the average of the weights over about the last ninth of the steps, and not the last ones."""
    checkpoint: Literal["mean", "worst"] = "mean"
    """The model is the epoch with the best mean of the tasks' normalised validation scores, or with the best worst."""
    refit_heads: RefitHeads | None = None
    relatedness: RelatednessOptions = RelatednessOptions()
    teachers: dict[str, AnyTeacher] = Field(default_factory=dict)
    """Task -> who teaches it beside its labels; under the policy `hold`, until it stops."""
