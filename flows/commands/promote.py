"""`mtl promote VERSION`: make a version the champion."""

from pathlib import Path

import click

from flows.commands.arguments import example, in_folder


@click.command(epilog=example("mtl promote flights:4f1c09d2a7b3e865"))
@click.argument("version")
@click.option("--overrule", is_flag=True, help="Promote a refused version. The store records the reasons.")
@in_folder
def command(version: str, overrule: bool, folder: Path) -> None:
    """Make a version the champion. Promote an older version to roll back.

    VERSION is a tag listed by `mtl models`, or the part after the colon. Running services switch to it without dropping
    requests. The version is not compared with the current champion. A refused version needs --overrule. With
    TRUNKLINE_STORE_REMOTE the champion is also uploaded to that store, again if its files there are damaged.
    """
    from flows.environment import store_home
    from flows.remote import push_champion
    from mtl_core.config.document import problem_name
    from serving.champion import read_load_failure
    from serving.store import Store

    store, name = Store(store_home(folder)), problem_name(folder)
    tag = version if ":" in version else f"{name}:{version}"
    before, failure = store.champion(name), read_load_failure(store.home, name)
    overruled = store.promote(tag, overrule=overrule)
    previous = f"; previous champion: {before}" if before not in (None, tag) else ""
    click.echo(f"{tag} is the champion{previous}")
    if pushed := push_champion(folder, force=True):
        click.echo(pushed)
    for reason in overruled:
        click.echo(f"overruled: {reason}")
    if failure and failure.champion == tag:
        from flows.console.models import load_failure_text

        click.echo(load_failure_text(failure))
