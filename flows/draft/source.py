"""The data that `mtl init` reads: a table, a folder of part files, or a corpus of tagged text."""

import codecs
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from mtl_core.config import Csv
from mtl_core.data.conll_files import DOCUMENT, ConllFile
from mtl_core.data.intent_files import LABELS, TAGS, TOKENS, IntentFolder, intent_folders
from mtl_core.data.part_files import SUFFIXES, PartFile, open_part, suffix
from mtl_core.data.tag_schemes import is_tag
from mtl_core.data.tagged_files import split_cells
from mtl_core.errors import DataError

TEXT, FILE = "text", "file"
"""Columns of tagged text: the text, which alone is known at prediction time, and the name of the row's file."""
MAX_BYTES = 1 << 16
"""Size of a file's beginning, by which a column file is recognised."""


@dataclass(frozen=True, kw_only=True)
class DataSource:
    """The data in a file or folder `root`. `format` is `data.format`; `files` are those that it reads."""

    root: Path
    format: Literal["conll", "intent_slots"] | None
    files: tuple[Path, ...]

    def open(self, csv: Csv) -> list[PartFile]:
        """The part files in the order of their names."""
        if self.format == "conll":
            return [ConllFile(path, csv) for path in self.files]
        if self.format == "intent_slots":
            return [IntentFolder(path, csv) for path in intent_folders(self.root)]
        return [open_part(path, csv) for path in self.files]


def find_source(root: Path) -> DataSource:
    """Find the data and guess their format from the names and the first lines; raises DataError if there are none."""
    if folders := intent_folders(root) if root.is_dir() else []:
        paths = [folder / name for folder in folders for name in (TOKENS, TAGS, LABELS)]
        return DataSource(root=root, format="intent_slots", files=tuple(path for path in paths if path.is_file()))
    paths = _visible_files(root) if root.is_dir() else [root]
    columns = [path for path in paths if _is_column_file(path)]
    if tables := [path for path in paths if suffix(path) in SUFFIXES and path not in columns]:
        return DataSource(root=root, format=None, files=tuple(tables))
    if columns:
        return DataSource(root=root, format="conll", files=tuple(columns))
    found = ", ".join(path.name for path in paths[:3]) or "no file"
    raise DataError(
        f"{root}: data must be {', '.join(SUFFIXES)}, column files as of CoNLL-2003, or a folder with {TOKENS}, {TAGS} "
        f"and {LABELS}; found {found}; convert or rename the files"
    )


def unread_files(source: DataSource) -> list[Path]:
    """Other files in a folder of column files, which a problem with this folder as its data cannot read."""
    if source.format != "conll" or not source.root.is_dir():
        return []
    return [path for path in _visible_files(source.root) if path not in source.files]


def _visible_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_file() and not path.name.startswith("."))


def _is_column_file(path: Path) -> bool:
    """True if the first lines have the same number of cells, at least two, and a tag in the last one."""
    with path.open("rb") as file:
        start = file.read(MAX_BYTES)
    start = start.removeprefix(codecs.BOM_UTF8)
    lines = start.decode("latin-1").split("\n")  # a tag and the blanks are the same in all encodings of one byte
    cells = [split_cells(line) for line in (lines[:-1] if len(start) == MAX_BYTES else lines)]
    rows = [row for row in cells if row and row[0] != DOCUMENT]
    return bool(rows) and len(rows[0]) > 1 and all(len(row) == len(rows[0]) and is_tag(row[-1]) for row in rows)
