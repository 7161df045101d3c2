"""Output of `mtl tune`: a line per trial above a bar, and the result of the study."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from flows.console.bars import Bars
from flows.console.terminal import open_console
from mtl_core.report.wording import option_value, signed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from mtl_core.config import Problem
    from mtl_core.studies.tuning import Trial, Tuning
    from mtl_core.studies.tuning.workers import LostWorker
    from mtl_core.training import Epoch

SHOWN = 10
"""Trials in the table at the end: the best ones."""


class TuneProgress(Bars):
    """Line on stderr per finished trial, and a bar over all of them."""

    def __init__(self, done: int, trials: int, best: Trial | None) -> None:
        super().__init__(open_console(stderr=True))
        self.best, self.trials, self.done = best, trials, done
        self.bar, self.trial = self.add("trials", trials, done), self.add("")

    def on_end(self, trial: Trial) -> None:
        """Callback after a trial."""
        objective = trial.objective
        if trial.state == "complete" and objective is not None:
            before = self.best.objective if self.best else None
            self.best = trial if before is None or objective > before else self.best
        best = f"; best {signed(self.best.objective, 2)}, trial {self.best.number}" if self.best else ""
        outcome = f": {trial.why}" if trial.why else f" {signed(objective, 2)} after {_epochs(trial.epochs)}"
        self.say(f"trial {trial.number} {trial.state}{outcome}{best}")
        self.done += 1
        self.restart(self.trial, "")
        self.move(self.bar, self.done, self.trials)

    def on_epoch(self, number: int, epoch: Epoch) -> None:
        """Callback after an epoch of a trial in this process."""
        self.restart(self.trial, f"trial {number}: epoch {epoch.number} done")

    def on_lost(self, lost: LostWorker) -> None:
        """Callback after the death of a worker."""
        self.say(str(lost), "red")


def print_tuning(study: Tuning, problem: Problem) -> None:
    """The best trials, the options of the best one that differ from the declared, and the commands to use it."""
    from mtl_core.studies.tuning.apply import experiment_command

    console = open_console()
    console.print(_trials(study))
    best = study.trial(study.best)
    if best is None or best.number == 0:
        console.print("no trial is better than the declared options")
        return
    console.print(_best(study, best))
    console.print(f"to train trial {best.number} in full and evaluate it on the test split:")
    console.print(f"  {experiment_command(problem, study.differences(best))}", highlight=False, soft_wrap=True)
    console.print(f"to write its options to params.yaml:\n  mtl tune --apply {best.number}")


def _trials(study: Tuning) -> Table:
    counts = {state: sum(trial.state == state for trial in study.trials) for state in ("complete", "pruned", "failed")}
    complete = sorted(
        (trial for trial in study.trials if trial.state == "complete" and trial.objective is not None),
        key=lambda trial: (-(trial.objective or 0.0), trial.number),
    )
    shown = complete[:SHOWN] + [trial for trial in complete[SHOWN:] if trial.number == 0]
    table = Table(
        title=f"best of {len(study.trials)} trials: {', '.join(f'{n} {state}' for state, n in counts.items())}",
        title_justify="left",
        title_style="bold",
        caption="mean and worst gain of the tasks on validation, in standard errors; 0 = declared options",
        caption_justify="left",
    )
    for name in ("trial", "mean", "worst"):
        table.add_column(name, justify="right")
    for path in study.space:
        table.add_column("\n".join(_short_path(path, study.space)), overflow="fold")
    for trial in shown:
        values = [Text(option_value(trial.changes[path])) if path in trial.changes else "" for path in study.space]
        style = "bold green" if trial.number == study.best else ""
        table.add_row(str(trial.number), signed(trial.objective, 2), signed(trial.worst, 2), *values, style=style)
    return table


def _short_path(path: str, others: Iterable[str]) -> list[str]:
    """The last steps of a path, as many as distinguish it from the others."""
    steps, rest = path.split("."), [other.split(".") for other in others if other != path]
    counts = range(1, len(steps))
    return next((steps[-n:] for n in counts if all(other[-n:] != steps[-n:] for other in rest)), steps)


def _best(study: Tuning, best: Trial) -> Table:
    table = Table(title=f"trial {best.number} and the declared options", title_justify="left", title_style="bold")
    for name in ("option or task", "declared", f"trial {best.number}", "gain"):
        table.add_column(name, overflow="fold")
    for path, value in study.differences(best).items():
        table.add_row(Text(path), Text(option_value(study.declared[path])), Text(option_value(value)), "")
    table.add_section()
    for task, measure in study.baseline.items():
        now = best.values.get(task)
        shown = ("none" if value is None else f"{value:.4g}" for value in (measure.value, now))
        table.add_row(Text(f"{task}: {measure.metric}"), *shown, signed(measure.gain(now), 2))
    return table


def _epochs(count: int) -> str:
    return f"{count} epoch" + ("" if count == 1 else "s")
