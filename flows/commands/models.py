"""`mtl models`: the versions in the store."""

import json
from pathlib import Path
from typing import Any

import click

from flows.arguments import example, in_folder, json_output

__all__ = ["command"]


@click.command(epilog=example("mtl models", "mtl models --json | jq '.[0].version'"))
@in_folder
@json_output
def command(folder: Path, as_json: bool) -> None:
    """List the versions in the store, newest first, with their checks and the champion's mark."""
    from flows.environment import store_home
    from mtl_core.config.document import problem_name
    from serving.store import CHECKS_FILE, Store

    store, name = Store(store_home(folder)), problem_name(folder)
    champion = store.champion(name)
    models = [
        {
            "version": tag,
            "champion": tag == champion,
            **json.loads((store.path(tag) / CHECKS_FILE).read_text(encoding="utf-8")),
        }
        for tag in store.versions(name)
    ]
    if as_json:
        click.echo(json.dumps(models, indent=1))
    elif not models:
        click.echo(f"{name}: no version yet; `mtl retrain` makes one")
    else:
        _show(models)


def _show(models: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table("version", "champion", "checks", "metrics on test")
    for model in models:
        # Metric checks are named TASK.METRIC.
        metrics = [
            f"{c['name']} {c['value']:.4g}" for c in model["checks"] if "." in c["name"] and " " not in c["name"]
        ]
        passed = sum(check["passed"] for check in model["checks"])
        champion = "[green]serving[/green]" if model["champion"] else ""
        table.add_row(model["version"], champion, f"{passed} of {len(model['checks'])} passed", "\n".join(metrics))
    Console().print(table)
