"""`mtl models`: list the model versions in the store."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from flows.commands.arguments import example, in_folder, json_output

if TYPE_CHECKING:
    from serving.store import Store


@click.command(epilog=example("mtl models", "mtl models --json | jq '.[0].version'"))
@in_folder
@json_output
def command(folder: Path, as_json: bool) -> None:
    """List the model versions in the store, newest first.

    Shows the status, checks and test metrics of each version. A refused version is listed with the reasons: failed
    gates, or tasks that got worse than the champion's. To serve it anyway: `mtl promote VERSION --overrule`. A version
    that was kept, since it was not better, or that waits for `mtl approve`, is listed with the reasons too.
    """
    from flows.environment import store_home
    from mtl_core.config.document import problem_name
    from serving.champion import read_load_failure
    from serving.store import Store

    store, name = Store(store_home(folder)), problem_name(folder)
    champion, failure = store.champion(name), read_load_failure(store.home, name)
    models = [
        _describe(store, tag)
        | {"champion": tag == champion, "load_failure": failure.reason if failure and tag == champion else None}
        for tag in store.versions(name)
    ]
    if as_json:
        click.echo(json.dumps(models, indent=1))
    elif not models:
        click.echo(f"{name}: no versions yet; run `mtl retrain`")
    else:
        from flows.console.models import load_failure_text, print_models

        print_models(models)
        if failure:
            click.echo(load_failure_text(failure))


def _describe(store: "Store", tag: str) -> dict[str, Any]:
    from serving.decisions import decision_of
    from serving.errors import StoreError
    from serving.refused import CHECKS_FILE

    damage, decision = store.damage(tag), None
    try:
        decision = decision_of(store, tag)
    except StoreError as error:
        damage = damage or str(error)
    checks: dict[str, Any] = {"passed": False, "checks": []}
    if damage is None:
        checks |= json.loads((store.path(tag) / CHECKS_FILE).read_text(encoding="utf-8"))
    return {
        "version": tag,
        "refused": list(store.refusal(tag)) or None if damage is None else None,
        "decision": decision and {"outcome": decision.outcome, "reasons": list(decision.reasons)},
        "overruled": list(store.overruled(tag)) or None,
        "damage": damage,
        **checks,
    }
