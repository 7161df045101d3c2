"""`mtl relate`: which tasks belong together?"""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.arguments import example, in_folder, json_output, stdout_to_stderr

if TYPE_CHECKING:
    from flows.layout import Layout
    from mtl_core.studies.relatedness import Relatedness

__all__ = ["command"]


@click.command(epilog=example("mtl relate", "mtl relate --networks 2 -C customers", "mtl relate --show --json"))
@click.option(
    "--every",
    metavar="STEPS",
    type=click.IntRange(min=1),
    default=10,
    show_default=True,
    help="So many steps from one look to the next.",
)
@click.option("--networks", metavar="K", type=click.IntRange(min=1), help="Mark the best partition into K networks.")
@click.option("--no-vectors", is_flag=True, help="Train no trunk of task vectors, hence draw no map.")
@click.option("--show", is_flag=True, help="Print what was found last, and train nothing.")
@in_folder
@json_output
def command(folder: Path, as_json: bool, every: int, networks: int | None, no_vectors: bool, show: bool) -> None:
    """Watch how the tasks help and harm each other, and say who belongs together.

    Trains the declared problem once, and looks now and then at what a step for each task alone would do to the loss of
    every other: the affinity. Names the best partition of the tasks into one network, two, and so on. Trains once more
    with the trunk `task_vectors`, and maps the tasks by the vectors that they learn.

    What was killed goes on. The result is studies/relatedness.json with two pictures, and the report shows it. It is a
    hint: `mtl compare` measures whether sharing pays.
    """
    with stdout_to_stderr() if as_json else nullcontext():
        found, told = _kept(folder, networks) if show else _related(folder, every, networks, not no_vectors)
    if as_json:
        click.echo(found.model_dump_json(indent=1))
        return
    from flows.relatedness import print_relatedness

    print_relatedness(found, networks)
    click.echo(told)


def _kept(folder: Path, networks: int | None) -> tuple[Relatedness, str]:
    from flows.layout import Layout
    from mtl_core.errors import DataError
    from mtl_core.studies.files import read_study
    from mtl_core.studies.relatedness import Relatedness

    path = Layout(folder).relatedness
    if (found := read_study(path, Relatedness)) is None:
        raise DataError(f"{path}: must be there to be shown, found no file; `mtl relate` makes it")
    _check_networks(networks, len(found.tasks))
    return found, f"kept in {path.relative_to(folder)}"


def _related(folder: Path, every: int, networks: int | None, vectors: bool) -> tuple[Relatedness, str]:
    """Runs the study and writes its files."""
    import shutil

    from flows.layout import Layout
    from flows.made import made_by
    from flows.relatedness import Watch
    from flows.studies import encoded, scratch, show_in_report
    from mtl_core.config import load_problem
    from mtl_core.studies.files import write_study
    from mtl_core.studies.relatedness import check_relatable, relate

    declared = load_problem(folder)
    check_relatable(declared)
    _check_networks(networks, len(declared.tasks))
    problem, encoder, splits = encoded(folder)
    asked = f"mtl relate --every {every}" + ("" if vectors else " --no-vectors")
    made = made_by(asked, [problem.training.seed], folder, problem)
    layout, place = Layout(folder), scratch(folder, "relate")
    with Watch(problem.training.epochs) as watch:
        found = relate(
            *(problem, encoder, splits, place, made),
            every=every,
            vectors=vectors,
            on_epoch=watch.on_epoch,
            on_step=watch.on_step,
        )
    write_study(layout.relatedness, found)
    pictures = _draw(layout, found)
    shutil.rmtree(place)
    names = ", ".join(str(path.relative_to(folder)) for path in (layout.relatedness, *pictures))
    return found, f"kept in {names}; {show_in_report(folder)}"


def _draw(layout: Layout, found: Relatedness) -> list[Path]:
    """The report's pictures, as files of their own; a map of an earlier study is removed."""
    from mtl_core.files import write_text
    from mtl_core.report.alone import alone
    from mtl_core.report.studies.relatedness import affinity_figure, vectors_figure

    affinity, vectors = layout.studies / "affinity.svg", layout.studies / "task-vectors.svg"
    write_text(affinity, alone(affinity_figure(found).svg))
    if found.vectors is None:
        vectors.unlink(missing_ok=True)
        return [affinity]
    write_text(vectors, alone(vectors_figure(found.vectors).svg))
    return [affinity, vectors]


def _check_networks(networks: int | None, tasks: int) -> None:
    """click.BadParameter where there are fewer tasks than networks."""
    if networks is not None and networks > tasks:
        raise click.BadParameter(f"must be at most {tasks}, as many as there are tasks", param_hint="--networks")
