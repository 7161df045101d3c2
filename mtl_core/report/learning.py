"""Training of a run: learning curves, stops, calibration."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from mtl_core.config import Stopping
from mtl_core.report.metric_names import metric_title, unit_of
from mtl_core.report.plots.curves import Curve, Span, learning_curves
from mtl_core.report.plots.figure import Table
from mtl_core.report.theme import svg
from mtl_core.report.wording import (
    UNDEFINED,
    decimal_places,
    join_names,
    number,
    number_range,
    rounded,
    signed,
    with_unit,
)
from mtl_core.tasks import Objective
from mtl_core.training import TrainingResult
from mtl_core.training.history import TunedThresholds


@dataclass(frozen=True, kw_only=True)
class LearningCurve(Curve):
    """The metric of a task on validation over the epochs, which are numbered from 1."""

    task: Objective
    unit: str
    values: Sequence[float]
    noise: float
    """Standard error of the metric."""
    final: float
    """Value of the final model: of the chosen epoch or with the fine-tuned head, calibrated."""
    distilled: tuple[Span, ...]
    """Epochs in which the task was distilled from its best checkpoint."""
    paused: tuple[Span, ...]
    """Epochs without the task, after it had stopped."""

    def value(self, epoch: int | None) -> float:
        """Value after that epoch; NaN for None."""
        return math.nan if epoch is None else self.values[epoch - 1]

    @property
    def label(self) -> str:
        """Text of its chart for screen readers."""
        metric = metric_title(self.task.metric.name)
        parts = [f"{self.task.name}: {metric} on validation over {len(self.values)} epochs"]
        parts += [f"best epoch {self.best}"] if self.best else []
        parts += [f"stopped after epoch {epoch}" for epoch in self.stopped]
        for kind, spans in (("distilled", self.distilled), ("paused", self.paused)):
            parts += [f"{kind} in epochs {start + 1} to {end}" for start, end in spans]
        return "; ".join([*parts, f"model of epoch {self.chosen}"])

    @property
    def chart(self) -> Markup:
        """Its chart."""
        return svg(learning_curves({"validation": self}, (*self.distilled, *self.paused)), self.label)

    @property
    def cells(self) -> tuple[str, ...]:
        """Row of the results table."""
        decimals = decimal_places(self.noise)
        best, final = (with_unit(rounded(value, decimals), self.unit) for value in (self.value(self.best), self.final))
        difference = signed(self.task.metric.oriented(self.final - self.value(self.best)) / self.noise, 1)
        return (
            *(self.task.name, metric_title(self.task.metric.name)),
            f"{best} (epoch {self.best})" if self.best else UNDEFINED,
            *(final, difference),
            ", ".join(map(str, self.stopped)) or "never",
        )


def learning_curve(task: Objective, unit: str, result: TrainingResult) -> LearningCurve:
    """The task's curve; `unit` is that of its target."""
    epochs, name = result.epochs, task.name
    return LearningCurve(
        task=task,
        unit=unit_of(task.metric, unit),
        values=tuple(epoch.values[name] for epoch in epochs),
        noise=result.standard_errors[name],
        chosen=result.chosen,
        best=result.best_epoch(name),
        final=result.final(name),
        stopped=tuple(epoch.number for epoch in epochs if name in epoch.stopped),
        distilled=_spans([epoch.number for epoch in epochs if name in epoch.distilled]),
        paused=_spans([e.number for e in epochs if name in e.paused and e.number >= task.start_epoch]),
    )


def results_table(curves: Sequence[LearningCurve]) -> Table:
    """Best and final value per task."""
    head = ("task", "metric", "best", "final", "final − best, s.e.", "stopped after epoch")  # noqa: RUF001 # a minus
    return Table(head=head, rows=tuple(curve.cells for curve in curves))


def epochs_table(curves: Sequence[LearningCurve]) -> Table:
    """Value per epoch and task."""
    epochs = enumerate(zip(*(curve.values for curve in curves), strict=True), start=1)
    rows = tuple((str(epoch), *map(number, values)) for epoch, values in epochs)
    return Table(head=("epoch", *(curve.task.name for curve in curves)), rows=rows)


def stopping_rule(stopping: Stopping, patience: int) -> str:
    """Condition under which a task stops, and its training afterwards."""
    rule = f"after {patience} epoch{'s' * (patience > 1)} without improvement"
    rule += f", not before epoch {stopping.warm_up + 1}" if stopping.warm_up else ""
    if stopping.policy == "joint":
        return f"Stopping (joint): all tasks stop together {rule} of their mean score."
    exceptions = f"; own rules: {join_names(tuple(stopping.tasks))}" if stopping.tasks else ""
    then = "its parameters are frozen and it is paused"
    if stopping.policy == "hold":
        margin = f"{number(stopping.margin)} standard error{'s' * (stopping.margin != 1)}"
        then = f"it is distilled from its best checkpoint, until its score is {margin} above its best"
    return f"Stopping ({stopping.policy}): a task stops {rule}; then {then}{exceptions}."


def learning_notes(result: TrainingResult) -> list[str]:
    """Notes on tasks.

    On those that have the champion as their teacher, still improved at the last epoch, have fine-tuned heads, or are
    behind their best epoch.
    """
    notes = []
    if (lessons := result.champion_teacher) is not None:
        notes += [f"Taught by champion {lessons.champion}: {join_names(lessons.taught)}."] if lessons.taught else []
        notes += [f"Not taught by the champion: {task}; {reason}." for task, reason in lessons.untaught.items()]
    if result.still_improving:
        limit = f"The limit of {result.budget.epochs} epochs ended training while still improving"
        notes.append(f"{limit}: {join_names(result.still_improving)}. training.epochs raises it.")
    if result.finetuned_heads:
        improved = join_names(tuple(head.task for head in result.finetuned_heads if head.improved))
        notes.append(f"Heads fine-tuned with a frozen trunk. Improved on validation and kept: {improved or 'none'}.")
    if result.deficits:
        tasks = join_names(tuple(f"{task} by {deficit:.1f}" for task, deficit in result.deficits.items()))
        notes.append(f"Worse than at the task's own best epoch, in standard errors: {tasks}.")
    return notes


def calibration_table(result: TrainingResult) -> Table:
    """Per task the method, temperature, log loss and ECE on validation before and after, and tuned threshold."""
    thresholds = {tuned.task: _thresholds(tuned) for tuned in result.thresholds}
    rows = (
        (
            *(fit.task, fit.method.replace("_", " ") + (f": {fit.reason}" if fit.reason else "")),
            number_range(fit.temperatures),
            *(number(value, 4) for value in (fit.log_loss_before, fit.log_loss_after)),
            *(number(value, 3) for value in (fit.ece_before, fit.ece_after)),
            thresholds.get(fit.task, UNDEFINED),
        )
        for fit in result.calibrations
    )
    head = ("task", "method", "temperature", "log loss", "log loss, calibrated", "ECE", "ECE, calibrated", "threshold")
    return Table(head=head, rows=tuple(rows))


def _thresholds(tuned: TunedThresholds) -> str:
    untuned = tuned.untuned == len(tuned.thresholds)
    return number_range(tuned.thresholds) + (", not tuned: too few rows" if untuned else "")


def _spans(numbers: Sequence[int]) -> tuple[Span, ...]:
    """Increasing epochs -> spans of consecutive epochs."""
    starts = [number for number in numbers if number - 1 not in numbers]
    ends = [number for number in numbers if number + 1 not in numbers]
    return tuple((start - 1, end) for start, end in zip(starts, ends, strict=True))
