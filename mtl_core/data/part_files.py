"""Part files as they are stored: their formats, and the files of a data set."""

from collections import Counter
from pathlib import Path

from mtl_core.config.data import Csv, Data
from mtl_core.data.conll_files import ConllFile
from mtl_core.data.csv_files import CsvFile
from mtl_core.data.intent_files import IntentFolder, intent_folders
from mtl_core.data.json_files import JsonFile
from mtl_core.data.parquet_files import ParquetFile
from mtl_core.errors import DataError

PartFile = CsvFile | ParquetFile | JsonFile | ConllFile | IntentFolder
_READERS: dict[str, type[CsvFile | ParquetFile | JsonFile]] = {
    ".parquet": ParquetFile,
    ".csv": CsvFile,
    ".tsv": CsvFile,
    ".jsonl": JsonFile,
    ".ndjson": JsonFile,
}
SUFFIXES = tuple(_READERS)
"""Suffixes of the files that are part files if `data.format` is not declared."""
CSV_SUFFIXES = (".csv", ".tsv")
"""Suffixes of CSV files."""


def open_part(path: Path, csv: Csv) -> PartFile:
    """The file, by its suffix."""
    return _READERS.get(suffix(path), CsvFile)(path, csv)


def open_files(root: Path, data: Data) -> list[PartFile]:
    """The part files of a file or folder, in the order of their names; hidden files and those of no format are ignored.

    Raises DataError if there is none.
    """
    files: list[PartFile]
    match data.format:
        case "conll":
            files, rule = [ConllFile(path, data.csv) for path in _files(root)], "column files, as data.format declares"
        case "intent_slots":
            files = [IntentFolder(path, data.csv) for path in intent_folders(root)]
            rule = "a folder with seq.in, seq.out and label, or with such subfolders, as data.format declares"
        case None:
            files = [open_part(path, data.csv) for path in _files(root) if suffix(path) in SUFFIXES]
            rule = f"{', '.join(SUFFIXES[:-1])} or {SUFFIXES[-1]} files if data.format is not declared"
    if not files:
        raise DataError(f"{root}: data must be {rule}, found none; add them, or correct data.path")
    return files


def check_names(file: PartFile) -> None:
    """DataError if two columns have one name."""
    if duplicates := [name for name, count in Counter(file.names).items() if count > 1]:
        raise DataError(f"{file.path}: column names must be distinct, found {duplicates[0]!r} twice; rename one")


def suffix(path: Path) -> str:
    """The file's suffix in lower case."""
    return path.suffix.lower()


def _files(root: Path) -> list[Path]:
    if root.is_file():
        return [root]
    return sorted(path for path in root.iterdir() if path.is_file() and not path.name.startswith("."))
