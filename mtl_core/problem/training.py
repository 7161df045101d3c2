"""The optimisation: steps, balancing, stopping, teachers."""

from typing import Annotated, Literal

from pydantic import Field

from mtl_core.balancing import AnyBalancing, Mean
from mtl_core.declared import Declared
from mtl_core.passing import AnyTeacher
from mtl_core.stopping import Stopping

__all__ = ["RefitHeads", "Training"]


class RefitHeads(Declared):
    """After training, every head is trained on alone on the chosen trunk, which stays as it is; one that did not get
    better on validation by more than the task's `min_improvement` is put back.
    """

    epochs: Annotated[int, Field(ge=1)] = 20
    """At most."""
    patience: Annotated[int, Field(ge=1)] = 3
    """Epochs without an improvement after which a head is done."""
    learning_rate: Annotated[float, Field(gt=0)] | None = None
    """That of `training` where none is given."""


class Training(Declared):
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
    checkpoint: Literal["mean", "worst"] = "mean"
    """The model is the epoch with the best mean of the tasks' normalised validation scores, or with the best worst."""
    refit_heads: RefitHeads | None = None
    teachers: dict[str, AnyTeacher] = Field(default_factory=dict)
    """Task -> who teaches it beside its labels; under the policy `hold`, until it stops."""
