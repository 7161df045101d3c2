"""`mtl tune` for a folder: resume the study, repeat a trial, write a trial's options into params.yaml."""

import difflib
from dataclasses import dataclass, replace
from pathlib import Path

from flows.console.tune import TuneProgress
from flows.layout import Layout
from flows.provenance import provenance_of
from flows.studies import encoded, kept, scratch, show_in_report
from mtl_core.config import PARAMS, Problem, load_problem
from mtl_core.errors import DataError, ProblemError, TrainingError
from mtl_core.files import write_text
from mtl_core.studies.files import write_study
from mtl_core.studies.provenance import config_digest
from mtl_core.studies.tuning import Trial, Tuning
from mtl_core.studies.tuning.applying import with_changes
from mtl_core.studies.tuning.search import Search, name_of
from mtl_core.studies.tuning.study import best_of, exclusive_study, repeat, study_of
from mtl_core.studies.tuning.trials import TrialRunner
from mtl_core.studies.tuning.workers import Job, Lost, run_trials

STUDY = "tune"


@dataclass(frozen=True, kw_only=True)
class TuneResult:
    """The study with its problem, and whether it is complete."""

    study: Tuning
    problem: Problem
    where: str
    """Sentence about the study's file and the report."""
    complete: bool = True
    """True if it has as many trials as were requested."""


def kept_tuning(folder: Path) -> TuneResult:
    """The last study; DataError where there is none."""
    path, problem = Layout(folder).tuning, load_problem(folder)
    study = kept(path, Tuning, "mtl tune")
    current = study.made.declaration == config_digest(problem)
    note = "" if current else "; params.yaml has changed since this study"
    return TuneResult(study=study, problem=problem, where=f"written to {path.relative_to(folder)}{note}")


def tuned(folder: Path, trials: int | None, workers: int) -> TuneResult:
    """Resume the study until it has that many trials, and write its file."""
    if (options := load_problem(folder).tuning) is None:
        raise ProblemError(
            f"{folder / PARAMS}: tuning: required by `mtl tune`, found none; declare a search space, for example\n"
            "  tuning: {space: {training.learning_rate: {low: 0.0003, high: 0.01, log: true}}}"
        )
    total, unfinished, layout = trials or options.trials, scratch(folder, STUDY), Layout(folder)
    with exclusive_study(unfinished):
        problem, _, splits = encoded(folder)
        command = f"mtl tune --trials {total}" + (f" --workers {workers}" if workers > 1 else "")
        made = provenance_of(command, [problem.training.seed, options.seed], folder, problem)
        job = Job(problem=problem, encoded=layout.encoded, folder=unfinished, name=name_of(problem, splits.digest))
        search = job.open()
        search.recover()
        _run(job, search, total, workers)
        search.recover()
        study = study_of(search, made)
        write_study(layout.tuning, study)
    done, path = len(study.trials), layout.tuning.relative_to(folder)
    where = f"written to {path}; {show_in_report(folder)}"
    if done < total:
        where += f"\n{done} of {total} trials are done; run the command again to continue"
    return TuneResult(study=study, problem=problem, where=where, complete=done >= total)


def repeated(folder: Path, number: int) -> str:
    """Train a trial again. Raises TrainingError where its numbers differ in a single bit."""
    study, _ = _current(folder)
    unfinished = scratch(folder, STUDY)
    with exclusive_study(unfinished):
        problem, encoder, splits = encoded(folder)
        runner = TrialRunner(
            problem=problem, encoder=encoder, train=splits.train, validation=splits.validation, folder=unfinished
        )
        differences = repeat(study, number, runner)
    if differences:
        found = "; ".join(f"{name} {before!r}, now {now!r}" for name, (before, now) in differences.items())
        raise TrainingError(
            f"trial {number}: must give the same numbers to the bit, found {found}; recorded at commit "
            f"{study.made.commit or 'unknown'} on {study.made.machine}"
        )
    return f"trial {number}: bit-identical for {len(study.baseline)} tasks"


def applied(folder: Path, number: int) -> str:
    """Write a trial's options into params.yaml; the changed lines."""
    study, problem = _current(folder)
    trial = study.trial(number)
    if trial is None or trial.state != "complete":
        known = ", ".join(str(trial.number) for trial in study.trials if trial.state == "complete")
        found = f"found state {trial.state}" if trial else "found none"
        raise DataError(f"trial {number}: must be complete to be applied, {found}; complete: {known}")
    path = folder / PARAMS
    before = path.read_text(encoding="utf-8")
    after = with_changes(before, study.differences(trial))
    if after == before:
        return f"{PARAMS} already has the options of trial {number}"
    write_text(path, after)
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm=""))[2:]
    changed = [line for line in lines if not line.startswith("@@")]
    head, tail = f"wrote trial {number} to {PARAMS}:", f"run `mtl retrain` to train {problem.name} with it"
    return "\n".join([head, *changed, tail])


def _current(folder: Path) -> tuple[Tuning, Problem]:
    """The study of the problem as it is declared now; ProblemError where it is of another declaration."""
    found = kept_tuning(folder)
    if found.study.made.declaration != config_digest(found.problem):
        raise ProblemError(
            f"{Layout(folder).tuning}: must match {PARAMS}, found a study of another declaration; "
            f"restore {PARAMS}, or run `mtl tune` to start a new study"
        )
    return found.study, found.problem


def _run(job: Job, search: Search, total: int, workers: int) -> None:
    """Train the missing trials; Ctrl-C ends it early once trial 0 is there."""
    before = search.trials
    best = next((trial for trial in before if trial.number == best_of(before)), None)
    with TuneProgress(len(before), total, best) as progress:
        search.runner = replace(search.runner, watch=progress.on_epoch)  # workers are processes of their own
        if not before:
            progress.on_end(search.measure_declared())
        try:
            for event in run_trials(job, search, max(0, total - max(1, len(before))), workers):
                _report(progress, event)
        except KeyboardInterrupt:
            progress.say("stopped; finished trials are kept")


def _report(progress: TuneProgress, event: Trial | Lost) -> None:
    if isinstance(event, Lost):
        progress.on_lost(event)
    else:
        progress.on_end(event)
