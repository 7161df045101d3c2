"""The checks in words. Pure functions."""

from dataclasses import dataclass
from typing import Any

from mtl_core.report.metric_words import metric_title
from mtl_core.report.run import Run
from mtl_core.report.wording import number, with_unit

__all__ = ["Verdict", "headline", "verdicts"]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One check."""

    passed: bool
    title: str
    meaning: str
    found: str
    limit: str


_KNOWN = {
    "parity": ("Exported graph against trained network", "largest difference on test rows"),
    "parity on adversarial rows": (
        "The same on adversarial rows",
        "unseen and missing values, infinities, huge numbers",
    ),
    "latency of 1 row": ("Time for 1 row", "median of one call of the graph, one thread"),
    "latency of 1,000 rows": ("Time for 1,000 rows", "median of one call of the graph, one thread"),
    "size": ("Size of the graph", "the file that is served"),
}


def verdicts(run: Run) -> list[Verdict]:
    """Every check, in its order."""
    known = _KNOWN | _of_tasks(run)
    found = []
    for entry in run.checks["checks"]:
        title, meaning = known.get(entry["name"], (entry["name"], ""))
        unit, phrase = _unit_or_phrase(entry["unit"])
        value = entry["value"]
        found.append(
            Verdict(
                passed=entry["passed"],
                title=title,
                meaning=", ".join(part for part in (meaning, phrase) if part),
                found=(entry.get("reason") or "not measured") if value is None else with_unit(number(value), unit),
                limit=f"{entry['rule']} {with_unit(number(entry['limit']), unit)}",
            )
        )
    return found


def headline(checks: list[Verdict]) -> str:
    """All of them in one line."""
    failed = [check.title for check in checks if not check.passed]
    if not failed:
        return f"All {len(checks)} checks passed"
    return f"{len(failed)} of {len(checks)} checks failed: {'; '.join(failed)}"


def _of_tasks(run: Run) -> dict[str, tuple[str, str]]:
    found: dict[str, tuple[str, str]] = {}
    for task in run.tasks:
        for metric in task.metrics:
            name, title = f"{task.name}.{metric.name}", metric_title(metric.name)
            found[name] = (f"{task.name}: {title}", "on the test split")
            found[f"{name} over baseline"] = (f"{task.name}: better than the baseline", f"by this much {title}")
    return found


def _unit_or_phrase(unit: Any) -> tuple[str, str]:
    """A unit follows the number; a phrase such as "(lower end of the interval)" is said once, beside the meaning."""
    return (unit, "") if " " not in unit else ("", unit.strip("()"))
