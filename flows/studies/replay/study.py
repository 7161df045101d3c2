"""`mtl replay` for a folder: the months, every cadence, and the study's file."""

import hashlib
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from flows.console.replay import ReplayProgress
from flows.environment import variable
from flows.layout import Layout
from flows.pipeline.pin import fetch, present_hash
from flows.provenance import provenance_of
from flows.retrain.server import prefect_server
from flows.studies.common import exclusive_scratch, stored_study, update_report
from flows.studies.replay.cadence import CadenceFolder, replay_params
from flows.studies.replay.months import Months, cut_into_months
from flows.studies.replay.suite import suite_of
from flows.studies.replay.walk import MonthRecord, walk
from mtl_core.config import PARAMS, Problem, TimeSplit, load_problem
from mtl_core.errors import DataError, ProblemError
from mtl_core.studies.files import write_study
from mtl_core.studies.replay.record import Replay, ReplayedCadence, Scores
from mtl_core.validation.suite import suite_path
from serving.lifeline import start_lifeline

DEFAULT_WINDOWS = {"validation": "1 month", "test": "1 month"}
MIN_MONTHS_BEFORE = 3
"""Months before the first one: one each to train, validate and test."""


def stored_replay(folder: Path) -> tuple[Replay, str]:
    """The last study, and a sentence about its file; DataError if there is none."""
    return stored_study(folder, Layout(folder).replay, Replay, "mtl replay")


def run_replay(folder: Path, first: str | None, cadences: Sequence[int], *, limits: bool = True) -> tuple[Replay, str]:
    """Run the study and write its file; the study, and a sentence about its file and the report.

    Args:
        first: the first month to score, as YYYY-MM; by default the fourth of the data.
        cadences: months from one retrain to the next.
        limits: False to leave out `gates.metrics`.
    """
    problem, layout = load_problem(folder), Layout(folder)
    split = replay_split(folder, problem)
    params = replay_params(folder, split, limits=limits)
    fetch(folder)
    with exclusive_scratch(folder, "replay") as scratch:
        start_lifeline(layout.lifelines)
        work = scratch / _digest(folder, problem, params)
        months = cut_into_months(folder, problem, split, work / "months")
        first = _first_month(months, first)
        scored = [(month, path) for month, path in months.files.items() if month >= first]
        before = [path for month, path in months.files.items() if month < first]
        suite = suite_of(folder, problem, months, params, work / "profile")
        command = f"mtl replay --from {first} --cadence {','.join(map(str, cadences))}"
        command += "" if limits else " --without-limits"
        provenance = provenance_of(command, [problem.training.seed], folder, problem)
        records: dict[int, list[MonthRecord]] = {}
        with ReplayProgress(len(scored) * len(cadences)) as progress, _own_server(work / "prefect") as server:
            if months.undated:
                progress.say(f"{months.undated:,} rows without a {split.column} belong to no month and are left out")
            for every in cadences:
                cadence = CadenceFolder(work / f"from-{first}-every-{every}", server)
                cadence.create(folder, params, before, suite)
                records[every] = []
                for record in walk(cadence, every, scored):
                    records[every].append(record)
                    progress.on_month(every, record)
        study = Replay(
            provenance=provenance,
            windows={name: str(start) for name, start in split.starts.items()},
            months=tuple(month for month, _ in scored),
            rows=tuple(record.rows for record in records[cadences[0]]),
            tasks=records[cadences[0]][-1].tasks,
            never=_scores(records[cadences[0]], "never"),
            cadences=tuple(_cadence(every, of_cadence) for every, of_cadence in records.items()),
        )
        write_study(layout.replay, study)
        shutil.rmtree(scratch)
    return study, f"written to {layout.replay.relative_to(folder)}; {update_report(folder)}"


@contextmanager
def _own_server(home: Path) -> Iterator[str]:
    """A temporary Prefect server with a database of its own, also where PREFECT_API_URL names another one.

    The automations of that one must not hear of a replay.
    """
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with (
        variable("PREFECT_HOME", str(home)),
        temporary_settings(restore_defaults={PREFECT_API_URL}),
        prefect_server(home),
    ):
        yield str(PREFECT_API_URL.value())


def replay_split(folder: Path, problem: Problem) -> TimeSplit:
    """The problem's split by time with durations: its own, or a month of validation and one of test.

    Raises ProblemError for another split.
    """
    split = problem.split
    if not isinstance(split, TimeSplit):
        raise ProblemError(
            f"{folder / PARAMS}: split.by must be time for a replay, found {split.by}; declare, for example, "
            "`split: {by: time, column: date, validation: 1 month, test: 1 month}`"
        )
    return split if split.durations else TimeSplit(by="time", column=split.column, **DEFAULT_WINDOWS)


def _first_month(months: Months, first: str | None) -> str:
    """The first month to score; DataError if there are not enough months before and from it on."""
    calendar = months.calendar
    latest = f"{calendar[0]} to {calendar[-1]}"
    if len(calendar) <= MIN_MONTHS_BEFORE:
        raise DataError(
            f"data: must have rows of {MIN_MONTHS_BEFORE + 1} months or more for a replay, which trains, validates and "
            f"tests before the first month it scores; found {latest}"
        )
    first = first or calendar[MIN_MONTHS_BEFORE]
    if not calendar[MIN_MONTHS_BEFORE] <= first <= calendar[-1]:
        raise DataError(
            f"--from: must be a month from {calendar[MIN_MONTHS_BEFORE]} to {calendar[-1]}, since the data are of "
            f"{latest} and {MIN_MONTHS_BEFORE} months come before it; found {first}"
        )
    return first


def _digest(folder: Path, problem: Problem, params: str) -> str:
    """Digest of all that a replay depends on: an interrupted one of other data or options does not resume."""
    suite = suite_path(folder, problem)
    text = "\n".join((params, present_hash(folder), suite.read_text(encoding="utf-8") if suite.exists() else ""))
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _cadence(every: int, records: Sequence[MonthRecord]) -> ReplayedCadence:
    retrains = tuple(record.retrain for record in records if record.retrain is not None)
    return ReplayedCadence(months=every, retrains=retrains, scores=_scores(records, "champion"))


def _scores(records: Sequence[MonthRecord], of: str) -> Scores:
    """Task -> its scores per month; None where a month lacks the task."""
    return {task: tuple(getattr(record, of).get(task) for record in records) for task in records[-1].tasks}
