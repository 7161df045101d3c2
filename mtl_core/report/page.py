"""The page: facts and pictures into the template. Nothing in it depends on the moment or the machine it was made on."""

import io
import platform
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from ruamel.yaml import YAML

from mtl_core.config import Problem
from mtl_core.report import contents
from mtl_core.report.calibration import calibration_rows
from mtl_core.report.cards import Card, card
from mtl_core.report.course import Course, course
from mtl_core.report.curves import curve
from mtl_core.report.forms import Figure, form_for
from mtl_core.report.metric_words import metric_title, unit_of
from mtl_core.report.run import Run
from mtl_core.report.stopping_words import SHADES, behind_words, limit_words, refit_words, stopping_words
from mtl_core.report.studies import relatedness, sharing, tuning
from mtl_core.report.verdicts import headline, overall, verdicts
from mtl_core.report.wording import interval, interval_places, number, percent, rounded
from mtl_core.tasks import Objective

__all__ = ["render"]

_PACKAGES = ("torch", "onnxruntime", "onnx", "torchjd", "scikit-learn", "numpy", "pyarrow")


@dataclass(frozen=True, kw_only=True)
class _Section:
    """A task's part of the test: its card, its pictures, all of its metrics."""

    card: Card
    figures: tuple[Figure, ...]
    metrics: tuple[dict[str, str], ...]
    rows: int
    dropped: int


def render(run: Run) -> str:
    """The whole page as HTML. The same run gives the same bytes."""
    environment = Environment(
        loader=PackageLoader("mtl_core.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "title_of": metric_title}
    checks = verdicts(run)
    courses = [course(task, run.outputs[task.name]["unit"], run.outcome) for task in run.tasks]
    return environment.get_template("page.html.j2").render(
        style=Markup(environment.get_template("page.css").render()),
        run=run,
        headline=headline(checks),
        overall=overall(checks),
        styles={"passed": "good", "warning": "warn", "failed": "bad"},
        marks={"passed": "✓", "warning": "!", "failed": "✕"},
        checks=checks,
        tasks=[_test_of(run, task) for task in run.tasks],
        features=contents.features_by_kind(run),
        rows=contents.rows_per_split(run),
        split=contents.split_words(run.problem),
        duplicates=contents.duplicate_words(run),
        coverage=[contents.coverage(run, task) for task in run.tasks if task.options.targets],
        clusters=any(task.unsupervised for task in run.tasks),
        reasons=contents.reasons(run),
        courses=[(course, curve(course)) for course in courses],
        epochs=list(_epochs(courses)),
        stopping=stopping_words(run.problem.training.stopping, run.outcome.budget.patience),
        shade=SHADES.get(run.problem.training.stopping.policy),
        limit=limit_words(run.outcome),
        behind=behind_words(run.outcome),
        refits=refit_words(run.outcome),
        calibrations=calibration_rows(run.outcome),
        relatedness=relatedness.section(run),
        sharing=sharing.section(run),
        tuning=tuning.section(run),
        versions=_versions(run),
        declared=_yaml(run.problem),
    )


def _test_of(run: Run, task: Objective) -> _Section:
    form = form_for(run, task)
    scored = run.scored(task)
    return _Section(
        card=card(run, task, scored),
        figures=form.figures(scored) if len(scored.labels) else (),
        metrics=tuple(_metrics(run, task)),
        rows=len(scored.labels),
        dropped=scored.dropped,
    )


def _metrics(run: Run, task: Objective) -> Iterator[dict[str, str]]:
    """Every metric of the task's kind, on test, validation, and of the baseline."""
    for metric in task.metrics:
        found = run.evaluation[task.name][metric.name]
        low, high = found["low"], found["high"]
        decimals = interval_places(low, high)
        unit = unit_of(metric, run.outputs[task.name]["unit"])
        yield {
            "title": metric_title(metric.name) + (f" ({unit})" if unit else ""),
            "better": "higher" if metric.higher_is_better else "lower",
            "test": rounded(found["value"], decimals),
            "interval": interval(low, high, decimals) if low is not None and high is not None else "no interval",
            "validation": rounded(run.metrics["validation"][task.name][metric.name], decimals),
            "trivial": rounded(found["trivial"], decimals),
        }


def _epochs(courses: list[Course]) -> Iterator[tuple[str, ...]]:
    """The numbers of the learning curves: a line per epoch."""
    for epoch, values in enumerate(zip(*(one.values for one in courses), strict=True), start=1):
        yield (str(epoch), *(number(value) for value in values))


def _versions(run: Run) -> dict[str, str]:
    packages = {package: version(package) for package in _PACKAGES}
    return {"Trunkline": run.version, "Python": platform.python_version()} | packages


def _yaml(problem: Problem) -> str:
    """The problem with every default filled in."""
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 100
    text = io.StringIO()
    document = problem.model_dump(mode="json")
    yaml.dump(_without_unset(document) | {"gates": document["gates"]}, text)  # there null switches a gate off
    return text.getvalue()


def _without_unset(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_unset(inner) for key, inner in value.items() if inner is not None and inner != ""}
    return value
