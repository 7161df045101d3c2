"""The checks in words. Pure functions."""

from dataclasses import dataclass
from typing import Any

from mtl_core.checks import CheckOutcome
from mtl_core.report.metric_words import metric_title
from mtl_core.report.run import Run
from mtl_core.report.wording import number, with_unit

__all__ = ["Verdict", "headline", "overall", "verdicts"]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """One check."""

    outcome: CheckOutcome
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
        found.append(
            Verdict(
                outcome=entry["outcome"],
                title=title,
                meaning=", ".join(part for part in (meaning, phrase) if part),
                found=_found(entry, unit),
                limit=f"{entry['rule']} {with_unit(number(entry['limit']), unit)}",
            )
        )
    return found


def _found(entry: dict[str, Any], unit: str) -> str:
    value, high = entry["value"], entry.get("high")
    if value is None:
        return entry.get("reason") or "not measured"
    return with_unit(number(value) if high is None else f"{number(value)} to {number(high)}", unit)


def headline(checks: list[Verdict]) -> str:
    """Outcome of all checks in one line."""
    failed, warnings = (
        [check.title for check in checks if check.outcome == outcome] for outcome in ("failed", "warning")
    )
    passed = len(checks) - len(failed) - len(warnings)
    unproven = f"; not shown: {'; '.join(warnings)}" if warnings else ""
    if failed:
        return f"{len(failed)} of {len(checks)} checks failed: {'; '.join(failed)}{unproven}"
    return (f"{passed} of {len(checks)} checks passed" if warnings else f"All {passed} checks passed") + unproven


def overall(checks: list[Verdict]) -> CheckOutcome:
    """The worst of their outcomes."""
    found = {check.outcome for check in checks}
    return "failed" if "failed" in found else "warning" if "warning" in found else "passed"


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
