"""`mtl tune`: which options suit the problem?"""

from contextlib import nullcontext
from pathlib import Path

import click

from flows.commands.arguments import example, in_folder, json_output, stdout_to_stderr

__all__ = ["command"]


@click.command(
    epilog=example(
        "mtl tune", "mtl tune --trials 100 --workers 2 -C customers", "mtl tune --repeat 17", "mtl tune --apply 17"
    )
)
@click.option(
    "--trials",
    metavar="N",
    type=click.IntRange(min=2),
    help="Total number of trials, over all runs; tuning.trials where none is given.",
)
@click.option(
    "--workers",
    metavar="N",
    type=click.IntRange(min=1, max=256),
    default=1,
    show_default=True,
    help="Processes that train at the same time, each with training.threads.",
)
@click.option(
    "--apply", "applied", metavar="N", type=click.IntRange(min=0), help="Write trial N's options into params.yaml."
)
@click.option("--repeat", "repeated", metavar="N", type=click.IntRange(min=0), help="Train trial N again, and compare.")
@click.option("--show", is_flag=True, help="Print the last result, and train nothing.")
@in_folder
@json_output
def command(
    folder: Path, as_json: bool, trials: int | None, workers: int, applied: int | None, repeated: int | None, show: bool
) -> None:
    """Search the options that `tuning` declares in params.yaml.

    Trial 0 is the declared problem. Every other one is trained with options that Optuna samples, and measured on the
    validation split: by how many standard errors of trial 0 its tasks are better, on average. A trial that falls behind
    is pruned.

    What is finished is kept: run it again to go on. Another problem or space begins anew. The result is
    studies/tuning.json, and the report shows it. With --repeat, other numbers than before end with exit code 4.
    """
    if sum((show, applied is not None, repeated is not None)) > 1:
        raise click.UsageError("--show, --apply and --repeat do different things; give one of them")
    if as_json and (applied is not None or repeated is not None):
        raise click.UsageError("--json prints the study, which --apply and --repeat do not change; leave it out")
    from flows import tuning

    if applied is not None:
        click.echo(tuning.applied(folder, applied))
        return
    if repeated is not None:
        click.echo(tuning.repeated(folder, repeated))
        return
    with stdout_to_stderr() if as_json else nullcontext():
        result = tuning.kept_tuning(folder) if show else tuning.tuned(folder, trials, workers)
    if as_json:
        click.echo(result.study.model_dump_json(indent=1))
    else:
        from flows.console.tune import print_tuning

        print_tuning(result.study, result.problem)
        click.echo(result.where)
    if not result.complete:
        raise click.exceptions.Exit(1)
