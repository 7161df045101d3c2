"""Output of `mtl tune`: a line per trial above a bar, and the result of the study."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flows.console.bars import Bars
from flows.console.terminal import number_column, open_console, titled_table
from mtl_core.report.wording import number, option_value, plural, signed

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.table import Table

    from mtl_core.config import Problem
    from mtl_core.studies.tuning import Trial, Tuning
    from mtl_core.studies.tuning.workers import LostWorker
    from mtl_core.training import Epoch

MAX_TRIALS = 10
"""Number of best trials in the table."""


class TuneProgress(Bars):
    """Line on stderr per finished trial, and a bar for all trials."""

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
        result = f" {signed(objective, 2)} after {plural(trial.epochs, 'epoch')}"
        outcome = f": {trial.error}" if trial.error else result
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
    """Print the best trials, the changed options of the best one, and the commands to use it."""
    from mtl_core.studies.tuning.apply import experiment_command

    console = open_console()
    console.print(_trials(study))
    best = study.trial(study.best)
    if best is None or best.number == 0:
        console.out("no trial is better than the declared options")
        return
    console.print(_best(study, best))
    console.out(f"to train trial {best.number} in full and evaluate it on the test split:")
    console.out(f"  {experiment_command(problem, study.differences(best))}")
    console.out(f"to write its options to params.yaml:\n  mtl tune --apply {best.number}")


def _trials(study: Tuning) -> Table:
    counts = {state: sum(trial.state == state for trial in study.trials) for state in ("complete", "pruned", "failed")}
    complete = sorted(
        (trial for trial in study.trials if trial.state == "complete" and trial.objective is not None),
        key=lambda trial: (-(trial.objective or 0.0), trial.number),
    )
    table = titled_table(
        f"best of {len(study.trials)} trials: {', '.join(f'{count} {state}' for state, count in counts.items())}",
        *map(number_column, ("trial", "mean", "worst")),
        *("\n".join(_short_path(path, study.space)) for path in study.space),
        caption="mean and worst gain of the tasks on validation, in standard errors; 0 = declared options",
    )
    for trial in complete[:MAX_TRIALS] + [trial for trial in complete[MAX_TRIALS:] if trial.number == 0]:
        values = [option_value(trial.changes[path]) if path in trial.changes else "" for path in study.space]
        style = "bold green" if trial.number == study.best else ""
        table.add_row(str(trial.number), signed(trial.objective, 2), signed(trial.worst, 2), *values, style=style)
    return table


def _short_path(path: str, others: Iterable[str]) -> list[str]:
    """The last keys of a path, as many as distinguish it from the others."""
    keys, other_keys = path.split("."), [other.split(".") for other in others if other != path]
    counts = range(1, len(keys))
    return next((keys[-n:] for n in counts if all(other[-n:] != keys[-n:] for other in other_keys)), keys)


def _best(study: Tuning, best: Trial) -> Table:
    name = f"trial {best.number}"
    table = titled_table(f"{name} and the declared options", "option or task", "declared", name, "gain")
    for path, value in study.differences(best).items():
        table.add_row(path, option_value(study.declared[path]), option_value(value), "")
    table.add_section()
    for task, measure in study.baseline.items():
        value = best.values.get(task)
        cells = (number(measure.value), number(value), signed(measure.gain(value), 2))
        table.add_row(f"{task}: {measure.metric}", *cells)
    return table
