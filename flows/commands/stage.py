"""`mtl stage NAME`: one stage of the pipeline, as `dvc.yaml` calls it."""

from importlib import import_module
from pathlib import Path

import click

from flows.commands.arguments import example, in_folder, wait_option
from flows.pipeline.failure import keep_failure
from flows.pipeline.graph import STAGES, check_graph
from flows.running import exclusive_run, exclusive_stage
from serving.lifeline import end_with_parent

__all__ = ["command"]


@click.command(epilog=example("mtl stage train -C customers"))
@click.argument("name", type=click.Choice(STAGES))
@in_folder
@wait_option
def command(name: str, folder: Path, wait: bool) -> None:
    """Run one stage here and now, whether or not it is up to date.

    This is what dvc.yaml calls. `dvc repro` and `mtl retrain` run only what has to run, and keep its outputs. Refused
    with exit code 9 while another command works on the problem.
    """
    end_with_parent()
    with exclusive_run(folder, wait=wait), exclusive_stage(folder), keep_failure(folder, name):
        check_graph(folder)
        _check_needs(folder, name)
        import_module(f"flows.stages.{name}").run(folder)


def _check_needs(folder: Path, stage: str) -> None:
    """DataError where the stage before has left nothing; a folder without a problem is the stage's own to refuse."""
    from flows.layout import Layout
    from mtl_core.config import PARAMS
    from mtl_core.errors import DataError

    layout = Layout(folder)
    needs = {
        "train": ("prepare", layout.encoder),
        "export": ("train", layout.weights),
        "check": ("export", layout.signature),
        "report": ("check", layout.checks),
    }
    if stage in needs and (folder / PARAMS).exists() and not (path := needs[stage][1]).exists():
        raise DataError(
            f"{path}: must be there for the stage {stage}, found no file; run `mtl stage {needs[stage][0]}` first, or "
            "`mtl retrain`, which runs all that has to run"
        )
