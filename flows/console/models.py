"""Output of `mtl models`: a row per version of the store."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from flows.console.terminal import open_console
from mtl_core.report.wording import number, plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from serving.champion import LoadFailure


DECISIONS = {
    "kept": "was kept",
    "waiting": "waits for approval",
    "superseded": "is superseded",
    "approved": "was approved",
}
DECISION_STYLES = {"kept": "", "waiting": "cyan", "superseded": "", "approved": ""}


def print_models(models: list[dict[str, Any]]) -> None:
    """Print version, status, checks and test metrics, then why versions are damaged, refused or overruled."""
    table = Table("version", "status", "checks", "metrics on test")
    for model in models:
        metrics = [f"{name} {number(value)}" for name, value in _metrics(model).items() if value is not None]
        table.add_row(model["version"], _status(model), _checks(model), "\n".join(metrics))
    console = open_console()
    console.print(table)
    for model in models:
        for reason, style in _reasons(model):
            console.out(f"{model['version']} {reason}", style=style)


def _metrics(model: dict[str, Any]) -> dict[str, float | None]:
    """The metric of each task, and those with a limit, which are the checks named TASK.METRIC."""
    task_metrics: dict[str, float | None] = model.get("metrics") or {}  # none in earlier versions
    limited = {
        check["name"]: check["value"] for check in model["checks"] if "." in check["name"] and " " not in check["name"]
    }
    return task_metrics | limited


def _status(model: dict[str, Any]) -> Text:
    if model["champion"]:
        return Text("not loaded", "red") if model["load_failure"] else Text("serving", "green")
    if model["refused"]:
        return Text("refused", "yellow")
    decision = model["decision"]
    return Text(decision["outcome"], DECISION_STYLES[decision["outcome"]]) if decision else Text()


def _checks(model: dict[str, Any]) -> Text:
    return Text("damaged", "red") if model["damage"] else Text(count_checks(model["checks"]))


def count_checks(checks: Sequence[Mapping[str, Any]]) -> str:
    """Counts of passed checks and of warnings."""
    passed = sum(check["passed"] for check in checks)
    warnings = sum(check.get("outcome") == "warning" for check in checks)  # no outcome in earlier versions
    return f"{passed} of {len(checks)} passed" + (f", {plural(warnings, 'warning')}" if warnings else "")


def _reasons(model: dict[str, Any]) -> Iterator[tuple[str, str]]:
    if model["damage"]:
        yield f"cannot be served: {model['damage']}", "red"
    if model["champion"]:
        yield from ((f"serves although it was refused: {reason}", "yellow") for reason in model["overruled"] or ())
    else:
        yield from ((f"was refused: {reason}", "yellow") for reason in model["refused"] or ())
    if decision := model["decision"]:
        outcome = decision["outcome"]
        command = f"; `mtl approve {model['version']}`" if outcome == "waiting" else ""
        yield f"{DECISIONS[outcome]}: {'; '.join(decision['reasons'])}{command}", DECISION_STYLES[outcome]


def load_failure_text(failure: LoadFailure) -> str:
    """Message: the champion that a service could not load, the reason, and the version that it serves instead."""
    return (
        f"a service could not load {failure.champion} at {failure.at:%Y-%m-%d %H:%M:%S} UTC and answers with "
        f"{failure.serving or 'no version'}: {failure.reason}\n"
        "it retries when the files of that version change or a version is promoted"
    )
