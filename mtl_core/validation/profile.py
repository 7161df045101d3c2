"""Profiling: reference parts -> the suite that they, and parts like them, meet. Its limits are wide, to be narrowed."""

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from mtl_core.config import Problem
from mtl_core.data.parts import Part
from mtl_core.errors import DataError, nearest
from mtl_core.features.categorical import Categorical
from mtl_core.features.numeric import Numeric
from mtl_core.tasks.binary import Binary
from mtl_core.tasks.multiclass import Multiclass
from mtl_core.tasks.multilabel import Multilabel
from mtl_core.tasks.regression import Regression
from mtl_core.validation.bands import count_band, least_present, mean_band, range_band, rate_band
from mtl_core.validation.frame import as_it_stands, frame, label_columns, type_in_suite
from mtl_core.validation.suite import Expectation, Suite

__all__ = ["profile"]

MOST_CATEGORIES = 50
"""A column with more distinct values is expected to have about as many, not exactly these."""
KNOWN_CATEGORIES = 0.99
"""A new category now and then is life, and a model has an id for the unseen; more than 1% of the rows is a fault."""

Labels = NDArray[np.float64]


def profile(problem: Problem, reference: Sequence[Part]) -> Suite:
    """What the reference parts have in common: columns, types, holes, ranges, categories, rows, label rates.

    Each part counts by itself, since validation judges each part by itself. Raises DataError for a reference that lacks
    rows or a declared column.
    """
    frames: list[pd.DataFrame] = []
    types: dict[str, str] = {}
    labels: list[dict[str, Labels]] = []
    for part in reference:
        own = as_it_stands(part, problem)
        for column in problem.columns:
            if column not in own.types.names:
                raise DataError(f"{part.path}: no column {column!r}; {nearest(column, own.types.names)}")
        table = own.read(problem.columns)
        if not table.num_rows:
            raise DataError(f"{part.path}: a reference part needs rows, found none; name others with --reference PART")
        for column in problem.columns:
            if table[column].null_count < table.num_rows:
                types.setdefault(column, type_in_suite(table.schema.field(column).type))
        frames.append(frame(table))
        labels.append(label_columns(problem, table))
    expectations = _rows(problem, [len(part) for part in frames])
    for column, type_ in ((column, types.get(column, "")) for column in problem.columns):
        if type_:  # a column without any value says nothing
            values = [part[column] for part in frames]
            expectations.append(_expect("column_values_to_be_of_type", column=column, type_=type_))
            expectations += _holes(problem, column, values)
            expectations += _values(problem, column, type_, values)
    for name in dict.fromkeys(name for part in labels for name in part):
        expectations += _label_rate(name, [part[name] for part in labels if name in part])
    return Suite(name=problem.name, expectations=tuple(expectations))


def _expect(what: str, notes: str = "", **kwargs: object) -> Expectation:
    return Expectation(type=f"expect_{what}", kwargs=kwargs, notes=notes)


def _rows(problem: Problem, rows: list[int]) -> list[Expectation]:
    return [
        _expect("table_columns_to_match_set", column_set=list(problem.columns), exact_match=False),
        _expect("table_row_count_to_be_between", f"{_span(rows, ',')} rows in a part", **count_band(rows)),
    ]


def _holes(problem: Problem, column: str, parts: list[pd.Series]) -> list[Expectation]:
    """None where the reference has none. A target may always have some: its rows are unlabelled, not bad."""
    shares = [float(values.isna().mean()) for values in parts]
    is_target = column in problem.targets
    if column == problem.split.column or (max(shares) == 0 and not is_target):
        return [_expect("column_values_to_not_be_null", column=column)]
    if not (mostly := least_present(shares)):
        return []
    notes = f"{_span(shares, '.2%')} missing in a part"
    return [_expect("column_values_to_not_be_null", notes, column=column, mostly=mostly)]


