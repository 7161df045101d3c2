"""Warnings about a declared problem and its data, from a sample of the rows: leaks, a wrong split, texts."""

from collections.abc import Sequence
from datetime import date
from pathlib import Path, PurePath

import numpy as np
import pyarrow as pa

from mtl_core.config import HashSplit, Problem, TimeSplit
from mtl_core.config.balancing import InverseLoss
from mtl_core.config.patterns import matched_columns
from mtl_core.data.part_files import SUFFIXES, suffix
from mtl_core.data.parts import Part
from mtl_core.data.row_keys import row_keys
from mtl_core.data.split import check_split
from mtl_core.data.splitter import SplitColumns
from mtl_core.data.text_warnings import text_warnings
from mtl_core.features.facts import ENTITY
from mtl_core.leaks import find_leaks
from mtl_core.tasks.bands import band_labels
from mtl_core.tasks.tagging import Tagging

MAX_PARTS, MAX_ROWS = 12, 200_000
"""Part files of the sample, evenly spaced, the first batch of each; and rows of all of them together."""
MIN_ROWS_PER_VALUE = 1.2
"""A column with fewer rows per value hardly repeats."""
_PACKED = (".gz", ".zip", ".bz2", ".xz", ".zst")


def data_warnings(problem: Problem, parts: Sequence[Part]) -> list[str]:
    """A line per warning.

    Raises DataError if the sample cannot be split: a null, text that does not sort in the order of time, or a value
    that is not declared.
    """
    names = parts[0].shared
    columns = SplitColumns.of(problem, names)
    entities = [name for name in names if ENTITY.search(name) and name not in problem.columns]
    table = _sample(parts, list(dict.fromkeys((*problem.columns, *columns.declared, *entities))))
    for name in columns.declared:
        check_split(problem.split, name, table[name].combine_chunks())
    key_warnings = _key_warnings(problem, columns, table, entities)
    warnings = [*_ignored_files(problem, parts), *_unquoted_dates(problem), *key_warnings]
    return [*warnings, *_leaks(problem, table), *text_warnings(problem, table)]


def pattern_warnings(problem: Problem, parts: Sequence[Part]) -> list[str]:
    """A line per pattern of the unresolved problem that matches columns of only some parts, which are not read."""
    if not problem.patterns or len(parts[0].shared) == len(parts[0].types):
        return []
    shared = frozenset(parts[0].shared)
    warnings = []
    for name, columns in matched_columns(problem, parts[0].types.names)[0].items():
        if partial := [column for column in columns if column not in shared]:
            lacking = next(part.name for part in parts if partial[0] not in part.names)
            which = f"{partial[0]!r} is" if len(partial) == 1 else f"{partial[0]!r} and {len(partial) - 1:,} more are"
            warnings.append(
                f"features.{name}: {which} not read, since not every part has such a column, as {lacking}; complete or "
                "remove those parts, or name it in `exclude`"
            )
    return warnings


def balancing_warnings(problem: Problem) -> list[str]:
    """A line if the losses of a tagging task and of tasks of other kinds are divided by their running means."""
    tags = [name for name, task in problem.tasks.items() if isinstance(task, Tagging)]
    if not tags or len(tags) == len(problem.tasks) or not isinstance(problem.training.balancing, InverseLoss):
        return []
    return [
        f"training.balancing.method: should be mean with {' and '.join(map(repr, tags))} of kind tagging, found "
        "inverse_loss, which divides each loss by its running mean: once the loss of another task is almost 0, that "
        "task outweighs the tags; declare `balancing: {method: mean}`"
    ]


def repeating_columns(table: pa.Table, names: Sequence[str]) -> list[str]:
    """Those of the columns whose values repeat, such as the id of a person with several rows."""
    repeating = []
    for name in names:
        batches = table.select([name]).to_batches()
        keys = np.concatenate([np.zeros(0, np.uint64), *(row_keys(batch, [name]) for batch in batches)])
        keys = keys[keys != 0]  # without the missing values
        distinct = len(np.unique(keys))
        if distinct > 1 and len(keys) >= MIN_ROWS_PER_VALUE * distinct:
            repeating.append(name)
    return repeating


def _sample(parts: Sequence[Part], columns: list[str]) -> pa.Table:
    """The first rows of some parts, in their order."""
    indices = sorted({round(index) for index in np.linspace(0, len(parts) - 1, min(MAX_PARTS, len(parts)))})
    tables = []
    for index in indices:
        first = next(iter(parts[index].batches(columns)), None)
        if first is not None:
            tables.append(pa.Table.from_batches([first.slice(0, MAX_ROWS // len(indices))]))
    return pa.concat_tables(tables) if tables else parts[0].read(columns)


def _ignored_files(problem: Problem, parts: Sequence[Part]) -> list[str]:
    """Files next to the parts that were probably meant to be parts: packed files, and folders with part files."""
    folder = parts[0].path.parent
    is_file = folder.name != PurePath(problem.data.path).name
    if is_file or problem.data.format:  # a declared format may have subfolders, and files of any name
        return []
    visible = sorted(path for path in folder.iterdir() if not path.name.startswith((".", "_")))
    names = [path.name + "/" * path.is_dir() for path in visible if _holds_data(path)]
    if not names:
        return []
    shown = ", ".join(map(repr, names[:3])) + (" ..." if len(names) > 3 else "")
    return [
        f"data.path: {shown} in {problem.data.path} {'is' if len(names) == 1 else 'are'} not read; part files are "
        f"{', '.join(SUFFIXES)} in the folder itself: unpack or move what belongs to the data"
    ]


def _holds_data(path: Path) -> bool:
    if path.is_dir():
        return any(suffix(child) in SUFFIXES or _holds_data(child) for child in path.iterdir())
    return suffix(path) in _PACKED and suffix(path.with_suffix("")) in SUFFIXES


def _unquoted_dates(problem: Problem) -> list[str]:
    """Boundaries that YAML reads as dates, which DVC cannot compare."""
    if not isinstance(problem.split, TimeSplit):
        return []
    return [
        f"split.{name}: a date without quotes stops `dvc repro`, found {boundary}; put it in quotes"
        for name, boundary in problem.split.starts.items()
        if isinstance(boundary, date)
    ]


def _key_warnings(problem: Problem, columns: SplitColumns, table: pa.Table, entities: Sequence[str]) -> list[str]:
    """A hash of a key that is unique per row, while another id repeats."""
    key = columns.key
    if key is None or (not columns.row_columns and repeating_columns(table, [key])):
        return []
    others = [name for name in repeating_columns(table, entities) if name != key]
    if not others:
        return []
    option = "column" if isinstance(problem.split, HashSplit) else "key"
    unique = "the key of a row" if columns.row_columns else repr(key)
    repeat = "repeats" if len(others) == 1 else "repeat"
    return [
        f"split: {unique} is unique in nearly every row, while {' and '.join(map(repr, others))} {repeat}; if rows "
        f"with the same {others[0]!r} are of one person or thing, split by it, as in `{option}: {others[0]}`"
    ]


def _leaks(problem: Problem, table: pa.Table) -> list[str]:
    features = problem.feature_columns
    leaks = find_leaks(table, features, problem.targets)
    of_targets = {(leak.target, leak.columns) for leak in leaks}
    for name, task in problem.tasks.items():
        if (labels := band_labels(task, table)) is not None:
            with_bands = table.select(list(features)).append_column(name, labels)
            of_bands = find_leaks(with_bands, features, [name])
            leaks += [leak for leak in of_bands if (task.target, leak.columns) not in of_targets]
    return [f"{leak.description}; {leak.question}" for leak in leaks]
