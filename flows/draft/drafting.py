"""Creation of a problem's folder from its data."""

import re
from pathlib import Path

from flows.draft.document import document
from flows.draft.facts import sample_table
from flows.draft.folder import check_free, data_files, data_path, write_folder
from flows.draft.proposals import Draft, propose_problem
from flows.draft.source import find_source, unread_files
from mtl_core.config import parse_problem, parse_yaml


def draft_problem(root: Path, tasks: tuple[str, ...], folder: Path, name: str | None) -> tuple[Draft, list[str]]:
    """Propose a problem and write its folder; returns the proposal, and a line per completed step.

    Args:
        root: file or folder of the data.

    Raises:
        ProblemError or DataError before anything is written.
    """
    name, source = name or _name(root), find_source(root)
    data = data_path(source, folder)
    files = data_files(source, folder, data)
    check_free(folder, files, name)
    sample = sample_table(root)
    draft = propose_problem(sample, _targets(tasks, list(sample.facts)))
    text = document(name, data, draft)
    parse_problem(parse_yaml(text))  # raises ProblemError for an invalid name
    others = [path.name for path in unread_files(source)]
    left_out = [f"not copied, since it is no column file: {other}" for other in others]
    return draft, write_folder(folder, files, data, text, name) + left_out


def _targets(tasks: tuple[str, ...], columns: list[str]) -> list[str]:
    """Names of columns; a text that is no column is split at its commas, since the name of a column may have one."""
    names = [name for text in tasks for name in ([text] if text in columns else text.split(","))]
    return list(dict.fromkeys(name if name in columns else name.strip() for name in names))


def _name(root: Path) -> str:
    name = re.sub(r"[^a-z0-9]+", "-", (root.name if root.is_dir() else root.stem).lower()).strip("-")[:60]
    return name if name[:1].isalpha() else f"model-{name}".strip("-")
