"""Comparison of a version and its second training."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flows.pipeline.dvc_lock import locked_stages

TOLERANCE = 0.01
"""Relative difference of a task's metric on test that rounding on another kind of machine may cause."""


@dataclass(frozen=True, kw_only=True)
class MetricDifference:
    """A task's own metric on test, of the version and of the second training; None where it is undefined."""

    metric: str
    version: float | None
    reproduced: float | None

    @property
    def relative(self) -> float:
        """Absolute difference as a share of the version's value; infinite if only one of the two is defined."""
        if self.version is None or self.reproduced is None:
            return 0.0 if self.version is self.reproduced else float("inf")
        difference = abs(self.reproduced - self.version)
        return 0.0 if difference == 0 else difference / abs(self.version) if self.version else float("inf")


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """Outcome of `mtl reproduce`."""

    version: str
    folder: str
    """The problem's folder in the clone."""
    identical: bool
    """True if the graph has the same bytes."""
    environment: tuple[str, ...]
    """Differences of the machine and of the packages from those of the training; empty: bytes must be the same."""
    first_difference: str
    """First stage with other inputs or outputs, in words; "" without one."""
    tolerance: float
    metrics: tuple[MetricDifference, ...] = ()
    """Empty where the bytes are the same, which are not evaluated again."""

    @property
    def reproduced(self) -> bool:
        """Same bytes or, on another kind of machine or with other packages, every metric within the tolerance."""
        if self.identical or not self.environment:
            return self.identical
        return bool(self.metrics) and all(metric.relative <= self.tolerance for metric in self.metrics)


def metric_differences(version: Mapping[str, Any], reproduced: Mapping[str, Any]) -> tuple[MetricDifference, ...]:
    """The metrics of two documents of checks.json; those of the version give the names."""
    return tuple(
        MetricDifference(metric=name, version=value, reproduced=reproduced.get("metrics", {}).get(name))
        for name, value in version.get("metrics", {}).items()
    )


def environment_differences(
    trained: Mapping[str, str], present: Mapping[str, str], processors: tuple[str, str]
) -> tuple[str, ...]:
    """Differences of package versions and of the processor's model, (trained, present); a line per difference."""
    lines = [
        f"{name}: trained with {version}, found {present.get(name, 'none')}"
        for name, version in trained.items()
        if present.get(name) != version
    ]
    if processors[0] != processors[1]:
        lines.append(f"processor: trained on {processors[0] or 'an unknown one'}, found {processors[1]}")
    return tuple(lines)


def first_difference(trained: str, reproduced: str) -> str:
    """First stage whose inputs or outputs differ in two texts of dvc.lock; "" without one."""
    before, after = locked_stages(trained), locked_stages(reproduced)
    for stage, entry in before.items():
        for key, kind in (("cmd", "command"), ("params", "params"), ("deps", "inputs"), ("outs", "outputs")):
            if stage in after and entry.get(key) != after[stage].get(key):
                return f"the {kind} of stage {stage}"
    return ""
