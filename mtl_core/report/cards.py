"""Cards: a task's result on the test split, in words and next to the baseline. Pure functions."""

from dataclasses import dataclass
from typing import Any

from mtl_core.checks import CheckOutcome
from mtl_core.report.forms import form_for
from mtl_core.report.metric_words import explained, metric_title, unit_of
from mtl_core.report.perfection import perfection
from mtl_core.report.run import Run, Scored
from mtl_core.report.wording import interval, interval_places, listed, number, rounded, with_unit
from mtl_core.tasks import Objective

__all__ = ["Card", "Scale", "card"]


@dataclass(frozen=True, kw_only=True)
class Scale:
    """Positions of the baseline, the model and its interval on a line from worse to better, in percent of it."""

    trivial: float
    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Card:
    """Result of a task."""

    name: str
    kind: str
    target: str
    metric: str
    value: str
    unit: str
    interval: str
    trivial: str
    trivial_is: str
    against_baseline: tuple[CheckOutcome, str] | None
    """Outcome of the comparison with the baseline, and its words; None where the two were not compared."""
    scale: Scale | None
    sentences: tuple[str, ...]
    doubt: str
    """A question about a result that is too good to be true; "" for any other."""


def card(run: Run, task: Objective, scored: Scored) -> Card:
    """The task's card."""
    output = run.outputs[task.name]
    form, metric = form_for(run, task), task.metric
    measured = run.evaluation[task.name][metric.name]
    value, low, high, trivial = (measured[key] for key in ("value", "low", "high", "trivial"))
    unit = unit_of(metric, output["unit"])
    known = low is not None and high is not None
    decimals = interval_places(low, high)
    sentences = [explained(task, value, trivial, unit), form.sentence(scored) if len(scored.labels) else ""]
    return Card(
        name=task.name,
        kind=output["kind"],
        target=_target(task),
        metric=metric_title(metric.name),
        value=rounded(value, decimals),
        unit=unit,
        interval=f"95% interval {interval(low, high, decimals)}" if known else "no interval",
        trivial=with_unit(rounded(trivial, decimals), unit),
        trivial_is=form.trivial(task.baseline(run.splits["train"].flat_labels(task.name).numpy())),
        against_baseline=_against_baseline(run, f"{task.name}.{metric.name} over baseline"),
        scale=_scale(task, value, low, high, trivial),
        sentences=tuple(sentence for sentence in sentences if sentence),
        doubt=perfection(run, task, len(scored.labels)),
    )


def _target(task: Objective) -> str:
    """The columns with the labels, and what of them counts."""
    declared: dict[str, Any] = task.options.model_dump()
    target = listed(task.options.targets) or "no target"
    if declared.get("at_least") is not None:
        return f"{target} ≥ {number(declared['at_least'])}"
    if declared.get("positive") is not None:
        return f"{target} = {declared['positive']}"
    if edges := declared.get("edges"):
        first, *others = declared["classes"]
        return f"{target}: {first}" + "".join(
            f" < {number(edge)} ≤ {name}" for edge, name in zip(edges, others, strict=True)
        )
    return target


def _against_baseline(run: Run, name: str) -> tuple[CheckOutcome, str] | None:
    check = next((entry for entry in run.checks["checks"] if entry["name"] == name), None)
    if check is None:
        return None
    outcome: CheckOutcome = check["outcome"]
    if outcome == "passed":
        return outcome, "better than the baseline, beyond chance"
    if check["high"] is not None and check["high"] < 0:
        return outcome, "worse than the baseline, beyond chance"
    return outcome, "not shown to be better than the baseline"


def _scale(
    task: Objective, value: float | None, low: float | None, high: float | None, trivial: float | None
) -> Scale | None:
    if value is None or low is None or high is None or trivial is None:
        return None
    oriented = [task.metric.oriented(x) for x in (trivial, value, low, high)]
    least, most = min(oriented), max(oriented)
    margin = (most - least) * 0.1 or 1.0
    positions = [round(100 * (x - least + margin) / (most - least + 2 * margin), 2) for x in oriented]
    bottom, top = sorted(positions[2:])
    return Scale(trivial=positions[0], value=positions[1], low=bottom, high=top)
