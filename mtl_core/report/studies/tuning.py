"""The section on the search for options: its course, each option by itself, what the best trial has. Pure functions."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from mtl_core.report.metric_words import metric_title
from mtl_core.report.run import Run
from mtl_core.report.studies.tuning_pictures import course, scatter
from mtl_core.report.theme import svg
from mtl_core.report.wording import number, option_value, percent, signed
from mtl_core.studies.provenance import Provenance
from mtl_core.studies.tuning import Trial, Tuning
from mtl_core.studies.tuning.applying import experiment

__all__ = ["Option", "Section", "section"]


@dataclass(frozen=True, kw_only=True)
class Option:
    """One tuned option."""

    path: str
    says: str
    """What it has to do with the better trials; "" where there are too few to tell."""
    picture: Markup


@dataclass(frozen=True, kw_only=True)
class Section:
    """What its template tells."""

    current: bool
    """Whether it was measured on what is declared now."""
    trials: int
    counts: str
    best: int
    objective: str
    worst: str
    course: Markup
    options: tuple[Option, ...]
    changes: tuple[tuple[str, ...], ...]
    """(option, declared, best)"""
    tasks: tuple[tuple[str, ...], ...]
    """(task, metric, declared, best, gain)"""
    left_out: tuple[str, ...]
    """Tasks that nothing was measured by."""
    made: Provenance
    experiment: str
    """Runs the best trial as an experiment; "" where nothing beat what is declared, or it was declared otherwise."""


def section(run: Run) -> Section | None:
    """None where there is no such study."""
    study = run.tuning
    if study is None:
        return None
    best = next(trial for trial in study.trials if trial.number == study.best)
    states = ("complete", "pruned", "failed")
    counts = {state: sum(trial.state == state for trial in study.trials) for state in states}
    current, differences = run.is_current(study.made), study.differences(best)
    return Section(
        current=current,
        trials=len(study.trials),
        counts=", ".join(f"{count} {state}" for state, count in counts.items() if count),
        best=best.number,
        objective=signed(best.objective, 2),
        worst=signed(best.worst, 2),
        course=svg(course(study), _words(study, best)),
        options=tuple(_option(study, path) for path in study.space),
        changes=tuple(
            (path, option_value(study.declared[path]), option_value(value)) for path, value in differences.items()
        ),
        tasks=tuple(_tasks(study, best)),
        left_out=tuple(task for task, measure in study.baseline.items() if measure.value is None),
        made=study.made,
        experiment=experiment(run.problem, differences) if current and best.number else "",
    )


def _tasks(study: Tuning, best: Trial) -> Iterator[tuple[str, ...]]:
    for task, measure in study.baseline.items():
        now = best.values.get(task)
        yield task, metric_title(measure.metric), number(measure.value), number(now), signed(measure.gain(now), 2)


def _option(study: Tuning, path: str) -> Option:
    share = study.importance.get(path)
    said = "" if share is None else f"{percent(share)} of what sets the best tenth of the trials apart"
    label = f"{path}: the gain of every trial over the value that it had; best {option_value(_of(study, path))}"
    return Option(path=path, says=said, picture=svg(scatter(study, path), label))


def _of(study: Tuning, path: str) -> Any:
    best = study.trial(study.best)
    return best.changes.get(path) if best else None


def _words(study: Tuning, best: Trial) -> str:
    return (
        f"The mean gain of {len(study.trials)} trials over the declared problem; the best is trial {best.number} with "
        f"{signed(best.objective, 2)} standard errors"
    )
