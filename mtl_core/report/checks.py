"""The checks of a run, as a table and in one line."""

from typing import Any

from mtl_core.checks import CheckOutcome
from mtl_core.report.wording import number, with_unit

Check = dict[str, Any]
"""An entry of checks.json."""


def check_cells(check: Check) -> tuple[str, str]:
    """Measured value, and the limit with its rule."""
    unit = "" if " " in check["unit"] else check["unit"]  # a phrase is shown with the name instead
    value, high = check["value"], check.get("high")
    if value is None:
        text = check.get("reason") or "not measured"
    else:
        text = with_unit(number(value) if high is None else f"{number(value)} to {number(high)}", unit)
    return text, f"{check['rule']} {with_unit(number(check['limit']), unit)}"


def headline(checks: list[Check]) -> str:
    """Number of passed checks, and the names of all others."""
    failed, warnings = ([c["name"] for c in checks if c["outcome"] == outcome] for outcome in ("failed", "warning"))
    passed = len(checks) - len(failed) - len(warnings)
    line = f"{passed} of {len(checks)} checks passed" if failed or warnings else f"All {passed} checks passed"
    others = (("failed", failed), ("warnings", warnings))
    return "; ".join([line, *(f"{word}: {', '.join(names)}" for word, names in others if names)])


def worst_outcome(checks: list[Check]) -> CheckOutcome:
    """The worst outcome of all."""
    outcomes = {check["outcome"] for check in checks}
    return "failed" if "failed" in outcomes else "warning" if "warning" in outcomes else "passed"
