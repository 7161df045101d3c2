"""Per-task early stopping as a pure state machine: scores in, decisions out. It never touches a tensor.

A task trains until its score has not improved for `patience` evaluations; then it has stopped. The policy decides what
a stopped task does:

- `joint`: all tasks share one patience, on their mean normalised score, and stop together; the baseline
- `freeze`: the task is paused: it has no loss, and the parameters that it alone uses stay bit-identical (TCDCN, Zhang
  2014, section 3.3; there the trend of training and validation error decides, here patience on the validation score)
- `hold`: the task keeps training on soft targets of its own best checkpoint alone (asynchronous convergence by
  distillation, Lu, NAACL-Industry 2022). Departs from the paper: a task whose score rises `margin` above its best
  trains on its labels again, because it stopped in a noisy stretch or because the training of other tasks helps it

A task whose metric has never been defined has no score. It cannot stop, since it has no best checkpoint. It does not
keep training alive either: its patience is counted too, and once it has run out, training may end. The first score of a
task is always an improvement. Before a task's start epoch nothing is counted, and training waits for it.
"""

import math
import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

Policy = Literal["joint", "freeze", "hold"]
End = Literal["all", "any"]

JOINT = "*"
"""Key of all tasks as one, under the policy `joint`. No task can have that name."""


@dataclass(frozen=True, kw_only=True)
class StoppingRule:
    """Stopping rule of a task. Scores and limits are in standard errors of the task's validation metric."""

    patience: int
    """Evaluations without an improvement."""
    min_improvement: float = 0.0
    """An improvement is more than this above the best score."""
    warm_up: int = 0
    """Number of initial evaluations during which the task does not stop."""
    start_epoch: int = 1
    """Number of the first evaluation, from 1, whose score counts."""


@dataclass(frozen=True, kw_only=True)
class StopDecision:
    """Tasks that stop or resume after an evaluation, in the problem's order."""

    stopped: tuple[str, ...]
    resumed: tuple[str, ...]


@dataclass(kw_only=True)
class _Progress:
    best: float | None = None
    """The last score that counted as an improvement; None before the first finite score."""
    without_improvement: int = 0
    """Evaluations since then."""
    stopped: bool = False

    def advance(self, score: float, min_improvement: float) -> None:
        if math.isfinite(score) and (self.best is None or score > self.best + min_improvement):
            self.best, self.without_improvement = score, 0
        else:
            self.without_improvement += 1


class Stopper:
    """Early stopping of all tasks, updated with one score per task and evaluation; higher is better.

    >>> stopper = Stopper({"churned": StoppingRule(patience=2), "spend": StoppingRule(patience=2)})
    >>> for churned, spend in [(0.0, 0.0), (1.0, 0.5), (0.8, 0.9), (0.7, 1.4)]:
    ...     decision = stopper.update({"churned": churned, "spend": spend})
    >>> decision.stopped, stopper.distilled, stopper.ended
    (('churned',), ('churned',), False)
    """

    def __init__(
        self,
        rules: Mapping[str, StoppingRule],
        *,
        policy: Policy = "hold",
        end: End = "all",
        first: str | None = None,
        margin: float = 0.25,
    ) -> None:
        """State before the first evaluation.

        Args:
            rules: task -> its rule, in the problem's order; under `joint` they differ in `start_epoch` alone.
            policy: decides what a stopped task does.
            end: training ends when all tasks have stopped, or any.
            first: the task whose stop ends training; overrides `end`.
            margin: under `hold` a stopped task trains on its labels again once its score is more than this above its
                best.
        """
        self.tasks, self.evaluations = tuple(rules), 0
        self._policy, self._end, self._first, self._margin = policy, end, first, margin
        latest = max(rule.start_epoch for rule in rules.values())
        self._rules = {**rules, JOINT: replace(next(iter(rules.values())), start_epoch=latest)}
        self._progress = {key: _Progress() for key in self._rules}

    @property
    def stopped(self) -> tuple[str, ...]:
        """The tasks that have stopped, in the problem's order."""
        return tuple(task for task in self.tasks if self._progress[task].stopped)

    @property
    def paused(self) -> tuple[str, ...]:
        """The tasks that do not train now."""
        return self.stopped if self._policy == "freeze" else ()

    @property
    def distilled(self) -> tuple[str, ...]:
        """The tasks that learn from their own best checkpoint now."""
        return self.stopped if self._policy == "hold" else ()

    @property
    def ended(self) -> bool:
        """True if training is over: by the declared end, or because no task learns from its labels any more."""
        if all(self._progress[task].stopped or self._out_of_patience(task) for task in self.tasks):
            return True
        if self._first is not None:
            return self._first in self.stopped
        return self._end == "any" and len(self.stopped) > 0

    def update(self, scores: Mapping[str, float]) -> StopDecision:
        """Decide after one evaluation.

        NaN and infinities are never an improvement, and do not resume a task.
        """
        stopped_before, self.evaluations = self.stopped, self.evaluations + 1
        self._advance(JOINT, self._joint_score(scores))
        for task in self.tasks:
            progress = self._progress[task]
            if not (progress.stopped and self._policy == "hold"):
                self._advance(task, scores[task])
            if not progress.stopped:
                has_score = self._progress[self._key(task)].best is not None
                progress.stopped = has_score and self._out_of_patience(task)
            elif progress.best is not None and self._resumes(task, progress.best, scores[task]):
                progress.stopped, progress.without_improvement, progress.best = False, 0, scores[task]
        return StopDecision(
            stopped=tuple(task for task in self.stopped if task not in stopped_before),
            resumed=tuple(task for task in stopped_before if task not in self.stopped),
        )

    def _advance(self, key: str, score: float) -> None:
        rule = self._rules[key]
        if self.evaluations >= rule.start_epoch:
            self._progress[key].advance(score, rule.min_improvement)

    def _joint_score(self, scores: Mapping[str, float]) -> float:
        """The mean over the tasks that have ever had a score; not finite where one of them has none now.

        The first score of a task changes the set of tasks, so that the new mean cannot be compared with earlier ones:
        the best mean is reset, and the new one counts as an improvement.
        """
        scored = [task for task in self.tasks if self._progress[task].best is not None]
        newly_scored = [task for task in self.tasks if task not in scored and math.isfinite(scores[task])]
        if newly_scored:
            self._progress[JOINT].best = None
        values = [scores[task] for task in (*scored, *newly_scored)]
        return statistics.mean(values) if values else math.nan  # exact, hence the same in any order of tasks

    def _key(self, task: str) -> str:
        return JOINT if self._policy == "joint" else task

    def _out_of_patience(self, task: str) -> bool:
        key = self._key(task)
        rule = self._rules[key]
        return self.evaluations > rule.warm_up and self._progress[key].without_improvement >= rule.patience

    def _resumes(self, task: str, best: float, score: float) -> bool:
        """True if a stopped task with that best score trains on its labels again."""
        limit = best + max(self._margin, self._rules[task].min_improvement)
        return self._policy == "hold" and math.isfinite(score) and score > limit

    def state_dict(self) -> dict[str, Any]:
        """The state, as JSON values."""
        return {
            "evaluations": self.evaluations,
            "progress": {key: asdict(progress) for key, progress in self._progress.items()},
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore what `state_dict` returned; an empty state is that before the first evaluation."""
        self.evaluations = state.get("evaluations", 0)
        self._progress |= {key: _Progress(**progress) for key, progress in state.get("progress", {}).items()}
