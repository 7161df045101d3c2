"""What `mtl tune` does: goes on with the study, trains a trial again, writes one into params.yaml."""

import difflib
from dataclasses import dataclass
from pathlib import Path

from flows.layout import Layout
from flows.made import made_by
from flows.studies import encoded, scratch, show_in_report
from flows.tuning_shown import Watch
from mtl_core.config import PARAMS, Problem, load_problem
from mtl_core.errors import DataError, ProblemError, TrainingError
from mtl_core.files import write_text
from mtl_core.studies.files import read_study, write_study
from mtl_core.studies.made import declaration
from mtl_core.studies.tuning import Trial, Tuning
from mtl_core.studies.tuning.applying import with_changes
from mtl_core.studies.tuning.search import Search, name_of
from mtl_core.studies.tuning.study import alone, best_of, repeat, study_of
from mtl_core.studies.tuning.trials import Bench
from mtl_core.studies.tuning.workers import Job, Lost, run_trials

__all__ = ["Found", "applied", "kept", "repeated", "tuned"]

STUDY = "tune"


@dataclass(frozen=True, kw_only=True)
class Found:
    """The study, and what there is to say about it."""

    study: Tuning
    problem: Problem
    told: str
    whole: bool = True
    """Whether it has all the trials that it was asked for."""


def kept(folder: Path) -> Found:
    """What was found last; DataError where nothing was."""
    path, problem = Layout(folder).tuning, load_problem(folder)
    if (study := read_study(path, Tuning)) is None:
        raise DataError(f"{path}: must be there, found no file; `mtl tune` makes it")
    current = study.made.declaration == declaration(problem)
    told = "" if current else "; it was measured on another declaration than that of params.yaml now"
    return Found(study=study, problem=problem, told=f"kept in {path.relative_to(folder)}{told}")


def tuned(folder: Path, trials: int | None, workers: int) -> Found:
    """Goes on with the study until it has so many trials, and writes its file."""
    if (options := load_problem(folder).tuning) is None:
        raise ProblemError(
            f"{folder / PARAMS}: tuning: required by `mtl tune`, but not there; declare what to search, as in\n"
            "  tuning: {space: {training.learning_rate: {low: 0.0003, high: 0.01, log: true}}}"
        )
    most, place, layout = trials or options.trials, scratch(folder, STUDY), Layout(folder)
    with alone(place):
        problem, _, splits = encoded(folder)
        asked = f"mtl tune --trials {most}" + (f" --workers {workers}" if workers > 1 else "")
        made = made_by(asked, [problem.training.seed, options.seed], folder, problem)
        job = Job(problem=problem, encoded=layout.encoded, folder=place, name=name_of(problem, splits.digest))
        search = job.open()
        search.recover()
        _run(job, search, most, workers)
        search.recover()
        study = study_of(search, made)
        write_study(layout.tuning, study)
    done, path = len(study.trials), layout.tuning.relative_to(folder)
    told = f"kept in {path}; {show_in_report(folder)}"
    if done < most:
        told += f"\n{done} of {most} trials are done; run it again to go on"
    return Found(study=study, problem=problem, told=told, whole=done >= most)


def repeated(folder: Path, number: int) -> str:
    """Trains a trial again. TrainingError where it gives other numbers than before, to the bit."""
    study, _ = _current(folder)
    place = scratch(folder, STUDY)
    with alone(place):
        problem, encoder, splits = encoded(folder)
        bench = Bench(problem=problem, encoder=encoder, train=splits.train, validation=splits.validation, folder=place)
        differences = repeat(study, number, bench)
    if differences:
        found = "; ".join(f"{name} {before!r}, now {now!r}" for name, (before, now) in differences.items())
        raise TrainingError(
            f"trial {number}: must give the same numbers to the bit, found {found}; they were made at commit "
            f"{study.made.commit or 'unknown'} on {study.made.machine}"
        )
    return f"trial {number}: the same to the bit, {len(study.yardstick)} tasks"


def applied(folder: Path, number: int) -> str:
    """Writes a trial's options into params.yaml, and says which lines changed."""
    study, problem = _current(folder)
    trial = study.trial(number)
    if trial is None or trial.state != "complete":
        known = ", ".join(str(trial.number) for trial in study.trials if trial.state == "complete")
        found = f"found that it {trial.state}" if trial else "found none"
        raise DataError(f"trial {number}: must be a complete one to be applied, {found}; complete: {known}")
    path = folder / PARAMS
    before = path.read_text(encoding="utf-8")
    after = with_changes(before, study.differences(trial))
    if after == before:
        return f"{PARAMS} says what trial {number} has already"
    write_text(path, after)
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm=""))[2:]
    changed = [line for line in lines if not line.startswith("@@")]
    head, tail = f"{PARAMS} has the options of trial {number}:", f"`mtl retrain` trains {problem.name} with them"
    return "\n".join([head, *changed, tail])


def _current(folder: Path) -> tuple[Tuning, Problem]:
    """The study of what is declared now; ProblemError where it is one of another declaration."""
    found = kept(folder)
    if found.study.made.declaration != declaration(found.problem):
        raise ProblemError(
            f"{Layout(folder).tuning}: must be of what {PARAMS} declares now, found a study of another declaration; go "
            f"back to that, as with `git checkout {PARAMS}`, or run `mtl tune`"
        )
    return found.study, found.problem


def _run(job: Job, search: Search, most: int, workers: int) -> None:
    """Trains what is missing of the trials; Ctrl-C ends it early once trial 0 is there."""
    before = search.trials
    best = next((trial for trial in before if trial.number == best_of(before)), None)
    with Watch(len(before), most, best) as watch:
        if not before:
            watch.on_end(search.measure_declared())
        try:
            for event in run_trials(job, search, max(0, most - max(1, len(before))), workers):
                _say(watch, event)
        except KeyboardInterrupt:
            watch.progress.console.print("stopped; what is finished is kept")


def _say(watch: Watch, event: Trial | Lost) -> None:
    if isinstance(event, Lost):
        watch.on_lost(event)
    else:
        watch.on_end(event)
