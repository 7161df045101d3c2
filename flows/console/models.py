"""Output of `mtl models`, `promote` and `rollback`: versions of the store."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

from rich.table import Column, Table
from rich.text import Text

from flows.console.terminal import open_console, printable
from mtl_core.report.wording import number, plural

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from serving.champion import LoadFailure

UNITS = (("d", 86_400), ("h", 3_600), ("m", 60))
"""Unit of an age -> its seconds."""


DECISIONS = {
    "kept": "was kept",
    "waiting": "waits for approval",
    "superseded": "is superseded",
}
STATUS_STYLES = {"refused": "yellow", "waiting": "cyan"}


def print_models(models: list[dict[str, Any]]) -> None:
    """Print a row per version, then why versions are damaged, refused or overruled."""
    version, on_test = Column("version", no_wrap=True), Column("metrics on test", overflow="fold")
    table = Table(version, "age", "status", "data, git", "checks", on_test)
    for model in models:
        metrics = [f"{name} {number(value)}" for name, value in _metrics(model).items() if value is not None]
        age = age_text(timedelta(seconds=model["age_seconds"]))
        table.add_row(model["version"], age, _status(model), _origin(model), _checks(model), "\n".join(metrics))
    console = open_console()
    console.print(table)
    for model in models:
        for reason, style in _reasons(model):
            console.out(f"{model['version']} {reason}", style=style)


def print_model(model: dict[str, Any]) -> None:
    """Print everything about a version."""
    print_models([model])
    console = open_console()
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    provenance = model["provenance"]
    table.add_row("saved", model["created"][:19].replace("T", " ") + " UTC")
    if provenance is None:
        table.add_row(
            "provenance",
            model["provenance_damage"] or "none; `mtl retrain` records it",
        )
    else:
        _add_provenance(table, provenance)
    for change in model["history"]:
        table.add_row(change["at"][:16].replace("T", " "), printable(_change_text(change)))
    console.print(table)


def _add_provenance(table: Table, provenance: Mapping[str, Any]) -> None:
    code, data = provenance["code"], provenance["data"]
    if data:
        table.add_row("data", f"{data['hash']}, {plural(len(data['files']), 'file')} listed")
    if code:
        folder = f", folder {code['folder']}" if code["folder"] else ""
        table.add_row("git commit", f"{code['revision']}{folder}")
        if code["changed"]:
            table.add_row("changed", printable(", ".join(code["changed"])))
        if code["experiment"]:
            table.add_row("experiment", f"{code['experiment']['name']}, {code['experiment']['revision'][:12]}")
    table.add_row("seed", str(provenance["seed"]))
    table.add_row("processor", printable(provenance["processor"]))
    table.add_row("packages", ", ".join(f"{name} {version}" for name, version in provenance["packages"].items()))
    if stages := provenance["stages"]:
        wall, processor = (sum(t[key] for t in stages.values()) for key in ("seconds", "processor_seconds"))
        table.add_row("time", f"{wall:.1f} s, {processor:.1f} s of processor: {', '.join(stages)}")


def _change_text(change: Mapping[str, Any]) -> str:
    before = f"{change['from']} -> " if change["from"] else ""
    reason = f" ({change['reason']})" if change.get("reason") else ""
    return f"champion: {before}{change['to']}{reason}"


def print_promotion(tag: str, before: str | None, overruled: Sequence[str], failure: LoadFailure | None) -> None:
    """Print a change of champion, the reasons that it overruled, and the failure of a service to load the version."""
    console = open_console()
    previous = f"; previous champion: {before}" if before not in (None, tag) else ""
    console.out(f"{tag} is the champion{previous}")
    for reason in overruled:
        console.out(f"overruled: {reason}")
    if failure and failure.champion == tag:
        console.out(load_failure_text(failure))


def age_text(age: timedelta) -> str:
    """An age in its largest unit: 400d, 23h, 59m."""
    seconds = age.total_seconds()
    return next((f"{seconds // length:.0f}{unit}" for unit, length in UNITS if seconds >= length), "0m")


def _metrics(model: dict[str, Any]) -> dict[str, float | None]:
    """The metric of each task, and those with a limit, which are the checks named TASK.METRIC."""
    task_metrics: dict[str, float | None] = model.get("metrics") or {}  # none in earlier versions
    limited = {
        check["name"]: check["value"] for check in model["checks"] if "." in check["name"] and " " not in check["name"]
    }
    return task_metrics | limited


def _status(model: dict[str, Any]) -> Text:
    pinned = ", pinned" if model["pinned"] else ""
    if model["champion"]:
        status = Text("champion, not loaded", "red") if model["load_failure"] else Text("champion", "green")
    else:
        status = Text(model["status"], STATUS_STYLES.get(model["status"], ""))
    return status.append(pinned)


def _origin(model: dict[str, Any]) -> Text:
    """First digits of the data's hash and of the git commit, with a + where files differed from it."""
    if model["provenance_damage"]:
        return Text("damaged", "red")
    commit = (model["git"] or "")[:8] + ("+" if model["changed"] else "")
    return Text("\n".join(filter(None, ((model["data"] or "")[:8], commit))))


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
    if model["provenance_damage"]:
        yield f"cannot be reproduced: {model['provenance_damage']}", "red"
    if model["champion"]:
        yield from ((f"serves although it was refused: {reason}", "yellow") for reason in model["overruled"] or ())
    else:
        yield from ((f"was refused: {reason}", "yellow") for reason in model["refused"] or ())
    if decision := model["decision"]:
        outcome = decision["outcome"]
        command = f"; `mtl approve {model['version']}`" if outcome == "waiting" else ""
        yield f"{DECISIONS[outcome]}: {'; '.join(decision['reasons'])}{command}", STATUS_STYLES.get(outcome, "")


def load_failure_text(failure: LoadFailure) -> str:
    """Message: the champion that a service could not load, the reason, and the version that it serves instead."""
    return (
        f"a service could not load {failure.champion} at {failure.at:%Y-%m-%d %H:%M:%S} UTC and answers with "
        f"{failure.serving or 'no version'}: {failure.reason}\n"
        "it retries when the files of that version change or a version is promoted"
    )
