"""`mtl add-task NAME`: a task added to the champion without training the others."""

import dataclasses
import json
from pathlib import Path

import click

from flows.commands.arguments import example, in_folder, json_output, reserve_stdout, wait_option
from flows.running import check_start, exclusive_run


@click.command(epilog=example("mtl add-task late", "mtl add-task late --adapter --compare -C customers"))
@click.argument("task", metavar="NAME")
@click.option("--adapter", is_flag=True, help="The head also reads the encoded inputs, not only the trunk's outputs.")
@click.option("--compare", is_flag=True, help="Also train all tasks, without promotion, and compare the new task.")
@in_folder
@json_output
@wait_option
def command(folder: Path, task: str, adapter: bool, compare: bool, as_json: bool, wait: bool) -> None:
    """Add a task to the champion without changing the others.

    Declare the task NAME under `tasks` in params.yaml first. The command trains a head on the outputs of the champion's
    trunk, which stays frozen, and appends it to the champion's graph. Every other output stays the same to the bit. The
    new version is kept as refused if the new task fails a gate. Otherwise it is promoted, or under `gates.approval:
    required` waits for `mtl approve`. The next `mtl retrain` trains the task with all others.

    Shows a full retrain's metric on the same test rows, if artifacts/ has one. Exits with code 2 if the task is not
    declared, is served already or is of a kind that cannot be added, 3 without a champion or with other columns than
    its own, 5 if its graph cannot take the task, 6 if a gate is not passed, 7 if the champion changed meanwhile, 9 if
    another command is using the problem.
    """
    with exclusive_run(folder, wait=wait):
        check_start(folder)
        from flows.add_task.add import run_add_task
        from flows.console.add_task import print_added_task
        from flows.remote import push_champion

        with reserve_stdout(as_json):
            result = run_add_task(folder, task, adapter=adapter, compare=compare)
            pushed = push_champion(folder) if result.promoted else ""
        if as_json:
            click.echo(json.dumps(dataclasses.asdict(result), indent=1))
        else:
            print_added_task(result)
            if pushed:
                click.echo(pushed)
