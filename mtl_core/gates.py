"""Gates: each is a number, a limit and a verdict. A gate without its input fails; none is skipped."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from mtl_core.config import Gates
from mtl_core.evaluation import Difference, Measured
from mtl_core.export.parity import Parity
from mtl_core.export.session import Session
from mtl_core.files import write_text
from mtl_core.numbers import defined
from mtl_core.tasks import Objective
from mtl_core.timing import median_ms

__all__ = ["Check", "baseline_checks", "latency_checks", "metric_checks", "parity_check", "size_check", "write_checks"]


@dataclass(frozen=True, kw_only=True)
class Check:
    """A gate. A value that is not finite never passes."""

    name: str
    value: float
    limit: float
    rule: Literal["at least", "at most", "above"]
    """The relation of value and limit under which the gate passes."""
    unit: str
    reason: str = ""
    """Reason why the value is undefined; "" where it is defined."""

    @property
    def passed(self) -> bool:
        if not math.isfinite(self.value):
            return False
        match self.rule:
            case "at least":
                return self.value >= self.limit
            case "at most":
                return self.value <= self.limit
            case "above":
                return self.value > self.limit

    @property
    def words(self) -> str:
        """The verdict as a sentence."""
        verdict = "passed" if self.passed else "FAILED"
        unit = f" {self.unit}" if self.unit else ""
        found = f"none: {self.reason}" if self.reason else f"{self.value:.4g}"
        return f"{self.name}: {verdict}; must be {self.rule} {self.limit:.4g}{unit}, found {found}"


def metric_checks(
    gates: Gates, tasks: Sequence[Objective], measured: Mapping[str, Mapping[str, Measured]]
) -> list[Check]:
    """The limits that params.yaml sets on test metrics."""
    checks = []
    for task in tasks:
        for name, limit in gates.metrics.get(task.name, {}).items():
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


def baseline_checks(differences: Sequence[Difference]) -> list[Check]:
    """Every task must beat the baseline beyond chance: the lower end of the paired interval is above 0."""
    return [
        Check(
            name=f"{found.task}.{found.metric} over baseline",
            value=found.low,
            limit=0.0,
            rule="above",
            unit="(lower end of the paired 95% interval)",
            reason=_reason(found.undefined),
        )
        for found in differences
    ]


def parity_check(name: str, found: Parity, gates: Gates) -> Check:
    """Largest difference between the predictions of graph and network."""
    return Check(
        name=name, value=found.difference, limit=gates.parity, rule="at most", unit=f"of the scale of {found.task}"
    )


def latency_checks(gates: Gates, session: Session, inputs: Mapping[int, dict[str, Any]]) -> list[Check]:
    """Median time of a call for 1 and 1,000 rows; `inputs` maps the number of rows to the session's inputs."""
    limits = {1: gates.latency_ms.rows_1, 1000: gates.latency_ms.rows_1000}
    return [
        Check(
            name=f"latency of {rows:,} row{'s' if rows > 1 else ''}",
            value=_median_ms(session, inputs[rows]) if rows in inputs else math.nan,
            limit=limit,
            rule="at most",
            unit="ms",
        )
        for rows, limit in limits.items()
    ]


def size_check(gates: Gates, path: Path) -> Check:
    """The graph's size on disk."""
    return Check(name="size", value=path.stat().st_size / 1e6, limit=gates.size_mb, rule="at most", unit="MB")


def write_checks(path: Path, checks: Sequence[Check], notes: Sequence[str]) -> None:
    """checks.json: {"passed", "checks": [{"name", "value", "limit", "passed", "unit", ...}], "notes"}."""
    entries = [
        asdict(check) | {"value": defined(check.value), "passed": check.passed, "words": check.words}
        for check in checks
    ]
    document = {"passed": all(check.passed for check in checks), "checks": entries, "notes": list(notes)}
    write_text(path, json.dumps(document, indent=1) + "\n")


def _reason(undefined: str) -> str:
    return undefined and f"{undefined} in the test split"


def _unit(task: Objective) -> str:
    return str(task.signature()["unit"])


def _median_ms(session: Session, inputs: dict[str, Any]) -> float:
    return median_ms({"call": lambda: session.run(None, inputs)})["call"]
