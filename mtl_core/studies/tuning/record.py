"""Record of a hyperparameter search: its trials, and the baseline against which they are measured.

A trial's objective is its mean gain over the tasks. A task's gain is the improvement of its own metric on validation
over trial 0, the declared problem, in standard errors of trial 0. The test split is not used.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import Field, JsonValue

from mtl_core.config import SearchRange
from mtl_core.frozen import Frozen
from mtl_core.numbers import Number, finite_or_none
from mtl_core.studies.provenance import Provenance
from mtl_core.tasks import Objective
from mtl_core.training import TrainingResult


class BaselineMetric(Frozen):
    """A task's own metric on validation in trial 0, the unit of every trial's gain in that task."""

    metric: str
    higher_is_better: bool
    value: Number
    """None if it is undefined: the task then has no gain."""
    standard_error: float

    def gain(self, value: Number) -> Number:
        """Standard errors by which that value is better; None if one of the two is undefined."""
        if value is None or self.value is None:
            return None
        better = value - self.value if self.higher_is_better else self.value - value
        return finite_or_none(better / self.standard_error)


Baseline = dict[str, BaselineMetric]
"""Task -> its metric in trial 0."""


class Trial(Frozen):
    """Result of a training with other options."""

    number: int
    """0 is the declared problem. A trial that a kill interrupted also has a number, and no record."""
    state: Literal["complete", "pruned", "failed"]
    changes: dict[str, JsonValue]
    """Path -> value, of every tuned option that this trial has."""
    objective: Number = None
    """Mean gain over the tasks; of a pruned trial that of its best epoch; None of a failed one."""
    worst: Number = None
    """The smallest gain of a task."""
    values: dict[str, Number] = Field(default_factory=dict)
    """Task -> its own metric on validation, of the model; of a pruned trial after its best epoch."""
    epochs: int = 0
    chosen: int | None = None
    """The epoch whose weights are the model; of a pruned trial its best."""
    seconds: float = 0.0
    """Processor seconds; 0 where the result is that of an earlier trial with the same options."""
    error: str = ""
    """Error of a failed trial."""


class Tuning(Frozen):
    """The study's file."""

    provenance: Provenance
    space: dict[str, SearchRange]
    declared: dict[str, JsonValue]
    """Path -> value in params.yaml."""
    baseline: Baseline
    trials: tuple[Trial, ...]
    """Trials in the order of their numbers."""
    best: int
    """Number of the complete trial with the highest objective, the first of equals; 0 where none beats trial 0."""
    importance: dict[str, float] = Field(default_factory=dict)
    """Path -> its importance for being among the best trials (PED-ANOVA, Watanabe 2023); empty for few trials."""

    def trial(self, number: int) -> Trial | None:
        """The trial of that number, if it has a record."""
        return next((trial for trial in self.trials if trial.number == number), None)

    def differences(self, trial: Trial) -> dict[str, JsonValue]:
        """The options of the trial that differ from the declared."""
        return {path: value for path, value in trial.changes.items() if value != self.declared.get(path)}


def baseline_of(tasks: Sequence[Objective], result: TrainingResult) -> Baseline:
    """Baseline from the training of the declared problem."""
    return {
        task.name: BaselineMetric(
            metric=task.metric.name,
            higher_is_better=task.metric.higher_is_better,
            value=finite_or_none(result.final(task.name)),
            standard_error=result.standard_errors[task.name],
        )
        for task in tasks
    }


def gains(baseline: Baseline, values: Mapping[str, Number]) -> dict[str, Number]:
    """Task -> its gain, for every task with a defined baseline."""
    return {task: measure.gain(values.get(task)) for task, measure in baseline.items() if measure.value is not None}


def mean_gain(baseline: Baseline, values: Mapping[str, Number]) -> Number:
    """The objective; None if a gain is undefined, or no task has a baseline."""
    all_gains = gains(baseline, values).values()
    numbers = [gain for gain in all_gains if gain is not None]
    return math.fsum(numbers) / len(numbers) if numbers and len(numbers) == len(all_gains) else None
