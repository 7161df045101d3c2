"""Search for target leakage in a table."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core.leaks.columns import MAX_CLASSES, CodedColumn, read_columns
from mtl_core.leaks.leak import Leak
from mtl_core.leaks.linear import weighted_sum
from mtl_core.leaks.relation import MIN_ROWS, correlation, relation

MIN_STRENGTH = 0.998
"""Strength of the relation of a single column with the target; for two classes an AUC of .999."""
MIN_INDEX_STRENGTH = 0.9
"""The same for an index of the rows; for two classes an AUC of .95."""
MIN_MISSING_CORRELATION = 0.8
"""Correlation of the missing values of a column with the label, or with missing labels."""
MAX_CLASS_SHARE = 0.7
"""Maximum share of a tested class: MIN_ROWS rows are of a more frequent one by chance."""
MIN_PURITY, MIN_SHARE = 0.98, 0.05
"""Missing values predict a class if MIN_PURITY of such rows have it, and these are MIN_SHARE of the class."""


def find_leaks(table: pa.Table, features: Sequence[str], targets: Sequence[str]) -> list[Leak]:
    """Possible leaks in a table of raw rows, measured on a sample of them."""
    columns = read_columns(table, features, targets)
    inputs = [columns[name] for name in features if name not in targets]
    leaks: list[Leak] = []
    for target in (columns[name] for name in targets):
        rest = []
        for feature in inputs:
            if (leak := _single_column(feature, target)) is not None:
                leaks.append(leak)
            else:
                rest.append(feature)
        if (leak := weighted_sum(rest, target)) is not None:
            leaks.append(leak)
        leaks += [leak for feature in rest if (leak := _missing(feature, target)) is not None]
    return leaks


def _single_column(feature: CodedColumn, target: CodedColumn) -> Leak | None:
    """A column that predicts the target by itself."""
    measure = relation(feature, target)
    if measure is None or measure.strength < (MIN_INDEX_STRENGTH if feature.is_index else MIN_STRENGTH):
        return None
    if feature.is_index:
        description = (
            f"{feature.name!r} is an index of the rows, and sorts target {target.name!r} ({measure.description})"
        )
    elif (share := _equal_share(feature, target)) >= 0.99:
        description = f"{feature.name!r} equals target {target.name!r} in {share:.1%} of the rows"
    else:
        description = f"{feature.name!r} alone predicts target {target.name!r} ({measure.description})"
    return Leak(columns=(feature.name,), target=target.name, description=description)


def _equal_share(feature: CodedColumn, target: CodedColumn) -> float:
    both = (feature.codes >= 0) & (target.codes >= 0)
    if (feature.numbers is None) != (target.numbers is None):
        return 0.0
    if feature.numbers is not None and target.numbers is not None:
        return float(np.mean(feature.numbers[both] == target.numbers[both]))
    target_codes = {name: code for code, name in enumerate(target.names)}
    as_target = np.array([target_codes.get(name, -1) for name in feature.names], dtype=np.int64)
    return float(np.mean(as_target[feature.codes[both]] == target.codes[both]))


def _missing(feature: CodedColumn, target: CodedColumn) -> Leak | None:
    """A column whose missing values predict the label or a missing label, as it is filled only after the outcome."""
    missing = ~feature.valid
    if min(missing.sum(), feature.valid.sum()) < MIN_ROWS:
        return None
    unlabelled = target.codes < 0
    if abs(correlation(missing, unlabelled)) >= MIN_MISSING_CORRELATION:
        return _missing_leak(feature, target, unlabelled, ~unlabelled, "has no label")
    labelled = ~unlabelled
    for code in np.argsort(-np.bincount(target.codes[labelled]))[:MAX_CLASSES] if target.is_categorical else ():
        of_class = target.codes == code
        if _predict_class(missing[labelled], of_class[labelled]):
            return _missing_leak(feature, target, of_class, labelled & ~of_class, f"is {target.names[code]!r}")
    if target.numbers is not None and not target.is_categorical:
        coefficient = correlation(missing[labelled], target.numbers[labelled])
        if abs(coefficient) >= MIN_MISSING_CORRELATION:
            description = (
                f"whether {feature.name!r} is missing follows target {target.name!r} (correlation {coefficient:.3f})"
            )
            return Leak(columns=(feature.name,), target=target.name, description=description)
    return None


def _missing_leak(
    feature: CodedColumn, target: CodedColumn, group: NDArray[np.bool_], others: NDArray[np.bool_], condition: str
) -> Leak:
    in_group, in_others = (float(np.mean(~feature.valid[rows])) for rows in (group, others))
    description = (
        f"{feature.name!r} is missing in {in_group:.1%} of the rows where target {target.name!r} {condition}, and in "
        f"{in_others:.1%} of the others"
    )
    return Leak(columns=(feature.name,), target=target.name, description=description)


def _predict_class(missing: NDArray[np.bool_], of_class: NDArray[np.bool_]) -> bool:
    """True if the rows with a value, or those without one, are nearly all of a class that is not too frequent."""
    if of_class.mean() > MAX_CLASS_SHARE:
        return False
    if abs(correlation(missing, of_class)) >= MIN_MISSING_CORRELATION:
        return True
    for rows in (missing, ~missing):
        common = int((rows & of_class).sum())
        if common >= max(MIN_ROWS, MIN_SHARE * of_class.sum()) and common >= MIN_PURITY * rows.sum():
            return True
    return False
