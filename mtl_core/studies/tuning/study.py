"""The tuning study as a whole: its lock, its record, and the repetition of a trial."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mtl_core.errors import TrainingError
from mtl_core.files import write_bytes
from mtl_core.locks import exclusive_command
from mtl_core.numbers import Number
from mtl_core.studies.provenance import Provenance
from mtl_core.studies.tuning.record import Trial, Tuning
from mtl_core.studies.tuning.search import JOURNAL, Search
from mtl_core.studies.tuning.trials import Pruned, TrialProgress, TrialRunner


@contextmanager
def exclusive_study(folder: Path) -> Iterator[None]:
    """Make this the only command in the study's folder; RunInProgress for another. Leftovers of a kill are removed."""
    with exclusive_command(folder / "lock", "mtl tune", fix="wait for it, or use --workers"):
        _repair_journal(folder / JOURNAL)
        _remove_scratch(folder)
        try:
            yield
        finally:
            _remove_scratch(folder)


def best_number(trials: Sequence[Trial]) -> int:
    """Number of the complete trial with the highest objective, the first of equals."""
    complete = [trial for trial in trials if trial.state == "complete" and trial.objective is not None]
    return max(complete, key=lambda trial: (trial.objective or 0.0, -trial.number)).number if complete else 0


def study_of(search: Search, provenance: Provenance) -> Tuning:
    """Record of the search's finished trials, of which trial 0 must be one."""
    baseline, trials = search.baseline, search.trials
    assert baseline is not None
    return Tuning(
        provenance=provenance,
        space=search.options.space,
        declared=search.runner.declared,
        baseline=baseline,
        trials=trials,
        best=best_number(trials),
        importance=search.importance(),
    )


def repeat_trial(study: Tuning, number: int, runner: TrialRunner) -> dict[str, tuple[Number, Number]]:
    """Train a trial again for as many epochs: task -> its value then and now, for those that differ in any bit.

    Raises:
        TrainingError: there is no such trial, or it failed.
    """
    trial = study.trial(number)
    if trial is None or trial.state == "failed":
        trained = ", ".join(str(trial.number) for trial in study.trials if trial.state != "failed")
        reason = f"that it failed: {trial.error}" if trial else "no trial of that number"
        raise TrainingError(
            f"trial {number}: must have been trained to be repeated, found {reason}; trained: {trained}"
        )

    def stop_where_pruned(progress: TrialProgress) -> None:
        if trial.state == "pruned" and progress.last_epoch == trial.epochs:
            raise Pruned

    repeated = runner.run(number, trial.changes if number else {}, study.baseline, stop_where_pruned)
    if repeated.state == "failed":
        raise TrainingError(f"trial {number}: {repeated.error}")
    pairs = {task: (value, repeated.values.get(task)) for task, value in trial.values.items()}
    pairs["number of epochs"] = (trial.epochs, repeated.epochs)
    pairs["chosen epoch"] = (trial.chosen, repeated.chosen)
    return {name: (before, after) for name, (before, after) in pairs.items() if before != after}


def _remove_scratch(folder: Path) -> None:
    for scratch in folder.glob("trial-*"):
        shutil.rmtree(scratch)


def _repair_journal(journal: Path) -> None:
    """Remove a killed writer's incomplete last line, to which the next would be appended, and its Optuna lock."""
    journal.with_name(f"{journal.name}.lock").unlink(missing_ok=True)
    if journal.exists():
        text = journal.read_bytes()
        complete = text[: text.rfind(b"\n") + 1]
        if complete != text:
            write_bytes(journal, complete)
