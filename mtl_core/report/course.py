"""What became of a task in training: its best epoch, when it stopped, how long it was held. Pure functions."""

import math
from dataclasses import dataclass

from mtl_core.report.wording import NOTHING, metric_title, places, rounded, unit_of, with_unit
from mtl_core.tasks import FittedTask
from mtl_core.training import Outcome

__all__ = ["Course", "course"]


@dataclass(frozen=True, kw_only=True)
class Course:
    """One task over the epochs, numbered from 1."""

    task: FittedTask
    unit: str
    values: tuple[float, ...]
    """Its own metric on validation after each epoch; NaN where undefined."""
    noise: float
    """The standard error of that metric."""
    chosen: int
    """The epoch whose weights are the model; the same for every task."""
    best: int | None
    """None where its metric was never defined."""
    stopped: int | None
    """The epoch after which it stopped; None where it learned from its labels to the end."""
    held: tuple[int, int] | None
    """From the epoch after which it learned from its own soft targets, to the last one in which it did."""

    def value(self, epoch: int | None) -> float:
        """Its metric after that epoch."""
        return math.nan if epoch is None else self.values[epoch - 1]

    def gain(self, start: int | None, end: int | None) -> float:
        """How much better its metric was after `end` than after `start`; below 0 is worse."""
        return self.task.metric.oriented(self.value(end) - self.value(start))

    @property
    def cells(self) -> tuple[str, ...]:
        """Its line of the table under the curves."""
        return (
            self.task.name,
            metric_title(self.task.metric.name),
            self._at(self.best),
            with_unit(self._number(self.value(self.chosen)), self.unit),
            self._change(self.best, self.chosen),
            f"epoch {self.stopped}" if self.stopped else "never",
            self._since_it_stopped,
        )

    @property
    def _since_it_stopped(self) -> str:
        if self.stopped is None:
            return NOTHING
        if self.chosen <= self.stopped:
            return "final is from before" if self.chosen < self.stopped else "final is from then"
        return self._change(self.stopped, self.chosen)

    def _at(self, epoch: int | None) -> str:
        return NOTHING if epoch is None else f"{with_unit(self._number(self.value(epoch)), self.unit)}, epoch {epoch}"

    def _number(self, value: float) -> str:
        return rounded(value, places(self.noise))

    def _change(self, start: int | None, end: int | None) -> str:
        gain = self.gain(start, end)
        if not math.isfinite(gain):
            return NOTHING
        if gain == 0:
            return "the same"
        ratio = abs(gain) / self.noise
        errors = f"{ratio:.1f}" if ratio >= 0.05 else "<\N{NO-BREAK SPACE}0.1"
        by = with_unit(self._number(abs(gain)), self.unit)
        return f"{'better' if gain > 0 else 'worse'} by {by} ({errors}\N{NO-BREAK SPACE}s.e.)"


def course(task: FittedTask, unit: str, outcome: Outcome) -> Course:
    """The task's course; `unit` is that of its target."""
    epochs, name = outcome.epochs, task.name
    known = [epoch for epoch in epochs if math.isfinite(epoch.scores[name])]
    best = max(known, key=lambda epoch: (epoch.scores[name], -epoch.number)).number if known else None
    stopped = next((epoch.number for epoch in epochs if name in epoch.stopped), None)
    held = [epoch.number for epoch in epochs if name in epoch.held]
    return Course(
        task=task,
        unit=unit_of(task.metric, unit),
        values=tuple(epoch.values[name] for epoch in epochs),
        noise=outcome.standard_errors[name],
        chosen=outcome.chosen,
        best=best,
        stopped=stopped,
        held=(held[0] - 1, held[-1]) if held else None,
    )
