"""`mtl replay`: how often must the model be retrained?"""

import re
from pathlib import Path

import click

from flows.commands.arguments import example, in_folder, json_output, reserve_stdout

MAX_MONTHS = 120


def _month(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None and not re.fullmatch(r"[0-9]{4}-(0[1-9]|1[0-2])", value):
        raise click.BadParameter(f"must be a month such as 2013-04, found {value!r}")
    return value


def _cadences(_context: click.Context, _parameter: click.Parameter, value: str) -> tuple[int, ...]:
    months = tuple(int(text) if re.fullmatch("[0-9]{1,3}", text) else 0 for text in value.split(","))
    if not all(1 <= count <= MAX_MONTHS for count in months) or len(set(months)) < len(months):
        raise click.BadParameter(f"must be distinct numbers from 1 to {MAX_MONTHS}, as in 1,3, found {value!r}")
    return months


@click.command(
    epilog=example(
        "mtl replay --from 2013-04 --cadence 1,3", "mtl replay --cadence 1 --without-limits", "mtl replay --show --json"
    )
)
@click.option(
    "--from",
    "first",
    metavar="MONTH",
    callback=_month,
    help="First month to score, as YYYY-MM. Default: the fourth of the data.",
)
@click.option(
    "--cadence",
    "cadences",
    metavar="N,...",
    callback=_cadences,
    default="1,3",
    show_default=True,
    help="Months from one retrain to the next; several are compared.",
)
@click.option(
    "--without-limits",
    is_flag=True,
    help="Leave out gates.metrics: a limit for one season may refuse every candidate of another.",
)
@click.option("--show", is_flag=True, help="Print the last result without training.")
@in_folder
@json_output
def command(
    folder: Path, as_json: bool, first: str | None, cadences: tuple[int, ...], without_limits: bool, show: bool
) -> None:
    """Replay past months to find out how often to retrain.

    Cuts the data into calendar months. For each cadence, in a folder of its own: retrain with `mtl retrain` when it is
    due, then let the next month arrive with `mtl ingest`, and score the champion on its rows, which no model has seen.
    Compares the cadences with each other and with a first model that is never retrained, and lists the promotions that
    turned out worse on the next month.

    Needs a split by time. Your models, data and service are not touched. An interrupted replay resumes when you run the
    command again. Writes studies/replay.json and adds a section to the report.
    """
    from flows.environment import prepare_prefect

    prepare_prefect()
    from flows.studies.replay.study import run_replay, stored_replay

    with reserve_stdout(as_json):
        study, where = stored_replay(folder) if show else run_replay(folder, first, cadences, limits=not without_limits)
    if as_json:
        click.echo(study.model_dump_json(indent=1))
    else:
        from flows.console.replay import print_replay

        print_replay(study)
        click.echo(where)
