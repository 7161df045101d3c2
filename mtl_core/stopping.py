"""Per-task early stopping as a pure state machine: scores in, decisions out. It never touches a tensor.

A task trains until its score has not improved for `patience` evaluations; then it has stopped. What that means is the
policy's:

- `joint`: all tasks share one patience, on their mean normalised score, and stop together; the baseline
- `freeze`: the task rests: no loss, its own parameters untouched to the bit (TCDCN, Zhang 2014, section 3.3; there the
  trend of training and validation error decides, here patience on the validation score)
- `resume`: the task rests, and trains again once its score has fallen `margin` below its best (dynamic stop-and-go,
  Lu 2020, "12-in-1", section 3.2; there a task at rest still trains now and then, and both limits are shares of the
  score, here they are standard errors)
- `hold`: the task goes on with soft targets of its own best checkpoint alone
  (asynchronous convergence by distillation, Lu, NAACL-Industry 2022)

A task that has had no score yet, since its metric is undefined, cannot stop: it has no best to rest on. Nor does it
keep the others training: once its patience has run out too, counted like everyone's, training may end without it. Its
first score is an improvement whenever it comes. A task that begins late counts nothing before, and training waits for
it.
"""

import math
import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Annotated, Any, Literal, Self

from pydantic import Field, ValidationError, ValidatorFunctionWrapHandler, field_validator

from mtl_core.frozen import Frozen

__all__ = ["Change", "First", "Stopper", "Stopping", "TaskStopping"]

TOGETHER = "*"
"""The one contestant of the policy `joint`: all tasks as one. No task can have that name."""

Patience = Annotated[int, Field(ge=1)]
Errors = Annotated[float, Field(ge=0)]
Evaluations = Annotated[int, Field(ge=0)]


class TaskStopping(Frozen):
    """What one task has of its own; what is not given holds as for all."""

    patience: Patience | None = None
    min_improvement: Errors | None = None
    warm_up: Evaluations | None = None


class First(Frozen):
    """The end of training: when that task has stopped."""

    first: str


class Stopping(Frozen):
    """Options of early stopping, as `params.yaml` declares them. Scores count in standard errors of the task's
    validation metric, so that a limit is neither a share of a score, which would mean nothing below 0, nor in its unit.
    """

    policy: Literal["joint", "freeze", "resume", "hold"] = "hold"
    end: Literal["all", "any"] | First = "all"
    """Training ends when all tasks have stopped, or any, or `first: TASK`; or after `training.epochs`."""
    patience: Patience = 3
    """Evaluations without an improvement after which a task stops."""
    min_improvement: Errors = 0.0
    """An improvement is more than this above the best score."""
    warm_up: Evaluations = 0
    """In so many evaluations, from the first on, nothing stops."""
    margin: Errors = 1.0
    """Under `resume`: a task trains again once its score is more than this below its best."""
    tasks: dict[str, TaskStopping] = Field(default_factory=dict)
    """Task -> its own patience, min_improvement and warm_up; not under `joint`, where all share one patience."""

    @field_validator("end", mode="wrap")
    @classmethod
    def _one_mistake(cls, value: object, handler: ValidatorFunctionWrapHandler) -> object:
        try:
            return handler(value)
        except ValidationError:
            raise ValueError(
                f"must be all, any, or `first:` with the name of a task, found {value!r:.80}; write `end: all`, "
                "`end: any` or `end: {first: TASK}`"
            ) from None

    def of(self, task: str) -> Self:
        """These options as they hold for that task."""
        own = self.tasks.get(task)
        return self.model_copy(update=own.model_dump(exclude_none=True)) if own else self


@dataclass(frozen=True, kw_only=True)
class Change:
    """What one evaluation decided; tasks in the problem's order."""

    stopped: tuple[str, ...]
    resumed: tuple[str, ...]


@dataclass(kw_only=True)
class _Progress:
    best: float | None = None
    """The last score that counted as an improvement; None before there is a finite one."""
    bad: int = 0
    """Evaluations since then."""
    stopped: bool = False

    def advance(self, score: float, min_improvement: float) -> None:
        better = math.isfinite(score) and (self.best is None or score > self.best + min_improvement)
        self.best = score if better else self.best
        self.bad = 0 if better else self.bad + 1


