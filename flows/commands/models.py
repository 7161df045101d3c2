"""`mtl models`: the versions in the store."""

import json
from pathlib import Path

import click

from flows.commands.arguments import example, in_folder, json_output

__all__ = ["command"]


@click.command(epilog=example("mtl models", "mtl models --json | jq '.[0].version'"))
@in_folder
@json_output
def command(folder: Path, as_json: bool) -> None:
    """List the versions in the store, newest first, with their checks and the champion's mark."""
    from flows.environment import store_home
    from mtl_core.config.document import problem_name
    from serving.champion import read_refusal
    from serving.store import CHECKS_FILE, Store

    store, name = Store(store_home(folder)), problem_name(folder)
    champion, refusal = store.champion(name), read_refusal(store.home, name)
    models = []
    for tag in store.versions(name):
        damage = store.damage(tag)
        checks = {"passed": False, "checks": []}
        if damage is None:
            checks |= json.loads((store.path(tag) / CHECKS_FILE).read_text(encoding="utf-8"))
        refused = refusal.reason if refusal and tag == champion else None
        models.append({"version": tag, "champion": tag == champion, "refused": refused, "damage": damage, **checks})
    if as_json:
        click.echo(json.dumps(models, indent=1))
    elif not models:
        click.echo(f"{name}: no version yet; `mtl retrain` makes one")
    else:
        from flows.console.models import print_models, refusal_text

        print_models(models)
        if refusal:
            click.echo(refusal_text(refusal))
