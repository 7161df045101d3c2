"""Strength of the relation of a feature and a target: 0 for none, 1 where the feature determines the target."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core.leaks.columns import CodedColumn, Codes, read_columns

MIN_ROWS = 30
"""Minimum rows with both values."""


@dataclass(frozen=True, kw_only=True)
class LeakRelation:
    """`strength` from 0 to 1, and a description with the measure."""

    strength: float
    description: str


def relation(feature: CodedColumn, target: CodedColumn) -> LeakRelation | None:
    """The strongest of the measures that fit the types, on rows with both values; None if these are too few."""
    both = (feature.codes >= 0) & (target.codes >= 0)
    if both.sum() < MIN_ROWS:
        return None
    codes, labels = feature.codes[both], target.codes[both]
    counts = np.bincount(labels, minlength=target.size)
    if target.is_categorical:
        if (counts > 0).sum() < 2:
            return None
        relations = [_classes(codes, labels) if feature.is_categorical else _neighbours(codes, labels)]
        if feature.numbers is not None and (counts > 0).sum() == 2:
            relations.append(_auc(codes, labels == labels.max()))
        return max(relations, key=lambda measure: measure.strength)
    assert target.numbers is not None
    values = target.numbers[both]
    if values.std() == 0:
        return None
    relations = [_group_means(codes, values)] if feature.is_categorical else []
    if feature.numbers is not None:
        relations.append(_linear(feature.numbers[both], values, "correlation"))
        relations.append(_linear(_ranks(codes), _ranks(labels), "rank correlation"))
    return max(relations, key=lambda measure: measure.strength)


def most_related(
    table: pa.Table, features: Sequence[str], target: str, count: int = 3
) -> list[tuple[str, LeakRelation]]:
    """The features with the strongest relation to the target, the strongest first."""
    columns = read_columns(table, features, [target])
    measures = ((name, relation(columns[name], columns[target])) for name in features if name != target)
    relations = [(name, measure) for name, measure in measures if measure]
    return sorted(relations, key=lambda pair: -pair[1].strength)[:count]


def correlation(first: NDArray[Any], second: NDArray[Any]) -> float:
    """Pearson's coefficient of (rows,) numbers or booleans; 0 where one of them does not vary."""
    a, b = first - first.mean(), second - second.mean()
    scale = math.sqrt(float(np.square(a).sum())) * math.sqrt(float(np.square(b).sum()))
    return float((a * b).sum()) / scale if scale > 0 and math.isfinite(scale) else 0.0


def _auc(codes: Codes, positive: NDArray[np.bool_]) -> LeakRelation:
    size = int(codes.max()) + 1
    positives, negatives = (np.bincount(codes[rows], minlength=size) for rows in (positive, ~positive))
    below = np.cumsum(negatives) - negatives / 2  # a tie counts half
    area = float((positives * below).sum() / (positives.sum() * negatives.sum()))
    area = max(area, 1 - area)
    return LeakRelation(strength=2 * area - 1, description=f"AUC {area:.3f}")


def _classes(codes: Codes, labels: Codes) -> LeakRelation:
    """Accuracy of predicting the most frequent class among the other rows with the same value."""
    classes = int(labels.max()) + 1
    pairs, counts = np.unique(codes * classes + labels, return_counts=True)
    order = np.lexsort((counts, pairs // classes))
    groups, counts = (pairs // classes)[order], counts[order]
    last = np.append(groups[1:] != groups[:-1], True)  # the most frequent class of each value
    has_rival = np.append(False, groups[1:] == groups[:-1])[last]
    rivals = np.where(has_rival, np.append(0, counts[:-1])[last], 0)
    return _accuracy(float(counts[last][counts[last] - 1 > rivals].sum() / len(codes)), labels)


def _neighbours(codes: Codes, labels: Codes) -> LeakRelation:
    """Accuracy of predicting the class of the previous row in the order of the values."""
    ordered = labels[np.argsort(codes, kind="stable")]
    return _accuracy(float(np.mean(ordered[1:] == ordered[:-1])), labels)


def _accuracy(accuracy: float, labels: Codes) -> LeakRelation:
    """Strength beyond the share of the most frequent class."""
    base = float(np.bincount(labels).max() / len(labels))
    return LeakRelation(
        strength=max(0.0, (accuracy - base) / (1 - base)),
        description=f"its values determine the class in {accuracy:.1%} of the rows",
    )


def _group_means(codes: Codes, values: NDArray[np.float64]) -> LeakRelation:
    """R² of the mean of the other rows with the same value; of the overall mean where there is no other row."""
    centred = (values - values.mean()) / values.std()
    counts, sums = np.bincount(codes), np.bincount(codes, weights=centred)
    others = counts[codes] - 1
    means = np.where(others > 0, (sums[codes] - centred) / np.maximum(others, 1), 0.0)
    fit = max(0.0, 1 - float(np.square(centred - means).mean()))
    return LeakRelation(strength=math.sqrt(fit), description=f"R² {fit:.4f} of the means per value")


def _linear(first: NDArray[np.float64], second: NDArray[np.float64], name: str) -> LeakRelation:
    coefficient = correlation(first, second)
    return LeakRelation(strength=min(1.0, abs(coefficient)), description=f"{name} {coefficient:.4f}")


def _ranks(codes: Codes) -> NDArray[np.float64]:
    """(rows,) mean rank of the rows with the same code."""
    counts = np.bincount(codes)
    return (np.cumsum(counts) - (counts - 1) / 2)[codes]
