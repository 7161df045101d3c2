"""`mtl retrain`: run the pipeline, and promote the model if it passes."""

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.commands.arguments import example, in_folder, json_output, reserve_stdout, wait_option
from flows.environment import prepare_prefect
from flows.logs import is_json, start_json_lines
from flows.running import check_start, exclusive_run
from mtl_core.errors import TrunklineError

if TYPE_CHECKING:
    from flows.retrain.result import RetrainResult


def _no_cron(_context: click.Context, _parameter: click.Parameter, value: str | None) -> None:
    if value is not None:
        raise click.UsageError(
            f"--cron: schedules are declared in prefect.yaml, found {value!r}; write it there as `schedules: [{{cron: "
            '"' + value + '"' + ", timezone: UTC}]`, then run `mtl up`, or `prefect deploy --all` for a running server"
        )


@click.command(epilog=example("mtl retrain", "PREFECT_API_URL=http://127.0.0.1:4200/api mtl retrain -C customers"))
@in_folder
@json_output
@wait_option
@click.option("--cron", hidden=True, expose_value=False, callback=_no_cron)
def command(folder: Path, as_json: bool, wait: bool) -> None:
    """Run the pipeline and promote the new model if it is better.

    Runs the stages of dvc.yaml that are out of date, each as a Prefect task. The candidate is refused if it fails a
    gate or makes a task worse than the champion. It becomes the champion if it makes a task better, and running
    services switch to it; otherwise it is kept, and the champion stays. `mtl models` lists the reasons. Under
    `gates.approval: required` it waits for `mtl approve`. In a git repository, each run is recorded as a DVC
    experiment.

    With TRUNKLINE_LOG=json every line on stderr is a JSON object with problem, version and stage.

    No Prefect server is needed; set PREFECT_API_URL to report to one. Exits with code 9 if another command is using the
    problem. For a schedule, see `mtl up`.
    """
    start_json_lines()
    # Before Prefect is imported, so that an error comes at once.
    with exclusive_run(folder, wait=wait):
        check_start(folder)
        prepare_prefect()
        from flows.console.retrain import print_result
        from flows.retrain.flow import run_retrain

        try:
            with reserve_stdout(as_json or is_json()):
                result = run_retrain(folder)
        except TrunklineError as error:
            if as_json and error.result is not None:  # of a refused candidate
                click.echo(_document(error.result))
            raise
        if as_json:
            click.echo(_document(result))
        else:
            print_result(result)


def _document(result: "RetrainResult") -> str:
    return json.dumps(dataclasses.asdict(result), indent=1)
