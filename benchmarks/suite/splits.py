"""Rules that split the rows of a problem and sample large tables.

Each returns, per row, "train", "validation", "test", or None for a row that is omitted because of MAX_ROWS.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd

MAX_ROWS = 10_000
"""Rows of a problem, all splits together. Of a larger table the rows with the smallest hash are used, by whole groups
if it is split by group; if it is split by time, every k-th row in order of time, with the smallest sufficient k.
"""
VALIDATION, TEST = 0.2, 0.2


@dataclass(frozen=True)
class RandomSplit:
    """60 / 20 / 20 by the SHA-256 of the problem's name and the row's number in the source."""

    def splits(self, name: str, table: pd.DataFrame) -> pd.Series:
        """Split of each row."""
        return _by_hash(name, pd.Series(np.arange(len(table)), index=table.index))


@dataclass(frozen=True)
class GroupSplit:
    """60 / 20 / 20 by the SHA-256 of the problem's name and the row's group; a group is in one split."""

    columns: tuple[str, ...]
    """Key of the group."""

    def splits(self, name: str, table: pd.DataFrame) -> pd.Series:
        """Split of each row."""
        return _by_hash(name, table[list(self.columns)].astype(str).agg("/".join, axis=1))


@dataclass(frozen=True)
class TimeOrderSplit:
    """Training rows are before `validation`, test rows from `test` on."""

    column: str
    validation: object
    test: object
    rows: int = MAX_ROWS

    def splits(self, name: str, table: pd.DataFrame) -> pd.Series:
        """Split of each row."""
        times = table[self.column]
        split_of_rows = np.where(times < self.validation, "train", np.where(times < self.test, "validation", "test"))
        order = times.argsort(kind="stable").to_numpy()
        selected = np.zeros(len(table), dtype=bool)
        selected[order[:: -(-len(table) // self.rows)]] = True
        return pd.Series(split_of_rows, index=table.index).where(selected, None)


@dataclass(frozen=True)
class SourceSplit:
    """The source's own train and test rows, its test rows halved: `column` has the names."""

    column: str
    rows: int = MAX_ROWS

    def splits(self, name: str, table: pd.DataFrame) -> pd.Series:
        """Split of each row."""
        shares = _shares(name, pd.Series(np.arange(len(table)), index=table.index))
        return table[self.column].where(shares.rank(method="first") <= self.rows, None)


Rule = RandomSplit | GroupSplit | TimeOrderSplit | SourceSplit


def _by_hash(name: str, keys: pd.Series) -> pd.Series:
    shares = _shares(name, keys)
    split_of_keys = np.where(shares < VALIDATION, "validation", np.where(shares < VALIDATION + TEST, "test", "train"))
    # A second hash selects the rows, so that the shares of the splits do not change.
    order = _shares(f"{name}/kept", keys)
    rows = order.value_counts().sort_index().cumsum()
    limit = rows.index[rows <= MAX_ROWS].max()
    return pd.Series(split_of_keys, index=keys.index).where(order <= limit, None)


def _shares(name: str, keys: pd.Series) -> pd.Series:
    """A number in [0, 1) per key, the same on every machine."""
    share_of = {
        key: int(hashlib.sha256(f"{name}/{key}".encode()).hexdigest()[:13], 16) / 16**13 for key in keys.unique()
    }
    return keys.map(share_of)
