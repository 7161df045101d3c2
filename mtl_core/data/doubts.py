"""Doubts about a declared problem and its data, from a sample of the rows.

Leaks, and a split by the wrong key. None is an error.
"""

from collections.abc import Sequence
from datetime import date
from pathlib import PurePath

import numpy as np
import pyarrow as pa

from mtl_core.config import HashSplit, Problem, TimeSplit
from mtl_core.config.patterns import matched_columns
from mtl_core.data.part_files import SUFFIXES, unread
from mtl_core.data.parts import Part
from mtl_core.data.row_keys import row_keys
from mtl_core.data.split import Splitter, check_split
from mtl_core.features.facts import ENTITY
from mtl_core.leaks import find_leaks
from mtl_core.tasks.bands import band_labels

MAX_PARTS, MAX_ROWS = 12, 200_000
"""Part files of the sample, evenly spaced, the first batch of each; and rows of all of them together."""
MIN_ROWS_PER_VALUE = 1.2
"""A column with fewer rows per value hardly repeats."""


def data_doubts(problem: Problem, parts: Sequence[Part]) -> list[str]:
    """A line per doubt.

    Raises DataError where the sample cannot be split: a null, a text that does not order as time does, or a value that
    is not declared.
    """
    names = parts[0].shared
    splitter = Splitter.of(problem, names)
    keys = [name for name in splitter.columns if name not in splitter.row]
    entities = [name for name in names if ENTITY.search(name) and name not in problem.columns]
    table = _sample(parts, list(dict.fromkeys((*problem.columns, *keys, *entities))))
    for name in keys:
        check_split(problem.split, name, table[name].combine_chunks())
    about_split = _split_doubts(problem, splitter, table, entities)
    return [*_unread(problem, parts), *_border_doubts(problem), *about_split, *_leaks(problem, table)]


def pattern_doubts(problem: Problem, parts: Sequence[Part]) -> list[str]:
    """A line per pattern of the unresolved problem that matches columns of some parts alone, which are not read."""
    if not problem.patterns or len(parts[0].shared) == len(parts[0].types):
        return []
    read = frozenset(parts[0].shared)
    found = []
    for name, columns in matched_columns(problem, parts[0].types.names)[0].items():
        if partial := [column for column in columns if column not in read]:
            lacking = next(part.name for part in parts if partial[0] not in part.names)
            which = f"{partial[0]!r} is" if len(partial) == 1 else f"{partial[0]!r} and {len(partial) - 1:,} more are"
            found.append(
                f"features.{name}: {which} not read, since not every part has such a column, as {lacking}; complete or "
                "remove those parts, or name it in `exclude`"
            )
    return found


def _border_doubts(problem: Problem) -> list[str]:
    """Borders that YAML reads as dates, which DVC cannot compare."""
    if not isinstance(problem.split, TimeSplit):
        return []
    borders = {"validation": problem.split.validation, "test": problem.split.test}
    return [
        f"split.{name}: a date without quotes stops `dvc repro`, found {border}; put it in quotes"
        for name, border in borders.items()
        if isinstance(border, date)
    ]


def repeating(table: pa.Table, names: Sequence[str]) -> list[str]:
    """Those of the columns whose values repeat, as those of a person or a thing with several rows."""
    found = []
    for name in names:
        keys = [row_keys(batch, [name]) for batch in table.select([name]).to_batches()]
        known = np.concatenate([np.zeros(0, np.uint64), *keys])
        known = known[known != 0]  # without the missing values
        distinct = len(np.unique(known))
        if distinct > 1 and len(known) >= MIN_ROWS_PER_VALUE * distinct:
            found.append(name)
    return found


def _sample(parts: Sequence[Part], columns: list[str]) -> pa.Table:
    """The first rows of some parts, in their order."""
    indices = sorted({round(index) for index in np.linspace(0, len(parts) - 1, min(MAX_PARTS, len(parts)))})
    tables = []
    for index in indices:
        first = next(iter(parts[index].batches(columns)), None)
        if first is not None:
            tables.append(pa.Table.from_batches([first.slice(0, MAX_ROWS // len(indices))]))
    return pa.concat_tables(tables) if tables else parts[0].read(columns)


def _unread(problem: Problem, parts: Sequence[Part]) -> list[str]:
    """Files beside the parts that were probably meant to be parts."""
    folder = parts[0].path.parent
    if folder.name != PurePath(problem.data.path).name or not (names := unread(folder)):
        return []
    shown = ", ".join(map(repr, names[:3])) + (" ..." if len(names) > 3 else "")
    return [
        f"data.path: {shown} in {problem.data.path} {'is' if len(names) == 1 else 'are'} not read; part files are "
        f"{', '.join(SUFFIXES)} in the folder itself: unpack or move what belongs to the data"
    ]


def _split_doubts(problem: Problem, splitter: Splitter, table: pa.Table, entities: Sequence[str]) -> list[str]:
    """A hash of a key that every row has for itself, where another id repeats."""
    key = splitter.key
    if key is None or (not splitter.row and repeating(table, [key])):
        return []
    others = [name for name in repeating(table, entities) if name != key]
    if not others:
        return []
    option = "column" if isinstance(problem.split, HashSplit) else "key"
    which = "key of its own" if splitter.row else f"{key!r} of its own"
    return [
        f"split: nearly every row has a {which}, while {' and '.join(map(repr, others))} repeats; where rows with the "
        f"same {others[0]!r} are of one person or thing, split by it, as in `{option}: {others[0]}`"
    ]


def _leaks(problem: Problem, table: pa.Table) -> list[str]:
    features, targets = problem.feature_columns, problem.targets
    found = find_leaks(table, features, targets)
    known = {(leak.target, leak.columns) for leak in found}
    for name, task in problem.tasks.items():
        if (labels := band_labels(task, table)) is not None:
            of_task = table.select(list(features)).append_column(name, labels)
            found += [
                leak for leak in find_leaks(of_task, features, [name]) if (task.target, leak.columns) not in known
            ]
    return [f"{leak.words}; {leak.question}" for leak in found]