def _values(problem: Problem, column: str, type_: str, parts: list[pd.Series]) -> list[Expectation]:
    """Classes of a target, categories of a feature, else the range of numbers; and the mean of what is regressed.

    A column that is read as a number too has a range: a number not seen before is no fault.
    """
    tasks = [task for task in problem.tasks.values() if column in task.targets]
    readers = [feature for name, feature in problem.features.items() if problem.column_of(name) == column]
    multiclass = [task for task in tasks if isinstance(task, Multiclass) and not task.edges]
    plain = any(isinstance(task, Binary) and task.positive is None and task.at_least is None for task in tasks)
    plain |= any(isinstance(task, Multilabel) and bool(task.columns) for task in tasks)
    if type_ not in ("str", "float64"):
        return []
    if multiclass:
        return [_classes(column, multiclass[0], type_, parts)]
    if plain and type_ == "float64":
        return [_expect("column_values_to_be_in_set", column=column, value_set=[0, 1])]
    as_number = type_ == "float64" and any(isinstance(feature, Numeric) for feature in readers)
    if any(isinstance(feature, Categorical) for feature in readers) and not as_number:
        return [_categories(column, parts)]
    known = [finite for values in parts if type_ == "float64" and len(finite := _finite(values))]
    if not known:
        return []
    low, high = (float(of(of(numbers) for numbers in known)) for of in (min, max))
    found = [_expect("column_values_to_be_between", f"{low:g} to {high:g}", column=column, **range_band(low, high))]
    if any(isinstance(task, Regression) for task in tasks):
        means = [float(numbers.mean()) for numbers in known]
        band = mean_band(means, max(float(numbers.std()) for numbers in known))
        found.append(_expect("column_mean_to_be_between", f"{_span(means, '.3g')} in a part", column=column, **band))
    return found


def _classes(column: str, task: Multiclass, type_: str, parts: list[pd.Series]) -> Expectation:
    """Every row, since an unknown class cannot be a label."""
    classes: Iterable[Any] = task.classes or _distinct(parts)
    if type_ == "float64":
        classes = [float(name) for name in classes]
    return _expect("column_values_to_be_in_set", column=column, value_set=_sorted(classes))


def _categories(column: str, parts: list[pd.Series]) -> Expectation:
    every = _distinct(parts)
    if len(every) <= MOST_CATEGORIES:
        kwargs = {"column": column, "value_set": _sorted(every), "mostly": KNOWN_CATEGORIES}
        return _expect("column_values_to_be_in_set", f"{len(every)} categories", **kwargs)
    counts = [count for values in parts if (count := int(values.nunique()))]
    notes = f"{_span(counts, ',')} distinct values in a part, {len(every):,} in all; new ones may come"
    return _expect("column_unique_value_count_to_be_between", notes, column=column, **count_band(counts))


def _label_rate(column: str, parts: list[Labels]) -> list[Expectation]:
    rates = [(int(np.nansum(labels)), int(np.count_nonzero(~np.isnan(labels)))) for labels in parts]
    rates = [(yes, rows) for yes, rows in rates if rows]
    if not rates:
        return []
    notes = f"{_span([yes / rows for yes, rows in rates], '.2%')} of the labelled rows in a part"
    return [_expect("column_mean_to_be_between", notes, column=column, **rate_band(rates))]


def _finite(values: pd.Series) -> NDArray[np.float64]:
    numbers = np.asarray(values, dtype=np.float64)
    return numbers[np.isfinite(numbers)]


def _distinct(parts: list[pd.Series]) -> set[Any]:
    return set().union(*(values.dropna().unique().tolist() for values in parts))


def _sorted(values: Iterable[Any]) -> list[Any]:
    """Whole numbers without a decimal point, as people write them."""
    return sorted(int(value) if isinstance(value, float) and value.is_integer() else value for value in values)


def _span(values: Sequence[float], form: str) -> str:
    low, high = format(min(values), form), format(max(values), form)
    return low if low == high else f"{low} to {high}"
