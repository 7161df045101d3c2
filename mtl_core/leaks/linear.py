"""Targets that are a sum or a difference of columns: a least-squares fit, evaluated on other rows."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mtl_core.leaks.columns import Column

MIN_FIT = 0.9999
"""R²: the rest is at most 1% of the target's standard deviation."""
MAX_ROWS, MAX_COLUMNS, ROWS_PER_COLUMN, MIN_ROWS = 4_000, 100, 5, 60
MIN_COEFFICIENT = 0.01
"""Minimum standardised coefficient of a column."""
SHOWN = 4

Numbers = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class LinearRelation:
    """Columns whose weighted sum is the target, and the sum in words."""

    columns: tuple[str, ...]
    words: str


def linear_relation(features: Sequence[Column], target: Column) -> LinearRelation | None:
    """The weighted sum of numeric columns that gives a numeric target; None where there is none."""
    if target.numbers is None or target.is_classes:
        return None
    chosen = [one for one in features if one.numbers is not None and one.size > 1 and one.known.mean() > 0.5]
    chosen = sorted(chosen, key=lambda one: -int(one.known.sum()))[:MAX_COLUMNS]
    while chosen:  # until enough rows are complete, without the column with most missing values
        rows = np.flatnonzero(np.logical_and.reduce([target.known, *(one.known for one in chosen)]))
        if len(rows) >= max(MIN_ROWS, ROWS_PER_COLUMN * len(chosen)):
            return _fit([one for one in features if one in chosen], target, rows[:: max(1, len(rows) // MAX_ROWS)])
        chosen = chosen[:-1]
    return None


def _fit(columns: list[Column], target: Column, rows: NDArray[np.intp]) -> LinearRelation | None:
    assert target.numbers is not None
    values = np.stack([one.numbers[rows] for one in columns if one.numbers is not None], axis=1)  # (rows, columns)
    wanted = target.numbers[rows]
    varies = values.std(axis=0) > 0
    columns, values = [one for one, kept in zip(columns, varies, strict=True) if kept], values[:, varies]
    if not columns or wanted.std() == 0:
        return None
    centred, y = (values - values.mean(axis=0)) / values.std(axis=0), (wanted - wanted.mean()) / wanted.std()
    weights = _weights(centred, y)
    if weights is None:
        return None
    moved = np.flatnonzero(np.abs(weights) > MIN_COEFFICIENT)
    fewer = _weights(centred[:, moved], y)
    if fewer is None:
        moved, fewer = np.arange(len(columns)), weights
    raw = fewer * wanted.std() / values.std(axis=0)[moved]
    names = tuple(columns[index].name for index in moved)
    return LinearRelation(columns=names, words=f"target {target.name!r} is {_sum(names, raw)} in nearly every row")


def _weights(values: Numbers, wanted: Numbers) -> Numbers | None:
    """(columns,) of the least-squares fit on every other row; None where it does not give the remaining rows."""
    weights = np.asarray(np.linalg.lstsq(values[::2], wanted[::2], rcond=None)[0])
    rest, own = wanted[1::2] - values[1::2] @ weights, wanted[1::2]
    fits = np.square(rest).mean() <= (1 - MIN_FIT) * np.square(own - own.mean()).mean()
    return weights if fits else None


def _sum(names: tuple[str, ...], weights: Numbers) -> str:
    largest = np.argsort(-np.abs(weights))[:SHOWN]
    order = sorted(largest, key=lambda index: weights[index] < 0)  # a difference begins with its minuend
    terms = [f"{'-' if weights[index] < 0 else '+'} {_times(abs(weights[index]))}{names[index]!r}" for index in order]
    more = f" + {len(names) - SHOWN} more columns" if len(names) > SHOWN else ""
    return " ".join(terms).removeprefix("+ ") + more


def _times(weight: float) -> str:
    return "" if abs(weight - 1) < 0.005 else f"{weight:.3g} · "
