"""`mtl tune`: hyperparameter search."""

from pathlib import Path

import click

from flows.commands.arguments import example, in_folder, json_output, reserve_stdout


@click.command(
    epilog=example(
        "mtl tune", "mtl tune --trials 100 --workers 2 -C customers", "mtl tune --repeat 17", "mtl tune --apply 17"
    )
)
@click.option(
    "--trials",
    metavar="N",
    type=click.IntRange(min=2),
    help="Total number of trials, over all runs. Default: tuning.trials.",
)
@click.option(
    "--workers",
    metavar="N",
    type=click.IntRange(min=1, max=256),
    default=1,
    show_default=True,
    help="Parallel training processes, each with training.threads threads.",
)
@click.option(
    "--apply", "applied", metavar="N", type=click.IntRange(min=0), help="Write the options of trial N to params.yaml."
)
@click.option(
    "--repeat", "repeated", metavar="N", type=click.IntRange(min=0), help="Train trial N again and compare its numbers."
)
@click.option("--show", is_flag=True, help="Print the last result without training.")
@in_folder
@json_output
def command(
    folder: Path, as_json: bool, trials: int | None, workers: int, applied: int | None, repeated: int | None, show: bool
) -> None:
    """Search hyperparameters with Optuna.

    The section `tuning` of params.yaml declares the search space. Trial 0 trains the declared options. The objective is
    the mean gain of the tasks over trial 0 on the validation split, in standard errors. Trials that fall behind are
    pruned.

    Finished trials are kept: run the command again to continue. A changed problem or search space starts a new study.
    Writes studies/tuning.json and adds a section to the report. --repeat exits with code 4 if the numbers differ.
    """
    if sum((show, applied is not None, repeated is not None)) > 1:
        raise click.UsageError("--show, --apply and --repeat exclude each other; use one of them")
    if as_json and (applied is not None or repeated is not None):
        raise click.UsageError("--json cannot be combined with --apply or --repeat; remove it")
    from flows import tuning

    if applied is not None:
        click.echo(tuning.applied(folder, applied))
        return
    if repeated is not None:
        click.echo(tuning.repeated(folder, repeated))
        return
    with reserve_stdout(as_json):
        result = tuning.kept_tuning(folder) if show else tuning.tuned(folder, trials, workers)
    if as_json:
        click.echo(result.study.model_dump_json(indent=1))
    else:
        from flows.console.tune import print_tuning

        print_tuning(result.study, result.problem)
        click.echo(result.where)
    if not result.complete:
        raise click.exceptions.Exit(1)
