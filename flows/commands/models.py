"""`mtl models`: list, show, pin and delete the model versions in the store."""

import json
from pathlib import Path
from typing import Any

import click

from flows.commands.arguments import example, in_folder, json_output


class ModelsGroup(click.Group):
    """Command group whose command `list` also runs without its name: `mtl models`, `mtl models --json`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the arguments, after the name of the subcommand is added."""
        return super().parse_args(ctx, self.with_name(ctx, args))

    def with_name(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The arguments with the name of the subcommand, `list` where there is none."""
        is_option = bool(args) and args[0].startswith("-") and args[0] not in ctx.help_option_names
        return ["list", *args] if is_option or not args else args


@click.group(
    cls=ModelsGroup,
    epilog=example(
        "mtl models",
        "mtl models -C customers --json | jq '.[0].version'",
        "mtl models show challenger",
        "mtl models prune --keep 20 --dry-run",
    ),
)
def command() -> None:
    """List, show, pin and delete the model versions in the store.

    Without a subcommand, `mtl models` lists. VERSION is a tag as listed, its part after the colon, the first digits of
    that part, or `champion`, `previous` (the champion before), `challenger` (the newest that is not the champion).
    """


@command.command("list", epilog=example("mtl models", "mtl models --json | jq '.[0].version'"))
@in_folder
@json_output
def list_models(folder: Path, as_json: bool) -> None:
    """List the model versions in the store, newest first.

    Shows age, status, data, git commit, checks and test metrics of each version. A refused version is listed with the
    reasons: failed gates, or tasks that got worse than the champion's. To serve it anyway: `mtl promote VERSION
    --overrule`. A version that was kept, since it was not better, or that waits for `mtl approve`, is listed with the
    reasons too.
    """
    from flows.versions import describe_all, open_store
    from serving.champion import read_load_failure

    store, name = open_store(folder)
    models, failure = describe_all(store, name), read_load_failure(store.home, name)
    if as_json:
        _print_json(models)
    elif not models:
        click.echo(f"{name}: no versions yet; run `mtl retrain`")
    else:
        from flows.console.models import load_failure_text, print_models

        print_models(models)
        if failure:
            click.echo(load_failure_text(failure))


@command.command("show", epilog=example("mtl models show champion", "mtl models show 4f1c --json | jq .provenance"))
@click.argument("version")
@in_folder
@json_output
def show(version: str, folder: Path, as_json: bool) -> None:
    """Show everything about a version: provenance, checks, metrics, and when it was promoted and why."""
    from flows.versions import describe_fully, find_version

    store, tag = find_version(folder, version)
    model = describe_fully(store, tag)
    if as_json:
        _print_json(model)
    else:
        from flows.console.models import print_model

        print_model(model)


@command.command("pin", epilog=example("mtl models pin champion"))
@click.argument("version")
@in_folder
def pin(version: str, folder: Path) -> None:
    """Protect a version from deletion by `prune` and by `store` in params.yaml."""
    from flows.versions import find_version
    from serving.retention import pin

    store, tag = find_version(folder, version)
    pin(store, tag)
    click.echo(f"{tag} is pinned")


@command.command("unpin", epilog=example("mtl models unpin 4f1c09d2"))
@click.argument("version")
@in_folder
def unpin(version: str, folder: Path) -> None:
    """Remove the protection of `mtl models pin`."""
    from flows.versions import find_version
    from serving.retention import unpin

    store, tag = find_version(folder, version)
    unpin(store, tag)
    click.echo(f"{tag} is not pinned")


@command.command(
    "prune", epilog=example("mtl models prune --keep 20", 'mtl models prune --max-age "90 days" --dry-run')
)
@click.option("--keep", metavar="N", type=click.IntRange(1), help="Keep the newest N versions.")
@click.option("--max-age", metavar="AGE", help='Delete versions older than this, e.g. "90 days".')
@click.option("--dry-run", is_flag=True, help="Only list what would be deleted.")
@in_folder
@json_output
def prune(keep: int | None, max_age: str | None, dry_run: bool, folder: Path, as_json: bool) -> None:
    """Delete old versions.

    A version is deleted if it exceeds one of the limits, which are those of `store` in params.yaml where no option is
    given. The champion, the previous champion, the newest version, one that waits for approval and pinned ones are
    never deleted.
    """
    from flows.versions import open_store, retention_limits
    from serving.retention import prune

    store, name = open_store(folder)
    keep, age = retention_limits(folder, keep, max_age)
    deleted = prune(store, name, keep=keep, max_age=age, dry_run=dry_run)
    if as_json:
        _print_json([{"version": old.version, "reason": old.reason, "deleted": not dry_run} for old in deleted])
        return
    for old in deleted:
        click.echo(f"{old.version} {'would be deleted' if dry_run else 'deleted'}: {old.reason}")
    kept = len(store.versions(name)) - (len(deleted) if dry_run else 0)
    click.echo(f"{name}: {len(deleted)} {'to delete' if dry_run else 'deleted'}, {kept} kept")


def _print_json(document: Any) -> None:
    click.echo(json.dumps(document, indent=1))
