"""`mtl compare`: does sharing pay?"""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.arguments import example, in_folder, json_output, stdout_to_stderr

if TYPE_CHECKING:
    from mtl_core.studies.comparison import Comparison

__all__ = ["command"]


@click.command(epilog=example("mtl compare", "mtl compare --seeds 3 --policies -C customers", "mtl compare --show"))
@click.option(
    "--seeds",
    metavar="N",
    type=click.IntRange(min=1),
    default=5,
    show_default=True,
    help="So many trainings of everything: with training.seed, the next seed, and so on.",
)
@click.option("--policies", is_flag=True, help="Train the shared network under every other stopping policy too.")
@click.option("--show", is_flag=True, help="Print what was found last, and train nothing.")
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
    with stdout_to_stderr() if as_json else nullcontext():
        found, told = _kept(folder) if show else _compared(folder, seeds, policies)
    if as_json:
        click.echo(found.model_dump_json(indent=1))
        return
    from flows.sharing import print_comparison

    print_comparison(found)
    click.echo(told)


def _kept(folder: Path) -> tuple[Comparison, str]:
    from flows.layout import Layout
    from mtl_core.errors import DataError
    from mtl_core.studies.comparison import Comparison
    from mtl_core.studies.files import read_study

    path = Layout(folder).comparison
    if (found := read_study(path, Comparison)) is None:
        raise DataError(f"{path}: must be there to be shown, found no file; `mtl compare` makes it")
    return found, f"kept in {path.relative_to(folder)}"


def _compared(folder: Path, seeds: int, policies: bool) -> tuple[Comparison, str]:
    """Runs the study and writes its file."""
    import pyarrow.parquet as pq

    from flows.layout import Layout
    from flows.made import made_by
    from flows.sharing import Watch
    from flows.studies import encoded, scratch, show_in_report
    from mtl_core.config import load_problem
    from mtl_core.studies.compared_runs import check_sharing, parts_of
    from mtl_core.studies.comparing import compare_arms
    from mtl_core.studies.files import write_study

    check_sharing(load_problem(folder))
    problem, encoder, splits = encoded(folder)
    layout, first = Layout(folder), problem.training.seed
    raw = pq.read_table(layout.encoded / "test.parquet", columns=list(encoder.inputs))
    asked = f"mtl compare --seeds {seeds}" + (" --policies" if policies else "")
    made = made_by(asked, range(first, first + seeds), folder, problem)
    with Watch(parts_of(problem, policies, seeds), problem.training.epochs) as watch:
        found = compare_arms(
            *(problem, encoder, splits, raw, scratch(folder, "compare"), made),
            policies=policies,
            on_part=watch.on_part,
            on_epoch=watch.on_epoch,
            on_step=watch.on_step,
        )
    write_study(layout.comparison, found)
    return found, f"kept in {layout.comparison.relative_to(folder)}; {show_in_report(folder)}"
