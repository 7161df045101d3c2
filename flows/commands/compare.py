"""`mtl compare`: the shared network against single-task models."""

from pathlib import Path

import click

from flows.commands.arguments import example, in_folder, json_output, reserve_stdout


@click.command(epilog=example("mtl compare", "mtl compare --seeds 3 --policies -C customers", "mtl compare --show"))
@click.option(
    "--seeds",
    metavar="N",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Number of seeds, starting at training.seed.",
)
@click.option("--policies", is_flag=True, help="Also train the shared network under every other stopping policy.")
@click.option("--show", is_flag=True, help="Print the last result without training.")
@in_folder
@json_output
def command(folder: Path, as_json: bool, seeds: int, policies: bool, show: bool) -> None:
    """Compare the shared network with single-task models.

    Trains the declared network, one network of the same size per task and, if LightGBM is installed, boosted trees per
    task, on the same rows with the same budget and several seeds. Reports the difference per task with a 95% interval,
    negative transfer, number of parameters, training time and inference time.

    Runs all these trainings, so it can take long. An interrupted study resumes when you run the command again. Writes
    studies/comparison.json and adds a section to the report.
    """
    from flows.comparing import compared, kept_comparison
    from flows.console.compare import print_comparison

    with reserve_stdout(as_json):
        study, where = kept_comparison(folder) if show else compared(folder, seeds, policies)
    if as_json:
        click.echo(study.model_dump_json(indent=1))
    else:
        print_comparison(study)
        click.echo(where)
