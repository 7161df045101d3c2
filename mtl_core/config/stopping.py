"""`training.stopping`: when a task stops, and what a stopped task does. The rules are in `mtl_core.stopping`."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal, Self

from pydantic import Field, ValidationError, ValidatorFunctionWrapHandler, field_validator

from mtl_core.frozen import Frozen

if TYPE_CHECKING:
    from mtl_core.stopping import Stopper

Patience = Annotated[int, Field(ge=1)]
StandardErrors = Annotated[float, Field(ge=0)]
Evaluations = Annotated[int, Field(ge=0)]


class TaskStopping(Frozen):
    """Stopping rule of a task. Options that are not given are those of `training.stopping`."""

    patience: Patience | None = None
    min_improvement: StandardErrors | None = None
    warm_up: Evaluations | None = None


class EndAfterTask(Frozen):
    """Training ends when this task has stopped."""

    first: str


class Stopping(Frozen):
    """Early stopping per task.

    Scores and limits are in standard errors of the task's validation metric, since relative improvements have no
    meaning below 0, and units differ between tasks.
    """

    policy: Literal["joint", "freeze", "hold"] = "hold"
    """`joint`: all tasks stop together, on their mean score. Otherwise a stopped task is paused (`freeze`), or learns
    from its own best checkpoint until its score rises above it (`hold`). `joint` and `freeze` are baselines.
    """
    end: Literal["all", "any"] | EndAfterTask = "all"
    """Training ends when all tasks have stopped, or any, or `first: TASK`; or after `training.epochs`."""
    patience: Patience | None = None
    """Evaluations without an improvement after which a task stops; by default a share of the maximum number of epochs,
    see `mtl_core.config.budget`.
    """
    min_improvement: StandardErrors = 0.0
    """A score must be more than this above the best one to count as an improvement."""
    warm_up: Evaluations = 0
    """Number of initial evaluations during which no task stops."""
    margin: StandardErrors = 0.25
    """Under `hold`, a stopped task resumes once its score is more than this above its best."""
    tasks: dict[str, TaskStopping] = Field(default_factory=dict)
    """Task -> its patience, min_improvement and warm_up; not under `joint`, where all tasks share one patience."""

    @field_validator("end", mode="wrap")
    @classmethod
    def _union_error(cls, value: object, handler: ValidatorFunctionWrapHandler) -> object:
        try:
            return handler(value)
        except ValidationError:
            raise ValueError(
                f"must be all, any, or `first:` with the name of a task, found {value!r:.80}; write `end: all`, "
                "`end: any` or `end: {first: TASK}`"
            ) from None

    def of(self, task: str) -> Self:
        """The options for a task."""
        options = self.tasks.get(task)
        return self.model_copy(update=options.model_dump(exclude_none=True)) if options else self

    def build(
        self, tasks: tuple[str, ...], start_epochs: Mapping[str, int] | None = None, *, patience: int
    ) -> "Stopper":
        """A stopper for the tasks.

        Args:
            start_epochs: task -> the first epoch in which it takes part; 1 by default.
            patience: for tasks without a declared patience.
        """
        from mtl_core.stopping import Stopper, StoppingRule

        starts = start_epochs or {}
        rules = {}
        for task in tasks:
            options = self if self.policy == "joint" else self.of(task)
            rules[task] = StoppingRule(
                patience=options.patience or patience,
                min_improvement=options.min_improvement,
                warm_up=options.warm_up,
                start_epoch=starts.get(task, 1),
            )
        if isinstance(self.end, EndAfterTask):
            return Stopper(rules, policy=self.policy, first=self.end.first, margin=self.margin)
        return Stopper(rules, policy=self.policy, end=self.end, margin=self.margin)
