"""`mtl reproduce VERSION`: train a version again from its provenance, and compare."""

import dataclasses
import json
from pathlib import Path

import click

from flows.commands.arguments import example, in_folder, json_output, reserve_stdout


@click.command(epilog=example("mtl reproduce champion", "mtl reproduce 4f1c09d2 --into /tmp/again --json"))
@click.argument("version")
@click.option(
    "--into",
    metavar="FOLDER",
    type=click.Path(file_okay=False, resolve_path=True, path_type=Path),
    help="Folder for the clone, new or empty. Default: .trunkline/reproduction, replaced by each call.",
)
@click.option(
    "--tolerance",
    metavar="SHARE",
    type=click.FloatRange(0, 1),
    default=0.01,
    show_default=True,
    help="Accepted relative difference of each task's metric on test, where the machine or the packages differ.",
)
@in_folder
@json_output
@click.pass_context
def command(ctx: click.Context, version: str, into: Path | None, tolerance: float, folder: Path, as_json: bool) -> None:
    """Train a version again from its provenance, and compare.

    Run it in a clone of the repository whose store has the version. It clones the repository at the git commit of the
    version, writes the version's params.yaml, dvc.yaml, dvc.lock and expectations there, brings its data from DVC's
    cache, a remote or fetch_data.py, and runs the stages up to the export with the code of that commit. Your working
    tree is not changed. VERSION is as for `mtl promote`; only reproduce versions of repositories that you trust, since
    their commands are run.

    With the same model of processor and the same packages, the graph must have the same bytes. Otherwise, each task's
    metric on test must be within the tolerance. Exits with code 4 if it is not, or if something that the training
    needs is missing, which the error names.
    """
    from flows.console.reproduce import print_reproduction
    from flows.reproduce.folder import reproduction_folder
    from flows.reproduce.run import reproduce
    from flows.versions import find_version
    from mtl_core.errors import TrainingError

    store, tag = find_version(folder, version)
    with reproduction_folder(folder, into) as clone, reserve_stdout(as_json):
        result = reproduce(folder, store, tag, clone, tolerance)
    if as_json:
        click.echo(json.dumps(dataclasses.asdict(result) | {"reproduced": result.reproduced}, indent=1))
    else:
        print_reproduction(result)
    if not result.reproduced:
        ctx.exit(TrainingError.exit_code)
