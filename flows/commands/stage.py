"""`mtl stage NAME`: one stage of the pipeline, as `dvc.yaml` calls it."""

from importlib import import_module
from pathlib import Path

import click

from flows.commands.arguments import example, in_folder
from flows.pipeline.failure import keep_failure
from flows.pipeline.graph import STAGES, check_graph

__all__ = ["command"]


@click.command(epilog=example("mtl stage train -C customers"))
@click.argument("name", type=click.Choice(STAGES))
@in_folder
def command(name: str, folder: Path) -> None:
    """Run one stage here and now, whether or not it is up to date.

    This is what dvc.yaml calls. `dvc repro` and `mtl retrain` run only what has to run, and keep its outputs.
    """
    with keep_failure(folder, name):
        check_graph(folder)
        import_module(f"flows.stages.{name}").run(folder)
