"""Creation of a problem's folder from a table."""

import re
from pathlib import Path

from flows.draft.document import document
from flows.draft.facts import sample_table
from flows.draft.folder import check_free, data_path, write_folder
from flows.draft.proposals import Draft, propose_problem
from mtl_core.config import parse_problem, parse_yaml


def draft_problem(file: Path, tasks: tuple[str, ...], folder: Path, name: str | None) -> tuple[Draft, list[str]]:
    """Propose a problem and write its folder; returns the proposal, and a line per completed step.

    Raises ProblemError or DataError before anything is written.
    """
    data = data_path(file, folder)
    check_free(folder, data, file)
    sample = sample_table(file)
    draft = propose_problem(sample, _targets(tasks, list(sample.facts)))
    text = document(name or _name(file), data, draft)
    parse_problem(parse_yaml(text))  # raises ProblemError for an invalid name
    return draft, write_folder(folder, file, data, text)


def _targets(tasks: tuple[str, ...], columns: list[str]) -> list[str]:
    """Names of columns; a text that is no column is split at its commas, since the name of a column may have one."""
    names = [name for text in tasks for name in ([text] if text in columns else text.split(","))]
    return list(dict.fromkeys(name if name in columns else name.strip() for name in names))


def _name(file: Path) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", file.stem.lower()).strip("-")[:60]
    return name if name[:1].isalpha() else f"model-{name}".strip("-")
