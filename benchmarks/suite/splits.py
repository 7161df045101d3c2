"""The rules by which a problem's rows train, validate and test, and by which a large table is cut down.

Each returns, per row, "train", "validation", "test", or None for a row that is left out because of MAX_ROWS.
"""

import hashlib
from dataclasses import dataclass

import numpy as np
import pandas as pd

MAX_ROWS = 10_000
"""Rows of a problem, all splits together. A larger table keeps those with the smallest hash, whole groups where it is
split by group; where it is split by time, every k-th row in order of time, with the smallest k that is enough.
"""
VALIDATION, TEST = 0.2, 0.2


@dataclass(frozen=True)
class Random:
    """60 / 20 / 20 by the SHA-256 of the problem's name and the row's number in the source."""

    def splits(self, name: str, table: pd.DataFrame) -> pd.Series:
        """Split of each row."""
        return _by_hash(name, pd.Series(np.arange(len(table)), index=table.index))


@dataclass(frozen=True)
class ByGroup:
    """60 / 20 / 20 by the SHA-256 of the problem's name and the row's group, which no two splits share."""

    columns: tuple[str, ...]
    """Together they name the group."""

    def splits(self, name: str, table: pd.DataFrame) -> pd.Series:
        """Split of each row."""
        return _by_hash(name, table[list(self.columns)].astype(str).agg("/".join, axis=1))


@dataclass(frozen=True)
class ByTime:
    """Rows before `validation` train, rows from `test` on test."""

    column: str
    validation: object
    test: object
    rows: int = MAX_ROWS

    def splits(self, name: str, table: pd.DataFrame) -> pd.Series:
        """Split of each row."""
        times = table[self.column]
        found = np.where(times < self.validation, "train", np.where(times < self.test, "validation", "test"))
        order = times.argsort(kind="stable").to_numpy()
        kept = np.zeros(len(table), dtype=bool)
        kept[order[:: -(-len(table) // self.rows)]] = True
        return pd.Series(found, index=table.index).where(kept, None)


@dataclass(frozen=True)
class OwnSplit:
    """The source's own train and test rows, its test rows halved: `column` has the names."""

    column: str
    rows: int = MAX_ROWS

    def splits(self, name: str, table: pd.DataFrame) -> pd.Series:
        """Split of each row."""
        shares = _shares(name, pd.Series(np.arange(len(table)), index=table.index))
        return table[self.column].where(shares.rank(method="first") <= self.rows, None)


Rule = Random | ByGroup | ByTime | OwnSplit


def _by_hash(name: str, keys: pd.Series) -> pd.Series:
    shares = _shares(name, keys)
    found = np.where(shares < VALIDATION, "validation", np.where(shares < VALIDATION + TEST, "test", "train"))
    # A second hash says what is left out, so that the shares of the splits stay.
    order = _shares(f"{name}/kept", keys)
    rows = order.value_counts().sort_index().cumsum()
    limit = rows.index[rows <= MAX_ROWS].max()
    return pd.Series(found, index=keys.index).where(order <= limit, None)


def _shares(name: str, keys: pd.Series) -> pd.Series:
    """A number in [0, 1) per key, the same on every machine."""
    found = {key: int(hashlib.sha256(f"{name}/{key}".encode()).hexdigest()[:13], 16) / 16**13 for key in keys.unique()}
    return keys.map(found)
