"""Section on the comparison of the shared network with single-task networks and trees."""

from collections.abc import Mapping, Sequence
from typing import Any

import altair as alt
from markupsafe import Markup

from mtl_core.report.metric_names import metric_title
from mtl_core.report.plots.curves import Curve, learning_curves
from mtl_core.report.plots.figure import Table, interval_plot
from mtl_core.report.plots.statistics import Z_95
from mtl_core.report.run import Run
from mtl_core.report.theme import MUTED, svg
from mtl_core.report.wording import UNDEFINED, gain_decimal_places, interval, rounded, signed, with_unit
from mtl_core.stopping import Policy
from mtl_core.studies.comparison.record import (
    BOOSTED,
    HARMS,
    HELPS,
    POLICIES,
    SINGLE_TASK,
    ComparedTask,
    Comparison,
    Gain,
    MeanStd,
)

_COLOURS: dict[str, str] = {HELPS: "var(--good)", HARMS: "var(--bad)"}
_COSTS = {
    "parameters": ("parameters", "", 0, 1.0),
    "training, processor time per seed": ("seconds", "s", 1, 1.0),
    "latency of 1 row": ("ms_1", "ms", 2, 1.0),
    "latency of 1,000 rows": ("ms_1000", "ms", 1, 1.0),
    "size on disk": ("bytes", "MB", 2, 1e-6),
}
"""Title -> field, unit, decimals, factor."""


def section(run: Run) -> dict[str, Any] | None:
    """Variables of the template; None without a study."""
    return section_of(run.comparison, current=run.is_current(run.comparison.provenance)) if run.comparison else None


def section_of(study: Comparison, *, current: bool) -> dict[str, Any]:
    """Variables of the template; `curves` is empty if the study has only the declared stopping policy."""
    policies = [policy for policy in POLICIES if policy in study.policies] if len(study.policies) > 1 else []
    arms = {"shared": study.shared, "single-task": SINGLE_TASK} | ({"trees": BOOSTED} if BOOSTED in study.cost else {})
    head = ("task", "metric", *arms, "difference", "95% interval", "relative", "verdict")
    head += ("difference to trees", "95% interval") if BOOSTED in study.cost else ()
    tasks = study.tasks.items()
    by_policy = ((name, _metric(task), *_means(task, policies)) for name, task in tasks)
    return {
        "current": current,
        "study": study,
        "tasks": Table(head=head, rows=tuple(_task_cells(name, task, [*arms.values()]) for name, task in tasks)),
        "differences": _differences(study.tasks),
        "costs": Table(
            head=("cost", *arms, "shared / single-task"),
            rows=tuple(_cost_cells(study, title, [*arms.values()]) for title in _COSTS),
        ),
        "boosted": BOOSTED in study.cost,
        "curves": [(name, _metric(task), _curves(study, name, policies)) for name, task in tasks if policies],
        "policies": Table(head=("task", "metric", *policies), rows=tuple(by_policy)),
    }


def standard_errors(gain: Gain | None) -> tuple[float, float, float] | None:
    """Difference and bounds in standard errors: half the interval's width over `Z_95`; None if undefined."""
    if gain is None or gain.difference is None or gain.low is None or gain.high is None or gain.high <= gain.low:
        return None
    error = (gain.high - gain.low) / (2 * Z_95)
    return gain.difference / error, gain.low / error, gain.high / error


def _differences(tasks: Mapping[str, ComparedTask]) -> Markup | None:
    gains = {name: gain for name, task in tasks.items() if (gain := standard_errors(task.over_single))}
    if not gains:
        return None
    widest = max(abs(bound) for gain in gains.values() for bound in gain)
    axis = alt.Axis(title="standard errors; above 0 sharing helps", tickCount=5, format="~g")
    x = alt.X("value:Q", scale=alt.Scale(domain=[-widest, widest]), axis=axis)
    verdicts = {name: str(tasks[name].verdict) for name in gains}
    colours = [_COLOURS.get(verdict, MUTED) for verdict in verdicts.values()]
    text = "; ".join(f"{name}: {verdict}" for name, verdict in verdicts.items())
    chart = interval_plot([*gains], gains.values(), x, 0, colours)
    return svg(chart, f"Difference of the shared and the single-task network per task. {text}")


def _task_cells(name: str, task: ComparedTask, arms: Sequence[str]) -> tuple[str, ...]:
    single, gain, decimals = task.arms.get(SINGLE_TASK), task.over_single, gain_decimal_places(task.over_single)
    mean, difference = single.mean if single else None, gain.difference if gain else None
    relative = UNDEFINED
    if difference is not None and mean is not None and mean > 0:
        relative = f"{signed(100 * difference / mean, 1)}%"
    cells = (name, f"{_metric(task)} {'↑' if task.higher_is_better else '↓'}", *_means(task, arms))
    cells += (*_gain_cells(gain, decimals), relative, task.verdict or "not compared")
    return cells + (_gain_cells(task.over_boosted, decimals) if BOOSTED in arms else ())


def _gain_cells(gain: Gain | None, decimals: int) -> tuple[str, str]:
    """Difference and interval."""
    if gain is None or gain.difference is None:
        return UNDEFINED, UNDEFINED
    return signed(gain.difference, decimals), interval(gain.low, gain.high, decimals)


def _means(task: ComparedTask, arms: Sequence[str]) -> list[str]:
    """Mean and standard deviation per arm."""
    return [_mean_std(task.arms.get(arm), gain_decimal_places(task.over_single)) for arm in arms]


def _mean_std(arm: MeanStd | None, decimals: int) -> str:
    if arm is None or arm.mean is None:
        return UNDEFINED
    return rounded(arm.mean, decimals) + (
        "" if arm.std is None else f"\N{NO-BREAK SPACE}±\N{NO-BREAK SPACE}{rounded(arm.std, decimals)}"
    )


def _cost_cells(study: Comparison, title: str, arms: Sequence[str]) -> tuple[str, ...]:
    field, unit, decimals, factor = _COSTS[title]
    costs = [getattr(study.cost.get(arm), field, None) for arm in arms]
    cells = (UNDEFINED if cost is None else with_unit(rounded(cost * factor, decimals), unit) for cost in costs)
    shared, single, *_ = costs
    return (title, *cells, UNDEFINED if shared is None or not single else f"{rounded(100 * shared / single, 0)}%")


def _curves(study: Comparison, name: str, policies: Sequence[Policy]) -> Markup:
    curves: dict[str, Curve] = {}
    for policy in policies:
        run = study.policies[policy][name]
        curves[policy] = Curve(values=run.validation, stopped=run.stopped, chosen=run.chosen)
    return svg(learning_curves(curves), f"{name}: {_metric(study.tasks[name])} on validation, per stopping policy")


def _metric(task: ComparedTask) -> str:
    return metric_title(task.metric) + (f" ({task.unit})" if task.unit else "")
