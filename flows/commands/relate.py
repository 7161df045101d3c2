"""`mtl relate`: which tasks belong together?"""

from contextlib import nullcontext
from pathlib import Path

import click

from flows.commands.arguments import example, in_folder, json_output, stdout_to_stderr

__all__ = ["command"]


@click.command(epilog=example("mtl relate", "mtl relate --networks 2 -C customers", "mtl relate --show --json"))
@click.option(
    "--every",
    metavar="STEPS",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Steps between measurements.",
)
@click.option("--networks", metavar="K", type=click.IntRange(min=1), help="Mark the best partition into K networks.")
@click.option("--no-vectors", is_flag=True, help="Train no trunk of task vectors, hence draw no map.")
@click.option("--show", is_flag=True, help="Print the last result, and train nothing.")
@in_folder
@json_output
def command(folder: Path, as_json: bool, every: int, networks: int | None, no_vectors: bool, show: bool) -> None:
    """Measure how the tasks help and harm each other, and suggest task groupings.

    Trains the declared problem once, and measures at regular steps the effect of a step for each task alone on the loss
    of every other: the affinity. Names the best partition of the tasks into one network, two, and so on. Trains once
    more with the trunk `task_vectors`, and maps the tasks by the vectors that they learn.

    What was killed goes on. The result is studies/relatedness.json with two pictures, and the report shows it. It is a
    hint: `mtl compare` measures whether sharing pays.
    """
    from flows.console.relate import print_relatedness
    from flows.relating import kept_relatedness, related
    from mtl_core.config import load_problem

    with stdout_to_stderr() if as_json else nullcontext():
        if show:
            study, where = kept_relatedness(folder)
            _check_networks(networks, len(study.tasks))
        else:
            _check_networks(networks, len(load_problem(folder).tasks))
            study, where = related(folder, every, not no_vectors)
    if as_json:
        click.echo(study.model_dump_json(indent=1))
    else:
        print_relatedness(study, networks)
        click.echo(where)


def _check_networks(networks: int | None, tasks: int) -> None:
    """Raises click.BadParameter where there are fewer tasks than networks."""
    if networks is not None and networks > tasks:
        raise click.BadParameter(f"must be at most {tasks}, as many as there are tasks", param_hint="--networks")
