"""Gates: the checks of a model that `gates` in params.yaml declares, and notes on those that are switched off."""

import math
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from mtl_core.checks import BaselineCheck, Check, LatencyCheck
from mtl_core.config import Gates, Problem
from mtl_core.evaluation import Difference, MetricValue
from mtl_core.export.parity import Parity
from mtl_core.graphs.runtime import Session
from mtl_core.tasks import Objective
from mtl_core.timing import median_ms


def metric_checks(
    gates: Gates, tasks: Sequence[Objective], metrics: Mapping[str, Mapping[str, MetricValue]]
) -> list[Check]:
    """The limits that params.yaml sets on test metrics."""
    checks = []
    for task in tasks:
        for name, limit in gates.limits_of(task.name).items():
            metric = task.options.metric_named(name)
            checks.append(
                Check(
                    name=f"{task.name}.{name}",
                    value=metrics[task.name][name].value,
                    limit=limit,
                    rule="at least" if metric.higher_is_better else "at most",
                    unit=task.output_format()["unit"] if metric.unit == "target" else metric.unit,
                    reason=_reason(metrics[task.name][name].undefined),
                )
            )
    return checks


def baseline_checks(gates: Gates, tasks: Sequence[Objective], differences: Sequence[Difference]) -> list[Check]:
    """Comparison of each task with its baseline, unless that is switched off."""
    unsupervised = {task.name for task in tasks if task.unsupervised}
    return [
        BaselineCheck(
            name=f"{difference.task}.{difference.metric} over baseline",
            value=difference.low,
            high=difference.high,
            limit=0.0,
            rule="above",
            unit="(lower end of the paired 95% interval)",
            reason=_reason(difference.undefined),
            required=gates.baseline_rule(difference.task) == "required",
            needs_labels=difference.task not in unsupervised,
        )
        for difference in differences
        if gates.baseline_rule(difference.task) != "ignore"
    ]


def parity_check(name: str, parity: Parity, limit: float) -> Check:
    """Largest difference between the predictions of graph and network."""
    return Check(name=name, value=parity.difference, limit=limit, rule="at most", unit=f"of the scale of {parity.task}")


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
    """The graph's size on disk; none if its limit is switched off."""
    if gates.size_mb is None:
        return []
    return [Check(name="size", value=path.stat().st_size / 1e6, limit=gates.size_mb, rule="at most", unit="MB")]


def gates_off(gates: Gates) -> list[str]:
    """A line per gate that is switched off."""
    return [f"{name}: off ({line})" for name, line in gates.switched_off()]


def tasks_without_limit(problem: Problem) -> list[str]:
    """A line per task without a limit on a metric, which names the remaining check of its quality."""
    remaining_checks = {
        "required": "it must only be significantly better than the baseline",
        "report": "it is refused only where it is significantly worse than the baseline",
        "ignore": "nothing about its quality is checked",
    }
    gates = problem.gates
    return [
        f"{name}: no limit under gates.metrics; {remaining_checks[gates.baseline_rule(name)]}"
        for name in problem.tasks
        if not gates.limits_of(name)
    ]


def _reason(undefined: str) -> str:
    return undefined and f"{undefined} in the test split"


def _median_ms(session: Session, inputs: dict[str, Any]) -> float:
    # Processor time: wall time also contains waiting for other processes.
    return median_ms({"call": lambda: session.run(None, inputs)}, clock=time.process_time)["call"]
