"""The section on whether sharing pays. Pure functions."""

from collections.abc import Iterator
from dataclasses import dataclass

from markupsafe import Markup

from mtl_core.report.metric_words import metric_title
from mtl_core.report.run import Run
from mtl_core.report.studies.sharing_pictures import (
    COLOURS,
    DASHES,
    courses_picture,
    differences_picture,
    standard_errors,
)
from mtl_core.report.wording import NOTHING, interval, interval_places, rounded, signed, with_unit
from mtl_core.studies.arms import POLICIES, SINGLE_TASK
from mtl_core.studies.comparison import BOOSTED, HARMS, HELPS, ComparedTask, Comparison, Cost, Gain, Spread

__all__ = ["CostLine", "PolicyLook", "Section", "TaskLine", "section", "section_of"]

SPACE = "\N{NO-BREAK SPACE}"


@dataclass(frozen=True, kw_only=True)
class TaskLine:
    """One task of the table under the first picture."""

    name: str
    metric: str
    arrow: str
    """Which way is better."""
    shared: str
    single: str
    difference: str
    share: str
    """The difference in percent of the single-task value; "" where that is not above 0."""
    interval: str
    verdict: str
    tone: str
    """CSS class."""
    boosted: str
    over_boosted: str
    boosted_interval: str


@dataclass(frozen=True, kw_only=True)
class CostLine:
    """One cost of the shared network beside that of the others."""

    what: str
    shared: str
    single: str
    boosted: str
    part: float | None
    """What shared takes of single-task, in percent; None where that is undefined."""
    ratio: str
    """The same in words."""


@dataclass(frozen=True, kw_only=True)
class PolicyLook:
    """A stopping policy in the legend."""

    name: str
    colour: str
    dash: str


@dataclass(frozen=True, kw_only=True)
class Section:
    """What its template tells."""

    current: bool
    """Whether it was measured on what is declared now."""
    headline: str
    command: str
    shared: str
    seeds: int
    rows: tuple[TaskLine, ...]
    differences: Markup | None
    """None where no interval can be drawn."""
    costs: tuple[CostLine, ...]
    boosted: bool
    """Whether trees were grown."""
    policies: tuple[PolicyLook, ...]
    """Empty where the study has the declared stopping policy alone."""
    courses: tuple[tuple[str, str, Markup], ...]
    """Task, metric and which way is better, picture."""
    spreads: tuple[tuple[str, ...], ...]
    """Task, metric, then a policy a column: mean and standard deviation on test."""
    notes: tuple[str, ...]


def section(run: Run) -> Section | None:
    """None where there is no such study."""
    study = run.comparison
    return None if study is None else section_of(study, current=run.is_current(study.made))


def section_of(study: Comparison, *, current: bool) -> Section:
    """The study in words and pictures."""
    drawn = any(task.over_single and standard_errors(task.over_single) for task in study.tasks.values())
    policies = [policy for policy in POLICIES if policy in study.courses] if len(study.courses) > 1 else []
    # The declared policy last, on top of the others: under the same seed all go the same way until a task stops.
    order = sorted(policies, key=lambda policy: policy == study.shared)
    return Section(
        current=current,
        headline=study.headline,
        command=study.made.command,
        shared=study.shared,
        seeds=len(study.made.seeds),
        rows=tuple(_task_line(name, task, study.shared) for name, task in study.tasks.items()),
        differences=differences_picture(study.tasks) if drawn else None,
        costs=tuple(_cost_lines(study)),
        boosted=BOOSTED in study.cost,
        policies=tuple(
            PolicyLook(name=policy, colour=COLOURS[policy], dash=" ".join(map(str, DASHES[policy])))
            for policy in policies
        ),
        courses=tuple(
            (
                name,
                f"{_metric_words(task)}, {'higher' if task.higher_is_better else 'lower'} is better",
                courses_picture(name, task, {policy: study.courses[policy][name] for policy in order}),
            )
            for name, task in study.tasks.items()
            if policies
        ),
        spreads=tuple(
            (name, _metric_words(task), *(_spread(task.arms.get(policy), _decimals(task)) for policy in policies))
            for name, task in study.tasks.items()
            if policies
        ),
        notes=study.notes,
    )


def _task_line(name: str, task: ComparedTask, shared: str) -> TaskLine:
    decimals, single = _decimals(task), task.arms.get(SINGLE_TASK)
    difference, interval = _gain(task.over_single, decimals)
    over_boosted, boosted_interval = _gain(task.over_boosted, decimals)
    return TaskLine(
        name=name,
        metric=_metric_words(task),
        arrow="↑" if task.higher_is_better else "↓",
        shared=_spread(task.arms.get(shared), decimals),
        single=_spread(single, decimals),
        difference=difference,
        share=_share(task.over_single, single),
        interval=interval,
        verdict=task.verdict or "not compared",
        tone={HELPS: "good", HARMS: "bad"}.get(task.verdict, "") if task.verdict else "",
        boosted=_spread(task.arms.get(BOOSTED), decimals),
        over_boosted=over_boosted,
        boosted_interval=boosted_interval,
    )


def _share(gain: Gain | None, single: Spread | None) -> str:
    if gain is None or gain.difference is None or single is None or single.mean is None or single.mean <= 0:
        return ""
    return f"{signed(100 * gain.difference / single.mean, 1)}%"


def _cost_lines(study: Comparison) -> Iterator[CostLine]:
    arms = [study.cost.get(arm) for arm in (study.shared, SINGLE_TASK, BOOSTED)]
    yield _cost_line("parameters", "", 0, [_of(cost, "parameters") for cost in arms])
    yield _cost_line("training, processor time with one seed", "s", 1, [_of(cost, "seconds") for cost in arms])
    yield _cost_line("answer for 1 row", "ms", 2, [_of(cost, "ms_1") for cost in arms])
    yield _cost_line("answer for 1,000 rows", "ms", 1, [_of(cost, "ms_1000") for cost in arms])
    sizes = [None if (size := _of(cost, "bytes")) is None else size / 1e6 for cost in arms]
    yield _cost_line("size on disk", "MB", 2, sizes)


def _of(cost: Cost | None, field: str) -> float | None:
    return None if cost is None else getattr(cost, field)


def _cost_line(what: str, unit: str, decimals: int, found: list[float | None]) -> CostLine:
    shared, single, boosted = (with_unit(rounded(value, decimals), unit) for value in found)
    part = 100 * found[0] / found[1] if found[0] is not None and found[1] else None
    ratio = NOTHING if part is None else f"{rounded(part, 0)}%"
    return CostLine(what=what, shared=shared, single=single, boosted=boosted, part=part, ratio=ratio)


def _metric_words(task: ComparedTask) -> str:
    return metric_title(task.metric) + (f" ({task.unit})" if task.unit else "")


def _decimals(task: ComparedTask) -> int:
    gain = task.over_single
    return 4 if gain is None else interval_places(gain.low, gain.high)


def _spread(found: Spread | None, decimals: int) -> str:
    if found is None or found.mean is None:
        return NOTHING
    return rounded(found.mean, decimals) + (
        "" if found.std is None else f"{SPACE}±{SPACE}{rounded(found.std, decimals)}"
    )


def _gain(found: Gain | None, decimals: int) -> tuple[str, str]:
    """The difference with its sign, and its interval."""
    if found is None or found.difference is None:
        return NOTHING, ""
    bounds = "" if found.low is None else interval(found.low, found.high, decimals).replace(" ", SPACE)
    return signed(found.difference, decimals), bounds
