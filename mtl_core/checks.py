"""Checks: each is a number, a limit and an outcome. A check whose number is undefined fails."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from mtl_core.files import write_text
from mtl_core.numbers import finite_or_none

CheckOutcome = Literal["passed", "warning", "failed"]
"""A warning is reported, but does not reject the model."""
Comparator = Literal["at least", "at most", "above"]
"""The relation of value and limit under which a check passes."""


@dataclass(frozen=True, kw_only=True)
class Check:
    """A gate and the measured value. A value that is not finite never passes."""

    name: str
    value: float
    limit: float
    rule: Comparator
    unit: str
    reason: str = ""
    """Reason why the value is undefined; "" if it is defined."""

    @property
    def outcome(self) -> CheckOutcome:
        """The result of comparing value and limit: "passed" or "failed"."""
        if not math.isfinite(self.value):
            return "failed"
        match self.rule:
            case "at least":
                holds = self.value >= self.limit
            case "at most":
                holds = self.value <= self.limit
            case "above":
                holds = self.value > self.limit
        return "passed" if holds else "failed"

    @property
    def passed(self) -> bool:
        """False for a warning too."""
        return self.outcome == "passed"

    @property
    def message(self) -> str:
        """The outcome as a sentence."""
        unit = f" {self.unit}" if self.unit else ""
        value = f"none: {self.reason}" if self.reason else f"{self.value:.4g}"
        return f"{self.name}: {self._verdict}; must be {self.rule} {self.limit:.4g}{unit}, found {value}"

    @property
    def _verdict(self) -> str:
        return "FAILED" if self.outcome == "failed" else self.outcome

    def to_document(self) -> dict[str, Any]:
        """Its entry in checks.json; a number that is not finite is null."""
        fields = {key: finite_or_none(x) if isinstance(x, float) else x for key, x in asdict(self).items()}
        return fields | {"outcome": self.outcome, "passed": self.passed, "message": self.message}


@dataclass(frozen=True, kw_only=True)
class BaselineCheck(Check):
    """Comparison of a task with its baseline by the paired 95% interval of their difference, from `value` to `high`.

    An interval above 0 shows that the task is better. One that contains 0 does not: a warning, or a failure if the gate
    is `required`. One below 0 shows that the task is worse: a failure.
    """

    high: float
    required: bool = False
    needs_labels: bool = True
    """False for an unsupervised task: without labels that define its metric, the check is a warning, not a failure."""

    @property
    def outcome(self) -> CheckOutcome:
        if super().outcome == "passed":
            return "passed"
        if self.reason and not self.needs_labels:
            return "warning"
        is_shown_worse = not math.isfinite(self.value) or not self.high >= 0
        return "failed" if self.required or is_shown_worse else "warning"

    @property
    def message(self) -> str:
        if self.passed or not math.isfinite(self.value):
            return super().message
        worse = "significantly worse than the baseline"
        finding = worse if self.high < 0 else "not shown to be better than the baseline"
        rule = "; gates.baseline says required" if self.required and self.high >= 0 else ""
        interval = f"paired 95% interval of the difference {self.value:.4g} to {self.high:.4g}"
        return f"{self.name}: {self._verdict}; {finding}, {interval}{rule}"


@dataclass(frozen=True, kw_only=True)
class LatencyCheck(Check):
    """Time of a call, which differs from run to run.

    checks.json, whose bytes DVC compares, contains only the outcome; latency.json, which is no output of a stage,
    contains the time.
    """

    def to_document(self) -> dict[str, Any]:
        message = f"{self.name}: {self._verdict}; must be {self.rule} {self.limit:.4g} {self.unit}"
        return super().to_document() | {"value": None, "reason": "measured anew by each check", "message": message}


def write_latencies(path: Path, graph: Path, checks: Sequence[Check]) -> None:
    """latency.json: {"graph": digest of the measured model.onnx, "ms": {name of the check: time}}."""
    times = {check.name: finite_or_none(check.value) for check in checks if isinstance(check, LatencyCheck)}
    write_text(path, json.dumps({"graph": _digest(graph), "ms": times}, indent=1) + "\n")


def with_latencies(entries: Sequence[dict[str, Any]], path: Path, graph: Path) -> list[dict[str, Any]]:
    """Entries of checks.json with the times from latency.json, if it holds those of this graph."""
    measured: dict[str, Any] = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {"graph": None}
    times: dict[str, float | None] = measured["ms"] if measured["graph"] == _digest(graph) else {}
    return [entry if (time := times.get(entry["name"])) is None else _with_value(entry, time) for entry in entries]


def _with_value(entry: dict[str, Any], value: float) -> dict[str, Any]:
    return entry | {"value": value, "reason": "", "message": f"{entry['message']}, found {value:.4g}"}


def _digest(graph: Path) -> str:
    return hashlib.sha256(graph.read_bytes()).hexdigest()


def checked_bytes(graph: bytes, signature: bytes) -> dict[str, str]:
    """Hashes of the checked files, for checks.json: a store promotes no other bytes."""
    return {
        "graph_sha256": hashlib.sha256(graph).hexdigest(),
        "signature_sha256": hashlib.sha256(signature).hexdigest(),
    }


def write_checks(
    path: Path,
    checks: Sequence[Check],
    notes: Sequence[str],
    metrics: Mapping[str, float] | None = None,
    *,
    checked: Mapping[str, str] | None = None,
) -> None:
    """Write checks.json.

    Its content: {"passed", "checks": [{"name", "value", "limit", "outcome", "passed", "unit", ...}], "notes",
    "metrics", "graph_sha256", "signature_sha256"}; `metrics` is TASK.METRIC -> the task's metric on test, null where it
    is undefined; the hashes are those of `checked_bytes`.

    `passed` is true if no check has failed; a check with the outcome `warning` has not passed.
    """
    document = {
        "passed": all(check.outcome != "failed" for check in checks),
        "checks": [check.to_document() for check in checks],
        "notes": list(notes),
        "metrics": {name: finite_or_none(value) for name, value in (metrics or {}).items()},
        **(checked or {}),
    }
    write_text(path, json.dumps(document, indent=1) + "\n")
