"""HTML page of a run, rendered by the templates. It does not depend on time or machine."""

import io
import platform
from importlib.metadata import version

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup
from ruamel.yaml import YAML

from mtl_core.config import Problem
from mtl_core.report import checks, data, learning
from mtl_core.report.cards import task_result
from mtl_core.report.metric_names import metric_title
from mtl_core.report.run import Run
from mtl_core.report.studies import comparison, relatedness, replay, tuning
from mtl_core.report.vocabulary import vocabulary_coverage
from mtl_core.report.wording import option_value, percent

_PACKAGES = ("torch", "onnxruntime", "onnx", "torchjd", "scikit-learn", "numpy", "pyarrow")


def render(run: Run) -> str:
    """The page as HTML; the same bytes for the same run."""
    environment = Environment(
        loader=PackageLoader("mtl_core.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"percent": percent, "title_of": metric_title, "option": option_value}
    return environment.get_template("page.html.j2").render(
        style=Markup(environment.get_template("page.css").render()),
        run=run,
        checks=checks,
        vocabulary_coverage=vocabulary_coverage,
        data=data,
        learning=learning,
        styles={"passed": "good", "warning": "warn", "failed": "bad"},
        marks={"passed": "✓", "warning": "!", "failed": "✕"},
        tasks=[task_result(run, task) for task in run.tasks],
        curves=[learning.learning_curve(task, run.outputs[task.name]["unit"], run.training) for task in run.tasks],
        relatedness=relatedness.section(run),
        comparison=comparison.section(run),
        tuning=tuning.section(run),
        replay=replay.section(run),
        versions=_versions(run),
        declared=_yaml(run.problem),
    )


def _versions(run: Run) -> dict[str, str]:
    packages = {package: version(package) for package in _PACKAGES}
    return {"Trunkline": run.version, "Python": platform.python_version()} | packages


def _yaml(problem: Problem) -> str:
    """The problem with all defaults."""
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.width = 100
    text = io.StringIO()
    gates = {"gates": problem.model_dump(mode="json")["gates"]}  # here null switches a gate off
    yaml.dump(problem.model_dump(mode="json", exclude_none=True) | gates, text)
    return text.getvalue()
