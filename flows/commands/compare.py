"""`mtl compare`: does sharing pay?"""

from contextlib import nullcontext
from pathlib import Path

import click

from flows.commands.arguments import example, in_folder, json_output, stdout_to_stderr

__all__ = ["command"]


@click.command(epilog=example("mtl compare", "mtl compare --seeds 3 --policies -C customers", "mtl compare --show"))
@click.option(
    "--seeds",
    metavar="N",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="Number of seeds, counted from training.seed.",
)
@click.option("--policies", is_flag=True, help="Train the shared network under every other stopping policy too.")
@click.option("--show", is_flag=True, help="Print the last result, and train nothing.")
@in_folder
@json_output
def command(folder: Path, as_json: bool, seeds: int, policies: bool, show: bool) -> None:
    """Train shared against single-task networks, and say which tasks gain.

    The declared network against a network of its size for each task alone, and against gradient-boosted trees where
    LightGBM is installed: the same rows, the same budget, several seeds. Says per task the difference with its
    interval, names negative transfer, and measures parameters, training time and serving cost.

    Takes as long as all these trainings. What is finished is kept: a study that was killed goes on. The result is
    studies/comparison.json, and the report shows it.
    """
    from flows.comparing import compared, kept_comparison
    from flows.console.compare import print_comparison

    with stdout_to_stderr() if as_json else nullcontext():
        study, where = kept_comparison(folder) if show else compared(folder, seeds, policies)
    if as_json:
        click.echo(study.model_dump_json(indent=1))
    else:
        print_comparison(study)
        click.echo(where)
