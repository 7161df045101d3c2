"""`mtl relate`: task affinities and groupings."""

from pathlib import Path

import click

from flows.commands.arguments import example, in_folder, json_output, reserve_stdout


@click.command(epilog=example("mtl relate", "mtl relate --networks 2 -C customers", "mtl relate --show --json"))
@click.option(
    "--every",
    metavar="STEPS",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="Training steps between measurements.",
)
@click.option(
    "--networks", metavar="K", type=click.IntRange(min=1), help="Highlight the best grouping into K networks."
)
@click.option("--no-vectors", is_flag=True, help="Skip the second training, and with it the map of tasks.")
@click.option("--show", is_flag=True, help="Print the last result without training.")
@in_folder
@json_output
def command(folder: Path, as_json: bool, every: int, networks: int | None, no_vectors: bool, show: bool) -> None:
    """Measure task affinities and suggest task groupings.

    Trains the declared problem once and measures, every few steps, how a gradient step for one task changes the loss of
    each other task (inter-task affinity). Suggests the best grouping of the tasks into 1, 2, ... networks. Then trains
    the trunk `task_vectors` and draws a map of the learned task vectors.

    An interrupted study resumes when you run the command again. Writes studies/relatedness.json and two figures, and
    adds a section to the report. Confirm a grouping with `mtl compare`.
    """
    from flows.console.relate import print_relatedness
    from flows.relating import kept_relatedness, related
    from mtl_core.config import load_problem

    with reserve_stdout(as_json):
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
    if networks is not None and networks > tasks:
        raise click.BadParameter(f"must be at most {tasks}, one per task, found {networks}", param_hint="--networks")
