"""Gates: the checks of a model that `gates` in params.yaml asks for. Those that are switched off are named in notes."""

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mtl_core.checks import BaselineCheck, Check, LatencyCheck
from mtl_core.config import Gates, Problem
from mtl_core.evaluation import Difference, MetricValue
from mtl_core.export.parity import Parity
from mtl_core.export.session import Session
from mtl_core.tasks import Objective
from mtl_core.timing import median_ms


def metric_checks(
    gates: Gates, tasks: Sequence[Objective], measured: Mapping[str, Mapping[str, MetricValue]]
) -> list[Check]:
    """The limits that params.yaml sets on test metrics."""
    checks = []
    for task in tasks:
        for name, limit in gates.limits_of(task.name).items():
            metric = task.options.metric_named(name)
            checks.append(
                Check(
                    name=f"{task.name}.{name}",
                    value=measured[task.name][name].value,
                    limit=limit,
                    rule="at least" if metric.higher_is_better else "at most",
                    unit=_unit(task) if metric.unit == "target" else metric.unit,
                    reason=_reason(measured[task.name][name].undefined),
                )
            )
    return checks


def baseline_checks(gates: Gates, tasks: Sequence[Objective], differences: Sequence[Difference]) -> list[Check]:
    """Comparison of every task with its baseline, but of those whose comparison is switched off."""
    unsupervised = {task.name for task in tasks if task.unsupervised}
    return [
        BaselineCheck(
            name=f"{found.task}.{found.metric} over baseline",
            value=found.low,
            high=found.high,
            limit=0.0,
            rule="above",
            unit="(lower end of the paired 95% interval)",
            reason=_reason(found.undefined),
            required=gates.baseline_rule(found.task) == "required",
            needs_labels=found.task not in unsupervised,
        )
        for found in differences
        if gates.baseline_rule(found.task) != "ignore"
    ]


def parity_check(name: str, found: Parity, limit: float) -> Check:
    """Largest difference between the predictions of graph and network."""
    return Check(name=name, value=found.difference, limit=limit, rule="at most", unit=f"of the scale of {found.task}")


def latency_checks(gates: Gates, session: Session, inputs: Mapping[int, dict[str, Any]]) -> list[Check]:
    """Median time of a call for 1 and 1,000 rows; `inputs` maps the number of rows to the session's inputs."""
    limits = {1: gates.latency_ms.rows_1, 1000: gates.latency_ms.rows_1000}
    return [
        LatencyCheck(
            name=f"latency of {rows:,} row{'s' if rows > 1 else ''}",
            value=_median_ms(session, inputs[rows]) if rows in inputs else math.nan,
            limit=limit,
            rule="at most",
            unit="ms",
        )
        for rows, limit in limits.items()
        if limit is not None
    ]


def size_checks(gates: Gates, path: Path) -> list[Check]:
    """The graph's size on disk; none where its limit is switched off."""
    if gates.size_mb is None:
        return []
    return [Check(name="size", value=path.stat().st_size / 1e6, limit=gates.size_mb, rule="at most", unit="MB")]


def gates_off(gates: Gates) -> list[str]:
    """A line per gate that is switched off."""
    return [f"{name}: off ({line})" for name, line in gates.switched_off()]


def tasks_without_limit(problem: Problem) -> list[str]:
    """A line per task without a limit on a metric: the checks of its quality that remain."""
    words = {
        "required": "it must only beat the baseline beyond chance",
        "report": "it is refused only where it is worse than the baseline beyond chance",
        "ignore": "nothing about its quality is checked",
    }
    gates = problem.gates
    return [
        f"{name}: no limit under gates.metrics; {words[gates.baseline_rule(name)]}"
        for name in problem.tasks
        if not gates.limits_of(name)
    ]


def _reason(undefined: str) -> str:
    return undefined and f"{undefined} in the test split"


def _unit(task: Objective) -> str:
    return str(task.signature()["unit"])


def _median_ms(session: Session, inputs: dict[str, Any]) -> float:
    # Of the processor: while others use the machine a call waits many times as long, which says nothing of the graph.
    return median_ms({"call": lambda: session.run(None, inputs)}, clock=time.process_time)["call"]
