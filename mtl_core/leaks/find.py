"""The search for target leakage in a table."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core.leaks.columns import FEW, Column, read_columns
from mtl_core.leaks.linear import linear_relation
from mtl_core.leaks.relation import MIN_ROWS, correlation, relation

MIN_STRENGTH = 0.998
"""Strength of the relation of one column; for two classes that is an AUC of .999."""
MIN_INDEX_STRENGTH = 0.9
"""The same for a column that numbers the rows; for two classes that is an AUC of .95."""
MIN_MISSING_CORRELATION = 0.8
"""Correlation of the missing values of a column with a label, or with its absence."""
MAX_CLASS_SHARE = 0.7
"""Share of a class that is still tested: MIN_ROWS rows are of a more frequent one by chance."""
MIN_PURITY, MIN_SHARE = 0.98, 0.05
"""Missing values predict a class if that share of such rows has it, and these are this share of the class."""


@dataclass(frozen=True, kw_only=True)
class Leak:
    """A sign of leakage: columns, the target that they predict, and the measure in words."""

    columns: tuple[str, ...]
    target: str
    words: str

    @property
    def question(self) -> str:
        """The question that decides whether it is one."""
        which = "is it" if len(self.columns) == 1 else "are they"
        return f"{which} known when a prediction is asked for?"


def find_leaks(table: pa.Table, features: Sequence[str], targets: Sequence[str]) -> list[Leak]:
    """Signs of leakage in a table of raw rows, measured on a sample of them."""
    columns = read_columns(table, features, targets)
    inputs = [columns[name] for name in features if name not in targets]
    found: list[Leak] = []
    for target in (columns[name] for name in targets):
        single = [leak for feature in inputs if (leak := _single_column(feature, target)) is not None]
        found += single
        leaking = {leak.columns[0] for leak in single}
        rest = [feature for feature in inputs if feature.name not in leaking]
        if (linear := linear_relation(rest, target)) is not None:
            found.append(Leak(columns=linear.columns, target=target.name, words=linear.words))
        found += [leak for feature in rest if (leak := _missing(feature, target)) is not None]
    return found


def _single_column(feature: Column, target: Column) -> Leak | None:
    """A column that predicts the target by itself."""
    measured = relation(feature, target)
    if measured is None or measured.strength < (MIN_INDEX_STRENGTH if feature.is_index else MIN_STRENGTH):
        return None
    if feature.is_index:
        words = f"{feature.name!r} numbers the rows, and orders target {target.name!r} ({measured.words})"
    elif (share := _equal(feature, target)) >= 0.99:
        words = f"{feature.name!r} equals target {target.name!r} in {share:.1%} of the rows"
    else:
        words = f"{feature.name!r} alone predicts target {target.name!r} ({measured.words})"
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
    """A column whose missing values predict the label, or that there is none: one that is filled only afterwards."""
    missing = ~feature.known
    if min(missing.sum(), feature.known.sum()) < MIN_ROWS:
        return None
    unlabelled = target.codes < 0
    if abs(correlation(missing, unlabelled)) >= MIN_MISSING_CORRELATION:
        return _leak(feature, target, unlabelled, "has no label")
    labelled = ~unlabelled
    for code in np.argsort(-np.bincount(target.codes[labelled]))[:FEW] if target.is_classes else ():
        of_class = target.codes == code
        if _predict_class(missing[labelled], of_class[labelled]):
            return _leak(feature, target, of_class, f"is {target.names[code]!r}", labelled)
    if target.numbers is not None and not target.is_classes:
        found = correlation(missing[labelled], target.numbers[labelled])
        if abs(found) >= MIN_MISSING_CORRELATION:
            words = f"whether {feature.name!r} is missing follows target {target.name!r} (correlation {found:.3f})"
            return Leak(columns=(feature.name,), target=target.name, words=words)
    return None


def _leak(
    feature: Column, target: Column, group: NDArray[np.bool_], words: str, among: NDArray[np.bool_] | None = None
) -> Leak:
    rows = np.ones(len(group), dtype=np.bool_) if among is None else among
    inside, outside = (float(np.mean(~feature.known[rows & where])) for where in (group, ~group))
    found = f"{feature.name!r} is missing in {inside:.1%} of the rows where target {target.name!r} {words}, and in "
    return Leak(columns=(feature.name,), target=target.name, words=f"{found}{outside:.1%} of the others")


def _predict_class(missing: NDArray[np.bool_], of_class: NDArray[np.bool_]) -> bool:
    """True where the rows with a value, or those without one, are nearly all of a class that is not too frequent."""
    if of_class.mean() > MAX_CLASS_SHARE:
        return False
    if abs(correlation(missing, of_class)) >= MIN_MISSING_CORRELATION:
        return True
    for rows in (missing, ~missing):
        common = int((rows & of_class).sum())
        if common >= max(MIN_ROWS, MIN_SHARE * of_class.sum()) and common >= MIN_PURITY * rows.sum():
            return True
    return False
