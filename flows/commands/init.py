"""`mtl init FILE --tasks a,b`: a new problem from a table."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

import click

from flows.arguments import example
from flows.environment import prepare_environment

if TYPE_CHECKING:
    from flows.draft.guesses import Draft

__all__ = ["command"]


@click.command(epilog=example("mtl init customers.csv --tasks churned,spend -C customers"))
@click.argument("file", type=click.Path(exists=True, dir_okay=False, resolve_path=True, path_type=Path))
@click.option(
    "--tasks", multiple=True, required=True, metavar="A,B", help="The columns to predict; may be given again."
)
@click.option(
    "-C",
    "--folder",
    metavar="FOLDER",
    type=click.Path(file_okay=False, resolve_path=True, path_type=Path),
    default=".",
    help="The problem's folder, made if it is not there; the current one where none is given.",
)
@click.option("--name", metavar="NAME", help="Names the model; the file's name where none is given.")
def command(file: Path, tasks: tuple[str, ...], folder: Path, name: str | None) -> None:
    """Make a new problem from a CSV or Parquet FILE.

    Writes a commented params.yaml with the kinds of features and tasks guessed and the doubts marked, and dvc.yaml;
    copies FILE to data/ and pins it. Overwrites nothing.
    """
    from flows.draft.document import document
    from flows.draft.facts import sample
    from flows.draft.folder import check_free, make_folder, place_of
    from flows.draft.guesses import guess_problem
    from mtl_core.config import parse_problem, parse_yaml

    prepare_environment(folder)
    place = place_of(file, folder)
    check_free(folder, place, file)
    seen = sample(file)
    draft = guess_problem(seen, _targets(tasks, list(seen.facts)))
    text = document(name or _name(file), place, seen.nulls, seen.table.num_rows, draft)
    parse_problem(parse_yaml(text))  # a name of the user's may be refused: before anything is written
    for line in make_folder(folder, file, place, text):
        click.echo(line)
    _say(draft, folder)


def _targets(tasks: tuple[str, ...], columns: list[str]) -> list[str]:
    """A column's name may hold a comma; only what is no column is taken apart."""
    named = [part for given in tasks for part in ([given] if given in columns else given.split(","))]
    return list(dict.fromkeys(part if part in columns else part.strip() for part in named))


def _name(file: Path) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", file.stem.lower()).strip("-")[:60]
    return name if name[:1].isalpha() else f"model-{name}".strip("-")


def _say(draft: Draft, folder: Path) -> None:
    guesses = {"split": draft.split, **draft.features, **draft.tasks}
    click.echo(f"\n{len(draft.features)} features, {len(draft.left_out)} columns left out, {len(draft.tasks)} tasks")
    for name, guess in guesses.items():
        if guess.doubt:
            click.echo(f"  doubt: {name}: {guess.doubt}")
    where = "" if folder == Path.cwd() else f" -C {folder}"
    click.echo(
        "\nNext:\n"
        f"  look through {folder / 'params.yaml'}\n"
        f"  mtl check{where}     shows it resolved\n"
        f"  mtl profile{where}   writes the expectations that every part of the data must meet\n"
        f"  mtl retrain{where}   trains, checks and promotes a model\n"
        f"  mtl serve{where}     answers POST /predict"
    )
