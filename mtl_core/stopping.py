"""Per-task early stopping as a pure state machine: scores in, decisions out. It never touches a tensor.

States of a task: `training` until its score has not improved for `patience` evaluations, then `stopped`.
What the loop does to a stopped task is the policy's:

- `joint`: nothing; all tasks share one patience, on the mean normalised score, and stop together
- `hold`: from then on the task trains only on soft targets from its own best checkpoint
  (asynchronous convergence by distillation, Lu, NAACL-Industry 2022)
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from mtl_core.declared import Declared

__all__ = ["Stopper", "Stopping"]

TOGETHER = "*"
"""The one contestant of the `joint` policy: all tasks as one."""


class Stopping(Declared):
    """Options of early stopping, as `params.yaml` declares them."""

    policy: Literal["joint", "hold"] = "hold"
    patience: Annotated[int, Field(ge=1)] = 3
    """Evaluations without an improvement after which a task stops."""
    min_improvement: Annotated[float, Field(ge=0)] = 0.0
    """An improvement is more than this, in standard errors of the task's validation score."""
    warm_up: Annotated[int, Field(ge=0)] = 0
    """Evaluations before which nothing stops."""


@dataclass(kw_only=True)
class _Progress:
    best: float = -math.inf
    bad: int = 0
    stopped: bool = False


class Stopper:
    """Fed one score per task per evaluation, higher is better, in units of the score's standard error."""

    def __init__(self, options: Stopping, tasks: tuple[str, ...]) -> None:
        self.options, self.tasks, self.evaluations = options, tasks, 0
        self._progress = {task: _Progress() for task in (*tasks, TOGETHER)}

    @property
    def stopped(self) -> frozenset[str]:
        """Tasks that have stopped."""
        return frozenset(task for task in self.tasks if self._progress[task].stopped)

    @property
    def ended(self) -> bool:
        """Whether training is over: every task has stopped."""
        return len(self.stopped) == len(self.tasks)

    def update(self, scores: Mapping[str, float]) -> frozenset[str]:
        """Takes one evaluation and returns the tasks whose patience ran out just now.

        NaN and infinities are never an improvement, and a stream of them runs out of patience.
        """
        before, self.evaluations = self.stopped, self.evaluations + 1
        for task in self.tasks:
            self._advance(task, scores[task])
        self._advance(TOGETHER, sum(scores[task] for task in self.tasks) / len(self.tasks))
        for task in self.tasks:
            contestant = TOGETHER if self.options.policy == "joint" else task
            self._progress[task].stopped |= self._out_of_patience(contestant)
        return self.stopped - before

    def _advance(self, name: str, score: float) -> None:
        progress = self._progress[name]
        margin = self.options.min_improvement if math.isfinite(progress.best) else 0.0
        better = math.isfinite(score) and score > progress.best + margin
        progress.best = score if better else progress.best
        progress.bad = 0 if better else progress.bad + 1

    def _out_of_patience(self, name: str) -> bool:
        return self.evaluations > self.options.warm_up and self._progress[name].bad >= self.options.patience

    def state_dict(self) -> dict[str, Any]:
        """Everything it knows, as JSON values."""
        progress = {
            name: {"best": None if math.isinf(p.best) else p.best, "bad": p.bad, "stopped": p.stopped}
            for name, p in self._progress.items()
        }
        return {"evaluations": self.evaluations, "progress": progress}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Goes on where `state_dict` was taken; an empty state is the beginning."""
        self.evaluations = state.get("evaluations", 0)
        for name, p in state.get("progress", {}).items():
            best = -math.inf if p["best"] is None else p["best"]
            self._progress[name] = _Progress(best=best, bad=p["bad"], stopped=p["stopped"])
