"""`mtl promote VERSION`: makes a version the champion."""

from pathlib import Path

import click

from flows.commands.arguments import example, in_folder

__all__ = ["command"]


@click.command(epilog=example("mtl promote flights:4f1c09d2a7b3e865"))
@click.argument("version")
@click.option("--overrule", is_flag=True, help="Promote a version although it was refused; the store records that.")
@in_folder
def command(version: str, overrule: bool, folder: Path) -> None:
    """Make a version the champion; promoting an older one rolls back.

    VERSION is a tag as `mtl models` lists it, or the part after the colon. It is not compared with the champion. A
    version that was refused, by its gates or since it lost against a champion, needs --overrule.
    """
    from flows.environment import store_home
    from mtl_core.config.document import problem_name
    from serving.champion import read_load_failure
    from serving.store import Store

    store, name = Store(store_home(folder)), problem_name(folder)
    tag = version if ":" in version else f"{name}:{version}"
    before, failure = store.champion(name), read_load_failure(store.home, name)
    overruled = store.promote(tag, overrule=overrule)
    click.echo(f"{tag} is the champion" + (f"; before it, {before} was" if before not in (None, tag) else ""))
    for reason in overruled:
        click.echo(f"overruled: {reason}")
    if failure and failure.champion == tag:
        from flows.console.models import load_failure_text

        click.echo(load_failure_text(failure))
