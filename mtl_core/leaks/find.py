"""The search for columns that know the target."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core.leaks.columns import FEW, Column, read_columns
from mtl_core.leaks.linear import linear_relation
from mtl_core.leaks.relation import MIN_ROWS, relation

__all__ = ["Leak", "find_leaks"]

GIVEN_AWAY = 0.998
"""Strength of a relation; of two classes that is an AUC of .999."""
OF_AN_INDEX = 0.9
"""Strength of a relation with a column that only numbers the rows; of two classes that is an AUC of .95."""
OF_MISSING = 0.8
"""Correlation of the missing values of a column with a label, or with its absence."""
COMMON = 0.7
"""A class of more rows is told by chance: so are the 30 rows of a value that is seldom missing."""
PURE, MIN_SHARE = 0.98, 0.05
"""A missing value tells the label if that share of such rows has it, and they are this share of the rows that do."""


@dataclass(frozen=True, kw_only=True)
class Leak:
    """A sign of leakage: columns, the target that they know, and what was measured."""

    columns: tuple[str, ...]
    target: str
    words: str

    @property
    def question(self) -> str:
        """What to ask of these columns."""
        which = "is it" if len(self.columns) == 1 else "are they"
        return f"{which} known when a prediction is asked for?"


def find_leaks(table: pa.Table, features: Sequence[str], targets: Sequence[str]) -> list[Leak]:
    """Signs of leakage in a table of raw rows, of which a sample is looked at."""
    columns = read_columns(table, features, targets)
    inputs = [columns[name] for name in features if name not in targets]
    found: list[Leak] = []
    for target in (columns[name] for name in targets):
        alone = [leak for feature in inputs if (leak := _alone(feature, target)) is not None]
        told = {leak.columns[0] for leak in alone}
        found += alone
        linear = linear_relation([feature for feature in inputs if feature.name not in told], target)
        if linear is not None:
            found.append(Leak(columns=linear.columns, target=target.name, words=linear.words))
        rest = [feature for feature in inputs if feature.name not in told]
        found += [leak for feature in rest if (leak := _missing(feature, target)) is not None]
    return found


def _alone(feature: Column, target: Column) -> Leak | None:
    """A column that alone gives the target away."""
    measured = relation(feature, target)
    if measured is None or measured.strength < (OF_AN_INDEX if feature.is_index else GIVEN_AWAY):
        return None
    if feature.is_index:
        words = f"{feature.name!r} numbers the rows, and orders target {target.name!r} ({measured.words})"
    elif (share := _equal(feature, target)) >= 0.99:
        words = f"{feature.name!r} equals target {target.name!r} in {share:.1%} of the rows"
    else:
        words = f"{feature.name!r} alone gives target {target.name!r} away ({measured.words})"
    return Leak(columns=(feature.name,), target=target.name, words=words)


def _equal(feature: Column, target: Column) -> float:
    both = (feature.codes >= 0) & (target.codes >= 0)
    if (feature.numbers is None) != (target.numbers is None):
        return 0.0
    if feature.numbers is not None and target.numbers is not None:
        return float(np.mean(feature.numbers[both] == target.numbers[both]))
    known = {name: code for code, name in enumerate(target.names)}
    as_target = np.array([known.get(name, -1) for name in feature.names], dtype=np.int64)
    return float(np.mean(as_target[feature.codes[both]] == target.codes[both]))


def _missing(feature: Column, target: Column) -> Leak | None:
    """A column whose missing values tell the label, or that there is none: one known only afterwards."""
    missing = ~feature.known
    if min(missing.sum(), feature.known.sum()) < MIN_ROWS:
        return None
    unlabelled = target.codes < 0
    if abs(_correlation(missing, unlabelled)) >= OF_MISSING:
        return _leak(feature, target, unlabelled, "has no label")
    labelled = ~unlabelled
    for code in np.argsort(-np.bincount(target.codes[labelled]))[:FEW] if target.is_classes else ():
        of_class = target.codes == code
        if _tells(missing[labelled], of_class[labelled]):
            return _leak(feature, target, of_class, f"is {target.names[code]!r}", labelled)
    if target.numbers is not None and not target.is_classes:
        found = _correlation(missing[labelled], target.numbers[labelled])
        if abs(found) >= OF_MISSING:
            words = f"whether {feature.name!r} is missing follows target {target.name!r} (correlation {found:.3f})"
            return Leak(columns=(feature.name,), target=target.name, words=words)
    return None


def _leak(
    feature: Column, target: Column, told: NDArray[np.bool_], words: str, among: NDArray[np.bool_] | None = None
) -> Leak:
    rows = np.ones(len(told), dtype=np.bool_) if among is None else among
    inside, outside = (float(np.mean(~feature.known[rows & where])) for where in (told, ~told))
    found = f"{feature.name!r} is missing in {inside:.1%} of the rows where target {target.name!r} {words}, and in "
    return Leak(columns=(feature.name,), target=target.name, words=f"{found}{outside:.1%} of the others")


def _tells(missing: NDArray[np.bool_], of_class: NDArray[np.bool_]) -> bool:
    """True where rows with a value, or those without one, are nearly all of a class that is not the common one."""
    if of_class.mean() > COMMON:
        return False
    if abs(_correlation(missing, of_class)) >= OF_MISSING:
        return True
    for rows in (missing, ~missing):
        told = int((rows & of_class).sum())
        if told >= max(MIN_ROWS, MIN_SHARE * of_class.sum()) and told >= PURE * rows.sum():
            return True
    return False


def _correlation(first: NDArray[np.bool_], second: NDArray[Any]) -> float:
    a, b = first - first.mean(), second - second.mean()
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / scale if scale > 0 else 0.0
