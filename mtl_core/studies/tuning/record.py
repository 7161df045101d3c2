"""Record of a search for options: its trials, and the baseline by which they are measured.

A trial's objective is its mean gain over the tasks. A task's gain is how much better its own metric on validation is
than that of trial 0, the problem as it is declared, in standard errors of trial 0: 0 is what is declared, +1 one
standard error better. The test split is never looked at.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import Field, JsonValue

from mtl_core.config import SearchRange
from mtl_core.frozen import Frozen
from mtl_core.numbers import Number, defined
from mtl_core.studies.provenance import Provenance
from mtl_core.tasks import Objective
from mtl_core.training import TrainingResult


class Measure(Frozen):
    """A task's own metric on validation in trial 0, the unit of every trial's gain in that task."""

    metric: str
    higher_is_better: bool
    value: Number
    """None where it is undefined: no trial is measured by that task."""
    standard_error: float

    def gain(self, value: Number) -> Number:
        """Standard errors by which that value is better; None where one of the two is undefined."""
        if value is None or self.value is None:
            return None
        better = value - self.value if self.higher_is_better else self.value - value
        return defined(better / self.standard_error)


Baseline = dict[str, Measure]
"""Task -> its metric in trial 0."""


class Trial(Frozen):
    """Result of a training with other options."""

    number: int
    """0 is the declared problem; one that a kill cut short has a number too, and is not kept."""
    state: Literal["complete", "pruned", "failed"]
    changes: dict[str, JsonValue]
    """Path -> value, of every tuned option that this trial has."""
    objective: Number = None
    """Mean gain over the tasks; of a pruned trial that of its best epoch; None of one that failed."""
    worst: Number = None
    """The smallest gain of a task."""
    values: dict[str, Number] = Field(default_factory=dict)
    """Task -> its own metric on validation, of the model; of a pruned trial after its best epoch."""
    epochs: int = 0
    chosen: int | None = None
    """The epoch whose weights are the model; of a pruned trial its best."""
    seconds: float = 0.0
    """Processor seconds; 0 where an earlier trial had the same options, and its result was taken."""
    why: str = ""
    """Error of a failed trial."""


class Tuning(Frozen):
    """The study's file."""

    made: Provenance
    space: dict[str, SearchRange]
    declared: dict[str, JsonValue]
    """Path -> value in params.yaml."""
    baseline: Baseline
    trials: tuple[Trial, ...]
    """Trials in the order of their numbers."""
    best: int
    """Number of the complete trial with the highest objective, the first of equals; 0 where none beats the declared."""
    importance: dict[str, float] = Field(default_factory=dict)
    """Path -> its share in what tells the better trials from all (PED-ANOVA, Watanabe 2023); empty of few trials."""

    def trial(self, number: int) -> Trial | None:
        """The trial of that number, if it was kept."""
        return next((trial for trial in self.trials if trial.number == number), None)

    def differences(self, trial: Trial) -> dict[str, JsonValue]:
        """The options of the trial that differ from the declared."""
        return {path: value for path, value in trial.changes.items() if value != self.declared.get(path)}


def baseline_of(tasks: Sequence[Objective], outcome: TrainingResult) -> Baseline:
    """From the training of the declared problem."""
    return {
        task.name: Measure(
            metric=task.metric.name,
            higher_is_better=task.metric.higher_is_better,
            value=defined(outcome.final(task.name)),
            standard_error=outcome.standard_errors[task.name],
        )
        for task in tasks
    }


def gains(baseline: Baseline, values: Mapping[str, Number]) -> dict[str, Number]:
    """Task -> its gain, for every task that is measured."""
    return {task: one.gain(values.get(task)) for task, one in baseline.items() if one.value is not None}


def mean_gain(baseline: Baseline, values: Mapping[str, Number]) -> Number:
    """The objective; None where the metric of a measured task is undefined."""
    found = list(gains(baseline, values).values())
    known = [gain for gain in found if gain is not None]
    return math.fsum(known) / len(known) if known and len(known) == len(found) else None
