"""The study as a whole: from the trials that a search has kept to the file, and a trial trained once more."""

import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mtl_core.errors import TrainingError
from mtl_core.files import write_bytes
from mtl_core.locks import exclusive_command
from mtl_core.studies.provenance import Provenance
from mtl_core.studies.tuning.record import Trial, Tuning
from mtl_core.studies.tuning.search import JOURNAL, Search
from mtl_core.studies.tuning.trials import EndedEarly, TrialProgress, TrialRunner


@contextmanager
def exclusive_study(folder: Path) -> Iterator[None]:
    """Only one command works in the study's folder; RunInProgress for another. Leftovers of a kill are removed."""
    with exclusive_command(folder / "lock", "mtl tune", fix="wait for it, or use --workers"):
        _mend(folder / JOURNAL)
        _clear(folder)
        try:
            yield
        finally:
            _clear(folder)


def best_of(trials: Sequence[Trial]) -> int:
    """The complete trial with the highest objective, the first of equals."""
    complete = [trial for trial in trials if trial.state == "complete" and trial.objective is not None]
    return max(complete, key=lambda trial: (trial.objective or 0.0, -trial.number)).number if complete else 0


def study_of(search: Search, made: Provenance) -> Tuning:
    """Study of all trials that the search has kept so far; trial 0 must be there."""
    baseline, trials = search.baseline, search.trials
    assert baseline is not None
    return Tuning(
        made=made,
        space=search.options.space,
        declared=search.runner.declared,
        baseline=baseline,
        trials=trials,
        best=best_of(trials),
        importance=search.importance(),
    )


def repeat(study: Tuning, number: int, runner: TrialRunner) -> dict[str, tuple[float | None, float | None]]:
    """Trains a trial again, as far as it was trained: task -> its value then and now, of those that differ at all.

    Raises:
        TrainingError: there is no such trial, or it failed.
    """
    trial = study.trial(number)
    if trial is None or trial.state == "failed":
        known = ", ".join(str(trial.number) for trial in study.trials if trial.state != "failed")
        why = f"it failed: {trial.why}" if trial else "there is none of that number"
        raise TrainingError(f"trial {number}: must have been trained to be repeated, found that {why}; known: {known}")

    def until(course: TrialProgress) -> None:
        if trial.state == "pruned" and course.last == trial.epochs:
            raise EndedEarly

    again = runner.run(number, trial.changes if number else {}, study.baseline, until)
    if again.state == "failed":
        raise TrainingError(f"trial {number}: {again.why}")
    pairs = {task: (value, again.values.get(task)) for task, value in trial.values.items()}
    if (trial.epochs, trial.chosen) != (again.epochs, again.chosen):
        pairs["epochs"] = (trial.epochs, again.epochs)
        pairs["chosen epoch"] = (trial.chosen, again.chosen)
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def _clear(folder: Path) -> None:
    """Remove the leftovers of interrupted trials."""
    for scratch in folder.glob("trial-*"):
        shutil.rmtree(scratch)


def _mend(journal: Path) -> None:
    """A kill may leave half a line, to which the next would be added, and Optuna's lock, on which it would wait."""
    journal.with_name(f"{journal.name}.lock").unlink(missing_ok=True)
    if journal.exists():
        text = journal.read_bytes()
        whole = text[: text.rfind(b"\n") + 1]
        if whole != text:
            write_bytes(journal, whole)