class Stopper:
    """Fed one score per task per evaluation; higher is better, in units of the score's standard error."""

    def __init__(self, options: Stopping, tasks: tuple[str, ...], begins: Mapping[str, int] | None = None) -> None:
        """`begins`: task -> the evaluation, counted from 1, before which its score means nothing; 1 where not given."""
        self.options, self.tasks, self.evaluations = options, tasks, 0
        begins = begins or {}
        self._begins = {**begins, TOGETHER: max(begins.values(), default=1)}
        self._progress = {task: _Progress() for task in (*tasks, TOGETHER)}

    @property
    def stopped(self) -> tuple[str, ...]:
        """The tasks that have stopped, in the problem's order."""
        return tuple(task for task in self.tasks if self._progress[task].stopped)

    @property
    def resting(self) -> tuple[str, ...]:
        """The tasks that take no part in training now."""
        return self.stopped if self.options.policy in ("freeze", "resume") else ()

    @property
    def held(self) -> tuple[str, ...]:
        """The tasks that learn from their own best checkpoint now."""
        return self.stopped if self.options.policy == "hold" else ()

    @property
    def ended(self) -> bool:
        """Whether training is over: by the declared end, or because no task keeps it going.

        When all tasks rest, no weight moves any more, hence no score, and none could ever fall and be trained again:
        that too is the end, whatever the policy.
        """
        if all(self._progress[task].stopped or self._out_of_patience(task) for task in self.tasks):
            return True
        match self.options.end:
            case "all":
                return False
            case "any":
                return len(self.stopped) > 0
            case First(first=task):
                return task in self.stopped

    def update(self, scores: Mapping[str, float]) -> Change:
        """Takes one evaluation and decides.

        NaN and infinities are never an improvement, a stream of them runs out of patience, and none wakes a task up.
        """
        before, self.evaluations = self.stopped, self.evaluations + 1
        self._advance(TOGETHER, self._together(scores))
        for task in self.tasks:
            progress = self._progress[task]
            self._advance(task, scores[task])
            if not progress.stopped:
                progress.stopped = self._has_score(task) and self._out_of_patience(task)
            elif self.options.policy == "resume" and self._has_fallen(task, scores[task]):
                progress.stopped, progress.bad = False, 0
        return Change(
            stopped=tuple(task for task in self.stopped if task not in before),
            resumed=tuple(task for task in before if task not in self.stopped),
        )

    def _advance(self, contestant: str, score: float) -> None:
        if self.evaluations >= self._begins.get(contestant, 1):
            self._progress[contestant].advance(score, self.options.of(contestant).min_improvement)

    def _together(self, scores: Mapping[str, float]) -> float:
        """The mean over the tasks that have ever had a score; one that lost its score makes it undefined.

        With a task's first score it becomes another mean, which cannot be compared with what was before: it starts
        anew, and counts as an improvement as every first score does.
        """
        begun = [task for task in self.tasks if self._progress[task].best is not None]
        begin = [task for task in self.tasks if task not in begun and math.isfinite(scores[task])]
        if begin:
            self._progress[TOGETHER].best = None
        known = [scores[task] for task in (*begun, *begin)]
        return statistics.mean(known) if known else math.nan  # exact, hence the same in any order of tasks

    def _contestant(self, task: str) -> str:
        return TOGETHER if self.options.policy == "joint" else task

    def _has_score(self, task: str) -> bool:
        return self._progress[self._contestant(task)].best is not None

    def _out_of_patience(self, task: str) -> bool:
        contestant = self._contestant(task)
        rule = self.options.of(contestant)
        return self.evaluations > rule.warm_up and self._progress[contestant].bad >= rule.patience

    def _has_fallen(self, task: str, score: float) -> bool:
        best = self._progress[task].best
        return best is not None and math.isfinite(score) and score < best - self.options.margin

    def state_dict(self) -> dict[str, Any]:
        """Everything it knows, as JSON values."""
        return {
            "evaluations": self.evaluations,
            "progress": {name: asdict(progress) for name, progress in self._progress.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on where `state_dict` was taken; an empty state is the beginning."""
        self.evaluations = state.get("evaluations", 0)
        self._progress |= {name: _Progress(**progress) for name, progress in state.get("progress", {}).items()}
