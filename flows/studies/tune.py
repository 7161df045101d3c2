"""`mtl tune` for a folder: resume the study, repeat a trial, write a trial's options into params.yaml."""

import difflib
from dataclasses import dataclass, replace
from pathlib import Path

from flows.console.tune import TuneProgress
from flows.layout import Layout
from flows.provenance import provenance_of
from flows.studies.common import encoded_problem, scratch_folder, stored_study, update_report
from mtl_core.config import PARAMS, Problem, load_problem
from mtl_core.errors import DataError, ProblemError, TrainingError
from mtl_core.files import write_text
from mtl_core.studies.files import write_study
from mtl_core.studies.provenance import config_digest
from mtl_core.studies.tuning import Tuning
from mtl_core.studies.tuning.apply import edit_params
from mtl_core.studies.tuning.search import Search, study_name
from mtl_core.studies.tuning.study import best_number, exclusive_study, repeat_trial, study_of
from mtl_core.studies.tuning.trials import TrialRunner
from mtl_core.studies.tuning.workers import Job, LostWorker, run_trials

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


def stored_tuning(folder: Path) -> TuneResult:
    """The last study; DataError if there is none."""
    problem = load_problem(folder)
    study, where = stored_study(folder, Layout(folder).tuning, Tuning, "mtl tune")
    current = study.provenance.config_digest == config_digest(problem)
    note = "" if current else "; params.yaml has changed since this study"
    return TuneResult(study=study, problem=problem, where=where + note)


def run_tuning(folder: Path, trials: int | None, workers: int) -> TuneResult:
    """Resume the study until it has that many trials, and write its file."""
    if (options := load_problem(folder).tuning) is None:
        raise ProblemError(
            f"{folder / PARAMS}: tuning: required by `mtl tune`, found none; declare a search space, for example\n"
            "  tuning: {space: {training.learning_rate: {low: 0.0003, high: 0.01, log: true}}}"
        )
    total, scratch, layout = trials or options.trials, scratch_folder(folder, STUDY), Layout(folder)
    with exclusive_study(scratch):
        problem, _, splits = encoded_problem(folder)
        command = f"mtl tune --trials {total}" + (f" --workers {workers}" if workers > 1 else "")
        provenance = provenance_of(command, [problem.training.seed, options.seed], folder, problem)
        job = Job(problem=problem, encoded=layout.encoded, folder=scratch, name=study_name(problem, splits.digest))
        search = job.open()
        search.recover()
        _run_missing(job, search, total, workers)
        search.recover()
        study = study_of(search, provenance)
        write_study(layout.tuning, study)
    done, path = len(study.trials), layout.tuning.relative_to(folder)
    where = f"written to {path}; {update_report(folder)}"
    if done < total:
        where += f"\n{done} of {total} trials are done; run the command again to continue"
    return TuneResult(study=study, problem=problem, where=where, complete=done >= total)


def repeat(folder: Path, number: int) -> str:
    """Train a trial again; a sentence. Raises TrainingError if its numbers differ in any bit."""
    study = _current_study(folder).study
    scratch = scratch_folder(folder, STUDY)
    with exclusive_study(scratch):
        problem, _, _ = encoded_problem(folder)
        differences = repeat_trial(study, number, TrialRunner.open(problem, Layout(folder).encoded, scratch))
    if differences:
        pairs = "; ".join(f"{name} {before!r}, now {after!r}" for name, (before, after) in differences.items())
        raise TrainingError(
            f"trial {number}: must give bit-identical numbers, found {pairs}; recorded at commit "
            f"{study.provenance.commit or 'unknown'} on {study.provenance.machine}"
        )
    return f"trial {number}: bit-identical for {len(study.baseline)} tasks"


def apply(folder: Path, number: int) -> str:
    """Write a trial's options into params.yaml; the changed lines."""
    current = _current_study(folder)
    study, trial = current.study, current.study.trial(number)
    if trial is None or trial.state != "complete":
        complete = ", ".join(str(trial.number) for trial in study.trials if trial.state == "complete")
        state = f"state {trial.state}" if trial else "none"
        raise DataError(f"trial {number}: must be complete to be applied, found {state}; complete: {complete}")
    path = folder / PARAMS
    before = path.read_text(encoding="utf-8")
    after = edit_params(before, study.differences(trial))
    if after == before:
        return f"{PARAMS} already has the options of trial {number}"
    write_text(path, after)
    diff = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=0, lineterm=""))[2:]
    changed = [line for line in diff if not line.startswith("@@")]
    head, tail = f"wrote trial {number} to {PARAMS}:", f"run `mtl retrain` to train {current.problem.name} with it"
    return "\n".join([head, *changed, tail])


def _current_study(folder: Path) -> TuneResult:
    """The last study; ProblemError if params.yaml has changed since."""
    result = stored_tuning(folder)
    if result.study.provenance.config_digest != config_digest(result.problem):
        raise ProblemError(
            f"{Layout(folder).tuning}: must match {PARAMS}, found a study of another declaration; "
            f"restore {PARAMS}, or run `mtl tune` to start a new study"
        )
    return result


def _run_missing(job: Job, search: Search, total: int, workers: int) -> None:
    """Train the missing trials; Ctrl-C stops after trial 0."""
    before = search.trials
    best = next((trial for trial in before if trial.number == best_number(before)), None)
    with TuneProgress(len(before), total, best) as progress:
        search.runner = replace(search.runner, on_epoch=progress.on_epoch)  # not called by workers, which are processes
        if not before:
            progress.on_end(search.run_declared())
        try:
            for event in run_trials(job, search, max(0, total - max(1, len(before))), workers):
                if isinstance(event, LostWorker):
                    progress.on_lost(event)
                else:
                    progress.on_end(event)
        except KeyboardInterrupt:
            progress.say("stopped; finished trials are kept")
