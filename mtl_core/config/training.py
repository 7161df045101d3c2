"""`training`: optimiser, balancing, stopping, teachers."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from mtl_core.config.balancing import AnyBalancing, InverseLoss
from mtl_core.config.distillation import AnyTeacher, ChampionTeacher
from mtl_core.config.stopping import Stopping
from mtl_core.frozen import Frozen


class FinetuneHeads(Frozen):
    """Fine-tuning of each head separately after training, on the frozen trunk of the selected epoch.

    A head that does not improve on validation by more than the task's `min_improvement` is restored.
    """

    epochs: Annotated[int, Field(ge=1)] = 20
    """Maximum number."""
    patience: Annotated[int, Field(ge=1)] = 3
    """Epochs without an improvement after which a head stops."""
    learning_rate: Annotated[float, Field(gt=0)] | None = None
    """`training.learning_rate` by default."""


class RelatednessOptions(Frozen):
    """Measurements of the similarity of the tasks' gradients on the shared parameters; training does not change."""

    every: Annotated[int, Field(ge=0)] = 100
    """Steps between measurements, counted over the whole training; 0 for none."""
    affinity: bool = False
    """Also measure the change of each task's loss by a step for each single task: a forward pass per task."""

    @model_validator(mode="after")
    def _affinity_needs_measurements(self) -> Self:
        if self.affinity and not self.every:
            raise ValueError("affinity: needs measurements, found `every: 0`; set `every`, or remove `affinity`")
        return self


class Training(Frozen):
    """Options of the training loop."""

    renamed: ClassVar[dict[str, str]] = {"refit_heads": "finetune_heads"}

    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    epochs: Annotated[int, Field(ge=1)] | None = None
    """Maximum number of epochs; early stopping usually ends training before. The defaults of `epochs`,
    `steps_per_epoch` and `batch_size` depend on the number of training rows, see `mtl_core.config.budget`.
    """
    steps_per_epoch: Annotated[int, Field(ge=1)] | None = None
    """Steps between two evaluations; by default one pass over the rows where `epochs` is given."""
    batch_size: Annotated[int, Field(ge=1, lt=2**31)] | None = None
    learning_rate: Annotated[float, Field(gt=0)] = 1e-3
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """Decoupled weight decay: each step reduces every weight by the share learning_rate * weight_decay."""
    threads: Annotated[int, Field(ge=1, le=256)] = 1
    """Threads of torch. With the same number a run is exactly reproducible. Large batches gain from more than 1."""
    balancing: AnyBalancing = InverseLoss()
    stopping: Stopping = Stopping()
    average_weights: bool = True
    """Average the weights over about the last ninth of the steps, instead of using the last weights."""
    checkpoint: Literal["mean", "worst"] = "mean"
    """Select the epoch with the best mean of the tasks' normalised validation scores, or with the best minimum."""
    finetune_heads: FinetuneHeads | None = None
    calibration: bool = True
    """Calibrate probabilities on validation after training, see `mtl_core.training.calibration`."""
    relatedness: RelatednessOptions = RelatednessOptions()
    teachers: dict[str, AnyTeacher] = Field(default_factory=dict)
    """Task -> teacher, whose predictions it learns in addition to its labels; under `hold` until it stops."""

    @property
    def champion_teachers(self) -> dict[str, ChampionTeacher]:
        """Task -> teacher, for the tasks that the champion teaches."""
        return {task: teacher for task, teacher in self.teachers.items() if isinstance(teacher, ChampionTeacher)}
