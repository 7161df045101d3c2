"""`mtl rollback`: make the previous champion the champion again."""

from pathlib import Path

import click

from flows.commands.arguments import example, in_folder


@click.command(epilog=example("mtl rollback", "mtl rollback --reason 'delays of March are predicted too low'"))
@click.option("--reason", metavar="TEXT", default="", help="Reason, kept in the history.")
@in_folder
def command(reason: str, folder: Path) -> None:
    """Make the previous champion the champion again.

    Running services switch to it without dropping requests. The version that is rolled back stays in the store, as
    `previous`: a second `mtl rollback` returns to it. `mtl promote VERSION` goes further back.

    The previous champion needs no --overrule, since it has served before; reasons for which it was refused are printed
    and recorded. Exits with code 8 if there is no previous champion, or if its files are damaged.
    """
    from flows.console.models import print_promotion
    from flows.remote import push_champion
    from flows.versions import find_version
    from serving.champion import ROLLBACK, read_load_failure

    store, tag = find_version(folder, "previous")
    name = tag.partition(":")[0]
    before, failure = store.champion(name), read_load_failure(store.home, name)
    overruled = store.promote(tag, overrule=True, reason=f"{ROLLBACK}: {reason}" if reason else ROLLBACK)
    print_promotion(tag, before, overruled, failure)
    if pushed := push_champion(folder):
        click.echo(pushed)
