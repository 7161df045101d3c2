"""`mtl stage NAME`: run one stage of the pipeline."""

from importlib import import_module
from pathlib import Path

import click

from flows.commands.arguments import example, in_folder, reserve_stdout, wait_option
from flows.logs import is_json, set_fields, start_json_lines
from flows.pipeline.failure import record_failure
from flows.pipeline.graph import STAGES, check_graph
from flows.running import exclusive_run, exclusive_stage
from serving.lifeline import end_with_parent


@click.command(epilog=example("mtl stage train -C customers"))
@click.argument("name", type=click.Choice(STAGES))
@in_folder
@wait_option
def command(name: str, folder: Path, wait: bool) -> None:
    """Run one stage of the pipeline, even if it is up to date.

    dvc.yaml calls this command. To run only the stages that are out of date, use `mtl retrain` or `dvc repro`. Exits
    with code 9 if another command is using the problem.
    """
    end_with_parent()
    start_json_lines()
    set_fields(stage=name)
    with (
        reserve_stdout(is_json()),
        exclusive_run(folder, wait=wait),
        exclusive_stage(folder),
        record_failure(folder, name),
    ):
        check_graph(folder)
        _check_previous_stage(folder, name)
        import_module(f"flows.stages.{name}").run(folder)


def _check_previous_stage(folder: Path, stage: str) -> None:
    """Raises DataError if the output of the previous stage is missing; the stage itself checks the folder."""
    from flows.layout import Layout
    from mtl_core.config import PARAMS
    from mtl_core.errors import DataError

    layout = Layout(folder)
    required = {
        "train": ("prepare", layout.encoder),
        "export": ("train", layout.weights),
        "check": ("export", layout.signature),
        "report": ("check", layout.checks),
    }
    if stage not in required or not (folder / PARAMS).exists():
        return
    previous, path = required[stage]
    if not path.exists():
        raise DataError(
            f"{path}: must exist for the stage {stage}, found no file; run `mtl stage {previous}` first, or "
            "`mtl retrain`, which runs every stage that is out of date"
        )
