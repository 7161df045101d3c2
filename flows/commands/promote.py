"""`mtl promote VERSION`: make a version the champion."""

from pathlib import Path

import click

from flows.commands.arguments import example, in_folder


@click.command(
    epilog=example("mtl promote flights:4f1c09d2a7b3e865", "mtl promote 4f1c --reason 'before the new data'")
)
@click.argument("version")
@click.option("--overrule", is_flag=True, help="Promote a refused version. The store records the reasons.")
@click.option(
    "--reason", metavar="TEXT", default="promoted by hand", show_default=True, help="Reason, kept in the history."
)
@in_folder
def command(version: str, overrule: bool, reason: str, folder: Path) -> None:
    """Make a version the champion.

    VERSION is a tag listed by `mtl models`, the part after the colon, its first digits, or `challenger`, `previous`.
    Running services switch to it without dropping requests. The version is not compared with the current champion. A
    refused version needs --overrule. `mtl rollback` returns to the champion before. With TRUNKLINE_STORE_REMOTE the
    champion is also uploaded to that store, again if its files there are damaged.
    """
    from flows.console.models import print_promotion
    from flows.remote import push_champion
    from flows.versions import find_version
    from serving.champion import read_load_failure

    store, tag = find_version(folder, version)
    name = tag.partition(":")[0]
    before, failure = store.champion(name), read_load_failure(store.home, name)
    overruled = store.promote(tag, overrule=overrule, reason=reason)
    print_promotion(tag, before, overruled, failure)
    if pushed := push_champion(folder, force=True):
        click.echo(pushed)
