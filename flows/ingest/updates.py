"""Late labels: target values of a file, for the rows of the parts that have the same key."""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from flows.ingest.arrival import type_errors
from flows.ingest.rewrite import Replacement, Replacements
from mtl_core.config import PARAMS, Problem
from mtl_core.data.part_files import PartFile
from mtl_core.data.parts import Part, as_parts
from mtl_core.data.row_keys import row_keys
from mtl_core.errors import DataError, ProblemError, suggestion

MAX_EXAMPLES = 3
"""Maximum number of keys that a message shows."""

Key = tuple[Any, ...]
"""Values of the key columns."""


@dataclass(frozen=True, kw_only=True)
class LabelChanges:
    """New labels per part, and counts of labels."""

    parts: tuple[tuple[Part, Replacements], ...]
    """The parts that change."""
    filled: int
    changed: int
    unchanged: int
    unknown: tuple[Key, ...]
    """Keys that no row has, in the order of the file."""


def find_changes(problem: Problem, update: PartFile, present: Sequence[PartFile]) -> LabelChanges:
    """Find the rows with the keys of the update, and the labels that differ. An empty label leaves the present one.

    Raises ProblemError without `data.key`. Raises DataError for columns other than keys and targets, for a key without
    a value, for one that is not unique in the update or in the data, and for an update without any known key.
    """
    targets = _target_names(problem, update, present)
    *parts, labels = as_parts([*present, update], problem.data.reading)
    if wrong := type_errors(labels, present, labels.names):
        raise DataError("\n  ".join([f"{update.path}: must have the types of the present parts, found:", *wrong]))
    key = problem.data.key
    new = labels.read([*key, *targets])
    index = _index(update, key, new)
    hashes = np.unique(_hashes(new, key))
    values = {target: new[target].to_pylist() for target in targets}
    counts: Counter[str] = Counter()
    locations: dict[Key, str] = {}
    changes: list[tuple[Part, Replacements]] = []
    for part in parts:
        matches = []
        for row, row_key in _candidates(part, key, hashes):
            if row_key in index:
                location = f"row {row} of {part.name}"
                if row_key in locations:
                    raise DataError(
                        f"{update.path}: a key must belong to one row of the data, found {show(row_key)} in "
                        f"{locations[row_key]} and in {location}; remove the duplicate, or name more columns in "
                        "data.key"
                    )
                locations[row_key] = location
                matches.append((row, index[row_key]))
        if replacements := _replacements(part, np.array(matches, dtype=np.int64).reshape(-1, 2), values, counts):
            changes.append((part, replacements))
    unknown = tuple(row_key for row_key in index if row_key not in locations)
    if len(unknown) == len(index):
        raise DataError(
            f"{update.path}: must have keys of the data ({', '.join(key)}), found {len(index):,} keys that no row has, "
            f"such as {', '.join(map(show, unknown[:MAX_EXAMPLES]))}; add the rows first, or correct data.key"
        )
    return LabelChanges(
        parts=tuple(changes),
        filled=counts["filled"],
        changed=counts["changed"],
        unchanged=counts["unchanged"],
        unknown=unknown,
    )


def show(row_key: Key) -> str:
    """The key as text for a message."""
    return ", ".join(map(str, row_key))[:80]


def _target_names(problem: Problem, update: PartFile, present: Sequence[PartFile]) -> tuple[str, ...]:
    """The targets among the update's columns; ProblemError or DataError if it cannot be an update."""
    key = problem.data.key
    if not key:
        raise ProblemError(
            f"{PARAMS}: data.key must name the columns that identify a row, by which labels are updated, found none; "
            "declare it, as in `data: {key: order_id}`"
        )
    known = set.intersection(*(set(file.names) for file in present))
    for column in key:
        if column not in known:
            raise DataError(f"data.key: {column!r} must be a column of every part; {suggestion(column, sorted(known))}")
        if column not in update.names:
            raise DataError(
                f"{update.path}: must have the columns of data.key, found no {column!r}; "
                f"{suggestion(column, update.names)}"
            )
    targets = tuple(name for name in update.names if name not in key)
    if others := [name for name in targets if name not in problem.targets]:
        raise DataError(
            f"{update.path}: the columns besides data.key must be targets ({', '.join(problem.targets)}), found "
            f"{others[0]!r}; remove the column, or replace the part with `mtl ingest --replace`"
        )
    if not targets:
        raise DataError(
            f"{update.path}: must have a target besides data.key, found none of {', '.join(problem.targets)}; add the "
            "labels"
        )
    return targets


def _index(update: PartFile, key: Sequence[str], rows: pa.Table) -> dict[Key, int]:
    """Key -> row of the update; DataError for a key without a value, or that is not unique."""
    if not rows.num_rows:
        raise DataError(f"{update.path}: must have rows, found none; write it again, or leave it out")
    index: dict[Key, int] = {}
    for row, row_key in enumerate(_keys(rows, key)):
        if any(map(_is_missing, row_key)):
            raise DataError(
                f"{update.path}: every row must have a key ({', '.join(key)}), found {show(row_key)} in row {row}; "
                "remove the row, or complete its key"
            )
        if row_key in index:
            raise DataError(
                f"{update.path}: a key must occur once, found {show(row_key)} in the rows {index[row_key]} and {row}; "
                "keep the row that is right"
            )
        index[row_key] = row
    return index


def _candidates(part: Part, key: Sequence[str], hashes: NDArray[np.uint64]) -> Iterator[tuple[int, Key]]:
    """Row and key of the rows whose key has one of the hashes, so that few become Python objects."""
    start = 0
    for batch in part.batches(key):
        rows = np.flatnonzero(np.isin(row_keys(batch, key), hashes))
        yield from zip((rows + start).tolist(), _keys(batch.take(pa.array(rows)), key), strict=True)
        start += batch.num_rows


def _replacements(
    part: Part, matches: NDArray[np.int64], values: dict[str, list[Any]], counts: Counter[str]
) -> dict[str, Replacement]:
    """Column -> the labels that differ from the part's. `matches`: (n, 2) rows of the part and of the update."""
    replacements: dict[str, Replacement] = {}
    if not len(matches):
        return replacements
    table = part.read(list(values)).take(pa.array(matches[:, 0]))
    for target, new in values.items():
        rows, labels = [], []
        for (row, update_row), old in zip(matches.tolist(), table[target].to_pylist(), strict=True):
            label = new[update_row]
            if _is_missing(label):
                continue
            outcome = "filled" if _is_missing(old) else "unchanged" if old == label else "changed"
            counts[outcome] += 1
            if outcome != "unchanged":
                rows.append(row)
                labels.append(label)
        if rows:
            replacements[target] = Replacement(rows=np.array(rows), values=pa.array(labels, table[target].type))
    return replacements


def _keys(rows: pa.Table | pa.RecordBatch, key: Sequence[str]) -> list[Key]:
    return list(zip(*(rows.column(column).to_pylist() for column in key), strict=True))


def _hashes(rows: pa.Table, key: Sequence[str]) -> NDArray[np.uint64]:
    batches = rows.combine_chunks().to_batches()
    return np.concatenate([row_keys(batch, key) for batch in batches] or [np.zeros(0, np.uint64)])


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, float) and not math.isfinite(value))
