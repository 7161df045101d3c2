"""`mtl approve`: promote or reject the candidate that waits for approval."""

import json
from pathlib import Path

import click

from flows.commands.arguments import example, in_folder, json_output


@click.command(
    epilog=example(
        'mtl approve --reason "checked the cancelled flights"',
        'mtl approve flights:4f1c09d2a7b3e865 --reject --reason "the holidays are missing"',
    )
)
@click.argument("version", required=False)
@click.option("--reject", is_flag=True, help="Refuse the candidate instead; needs --reason.")
@click.option("--reason", metavar="TEXT", default="", help="Reason, kept in the store with the version.")
@in_folder
@json_output
def command(version: str | None, reject: bool, reason: str, folder: Path, as_json: bool) -> None:
    """Promote the candidate that waits for approval.

    Under `gates.approval: required` a retrain promotes no candidate by itself. VERSION is a tag listed by `mtl models`,
    the part after the colon, or its first digits; by default the candidate that waits. If its flow run is paused on the
    Prefect server of PREFECT_API_URL, the run goes on.

    Exits with code 7 if the champion was replaced after the comparison or the candidate was refused meanwhile, and with
    8 if no such candidate waits.
    """
    if reject and not reason.strip():
        raise click.UsageError("--reject needs --reason TEXT, which `mtl models` then shows")
    from flows.environment import prepare_prefect
    from flows.remote import push_champion
    from flows.versions import open_store
    from serving.aliases import resolve
    from serving.decisions import waiting_version

    store, name = open_store(folder)
    tag, decision = waiting_version(store, name, None if version is None else resolve(store, name, version))
    prepare_prefect()
    from flows.retrain.approval import approve, reject_version, resume

    if reject:
        reject_version(store, tag, decision, reason)
        sentence = f"{tag} is refused: {reason}"
    else:
        approve(store, tag, decision, reason)
        previous = f"; previous champion: {decision.champion}" if decision.champion else ""
        sentence = f"{tag} is the champion{previous}"
    pushed = "" if reject else push_champion(folder)
    flow_run = resume(decision.flow_run) if decision.flow_run else None
    if as_json:
        outcome = "refused" if reject else "promoted"
        click.echo(json.dumps({"version": tag, "outcome": outcome, "reason": reason or None, "flow_run": flow_run}))
        return
    click.echo(sentence)
    for line in filter(None, (flow_run, pushed)):
        click.echo(line)
