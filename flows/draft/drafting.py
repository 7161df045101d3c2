"""From a table to the folder of a problem."""

import re
from pathlib import Path

from flows.draft.document import document
from flows.draft.facts import sample
from flows.draft.folder import check_free, make_folder, place_of
from flows.draft.guesses import Draft, guess_problem
from mtl_core.config import parse_problem, parse_yaml


def draft_problem(file: Path, tasks: tuple[str, ...], folder: Path, name: str | None) -> tuple[Draft, list[str]]:
    """Guess the problem and write its folder; the guesses, and a line per thing that was written.

    Raises ProblemError or DataError before anything is written.
    """
    place = place_of(file, folder)
    check_free(folder, place, file)
    seen = sample(file)
    draft = guess_problem(seen, _targets(tasks, list(seen.facts)))
    text = document(name or _name(file), place, draft)
    parse_problem(parse_yaml(text))  # a name given by the user may be refused
    return draft, make_folder(folder, file, place, text)


def _targets(tasks: tuple[str, ...], columns: list[str]) -> list[str]:
    """Names of columns; a text that is no column is split at its commas, since a column's name may hold one."""
    names = [name for text in tasks for name in ([text] if text in columns else text.split(","))]
    return list(dict.fromkeys(name if name in columns else name.strip() for name in names))


def _name(file: Path) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", file.stem.lower()).strip("-")[:60]
    return name if name[:1].isalpha() else f"model-{name}".strip("-")
