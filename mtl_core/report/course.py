"""What became of a task in training: its best epoch, its stops, how long it was held or rested. Pure functions."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from mtl_core.report.metric_words import metric_title, unit_of
from mtl_core.report.wording import NOTHING, places, rounded, with_unit
from mtl_core.tasks import Objective
from mtl_core.training import TrainingResult

__all__ = ["Course", "Span", "course"]

Span = tuple[int, int]
"""From the epoch after which something was so, to the last one in which it was."""


@dataclass(frozen=True, kw_only=True)
class Course:
    """One task over the epochs, numbered from 1."""

    task: Objective
    unit: str
    values: tuple[float, ...]
    """Its own metric on validation after each epoch; NaN where undefined."""
    noise: float
    """The standard error of that metric."""
    chosen: int
    """The epoch whose weights are the model; the same for every task."""
    best: int | None
    """None where its metric was never defined."""
    final: float
    """Its metric in the model: after the chosen epoch, fine-tuning of its head, and calibration."""
    refitted: bool
    """True where the model has the head that was fine-tuned after the chosen epoch."""
    stopped: tuple[int, ...]
    """The epochs after which it stopped: several where it was resumed in between, none where it never did."""
    held: tuple[Span, ...]
    """When it learned from its own soft targets."""
    rested: tuple[Span, ...]
    """When it took no part, after it had stopped."""

    def value(self, epoch: int | None) -> float:
        """Its metric after that epoch."""
        return math.nan if epoch is None else self.values[epoch - 1]

    @property
    def cells(self) -> tuple[str, ...]:
        """Its line of the table under the curves."""
        return (
            self.task.name,
            metric_title(self.task.metric.name),
            self._at(self.best),
            with_unit(self._number(self.final), self.unit),
            self._change(self.value(self.best)),
            self._stops,
            self._since_it_stopped,
        )

    @property
    def _stops(self) -> str:
        again = f", again {', '.join(map(str, self.stopped[1:]))}" if len(self.stopped) > 1 else ""
        return f"epoch {self.stopped[0]}{again}" if self.stopped else "never"

    @property
    def _since_it_stopped(self) -> str:
        """Since it last stopped, of what the model has seen."""
        past = [epoch for epoch in self.stopped if epoch <= self.chosen]
        if not past:
            return "final is from before" if self.stopped else NOTHING
        if past[-1] == self.chosen and not self.refitted:
            return "final is from then"
        return self._change(self.value(past[-1]))

    def _at(self, epoch: int | None) -> str:
        return NOTHING if epoch is None else f"{with_unit(self._number(self.value(epoch)), self.unit)}, epoch {epoch}"

    def _number(self, value: float) -> str:
        return rounded(value, places(self.noise))

    def _change(self, before: float) -> str:
        """From then to the model."""
        gain = self.task.metric.oriented(self.final - before)
        if not math.isfinite(gain):
            return NOTHING
        if gain == 0:
            return "the same"
        ratio = abs(gain) / self.noise
        errors = f"{ratio:.1f}" if ratio >= 0.05 else "<\N{NO-BREAK SPACE}0.1"
        by = with_unit(self._number(abs(gain)), self.unit)
        return f"{'better' if gain > 0 else 'worse'} by {by} ({errors}\N{NO-BREAK SPACE}s.e.)"


def course(task: Objective, unit: str, outcome: TrainingResult) -> Course:
    """The task's course; `unit` is that of its target."""
    epochs, name = outcome.epochs, task.name
    resting = [epoch.number for epoch in epochs if name in epoch.resting]
    return Course(
        task=task,
        unit=unit_of(task.metric, unit),
        values=tuple(epoch.values[name] for epoch in epochs),
        noise=outcome.standard_errors[name],
        chosen=outcome.chosen,
        best=outcome.best_epoch(name),
        final=outcome.final(name),
        refitted=any(refit.task == name and refit.kept for refit in outcome.refits),
        stopped=tuple(epoch.number for epoch in epochs if name in epoch.stopped),
        held=_spans([epoch.number for epoch in epochs if name in epoch.held]),
        rested=_spans([number for number in resting if number >= task.start_epoch]),
    )


def _spans(numbers: Sequence[int]) -> tuple[Span, ...]:
    """Rising numbers of epochs -> the runs without a gap among them."""
    starts = [number for number in numbers if number - 1 not in numbers]
    ends = [number for number in numbers if number + 1 not in numbers]
    return tuple((start - 1, end) for start, end in zip(starts, ends, strict=True))
