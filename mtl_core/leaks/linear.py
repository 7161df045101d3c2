"""Targets that are a sum or a difference of columns: a least-squares fit, evaluated on other rows."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from mtl_core.leaks.columns import CodedColumn
from mtl_core.leaks.leak import Leak

MIN_FIT = 0.9999
"""R²: the residuals are at most 1% of the target's standard deviation."""
MAX_ROWS, MAX_COLUMNS, ROWS_PER_COLUMN, MIN_ROWS = 4_000, 100, 5, 60
MIN_COEFFICIENT = 0.01
"""Minimum standardised coefficient of a column."""
MAX_TERMS = 4
"""Maximum terms in a description."""

Numbers = NDArray[np.float64]


def weighted_sum(features: Sequence[CodedColumn], target: CodedColumn) -> Leak | None:
    """Numeric columns whose weighted sum is a numeric target; None if there are none."""
    if target.numbers is None or target.is_categorical:
        return None
    numeric = [column for column in features if column.numbers is not None and column.size > 1]
    columns = [column for column in numeric if column.valid.mean() > 0.5]
    columns = sorted(columns, key=lambda column: -int(column.valid.sum()))[:MAX_COLUMNS]
    while columns:  # without the column with most missing values, until enough rows are complete
        rows = np.flatnonzero(np.logical_and.reduce([target.valid, *(column.valid for column in columns)]))
        if len(rows) >= max(MIN_ROWS, ROWS_PER_COLUMN * len(columns)):
            in_order = [column for column in features if column in columns]
            return _fit(in_order, target, rows[:: max(1, len(rows) // MAX_ROWS)])
        columns = columns[:-1]
    return None


def _fit(columns: list[CodedColumn], target: CodedColumn, rows: NDArray[np.intp]) -> Leak | None:
    assert target.numbers is not None
    # (rows, columns)
    values = np.stack([column.numbers[rows] for column in columns if column.numbers is not None], axis=1)
    labels = target.numbers[rows]
    varies = values.std(axis=0) > 0
    columns, values = [columns[index] for index in np.flatnonzero(varies)], values[:, varies]
    if not columns or labels.std() == 0:
        return None
    x, y = (values - values.mean(axis=0)) / values.std(axis=0), (labels - labels.mean()) / labels.std()
    weights = _weights(x, y)
    if weights is None:
        return None
    relevant = np.flatnonzero(np.abs(weights) > MIN_COEFFICIENT)
    refitted = _weights(x[:, relevant], y)
    if refitted is None:
        relevant, refitted = np.arange(len(columns)), weights
    raw = refitted * labels.std() / values.std(axis=0)[relevant]
    names = tuple(columns[index].name for index in relevant)
    description = f"target {target.name!r} is {_sum(names, raw)} in nearly every row"
    return Leak(columns=names, target=target.name, description=description)


def _weights(x: Numbers, y: Numbers) -> Numbers | None:
    """(columns,) weights of a least-squares fit on every other row; None if it does not fit the remaining rows."""
    weights = np.asarray(np.linalg.lstsq(x[::2], y[::2], rcond=None)[0])
    residuals = y[1::2] - x[1::2] @ weights
    fits = np.square(residuals).mean() <= (1 - MIN_FIT) * y[1::2].var()
    return weights if fits else None


def _sum(names: tuple[str, ...], weights: Numbers) -> str:
    largest = np.argsort(-np.abs(weights))[:MAX_TERMS]
    order = sorted(largest, key=lambda index: weights[index] < 0)  # a difference begins with its minuend
    terms = []
    for index in order:
        weight = abs(weights[index])
        factor = "" if abs(weight - 1) < 0.005 else f"{weight:.3g} · "
        terms.append(f"{'-' if weights[index] < 0 else '+'} {factor}{names[index]!r}")
    more = f" + {len(names) - MAX_TERMS} more columns" if len(names) > MAX_TERMS else ""
    return " ".join(terms).removeprefix("+ ") + more
