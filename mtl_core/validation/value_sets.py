"""Value sets of a suite: the rows that validation quarantines for the value of a target, without Great Expectations."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core import arrow_compute as pc
from mtl_core.arrow import as_numbers, as_strings, is_text
from mtl_core.config import Problem
from mtl_core.validation.suite import load_suite, suite_path

__all__ = ["ValueSets", "load_value_sets"]

IN_SET = "expect_column_values_to_be_in_set"


@dataclass(frozen=True, kw_only=True)
class ValueSets:
    """Target column -> the values that every row must have one of, unless it has none."""

    allowed: Mapping[str, list[Any]]

    def unexpected(self, rows: pa.RecordBatch) -> dict[str, NDArray[np.bool_]]:
        """Column -> (rows,) mask of the rows with another value; only columns with such a row."""
        found = {column: _outside(rows.column(column), values) for column, values in self.allowed.items()}
        return {column: outside for column, outside in found.items() if outside.any()}


def load_value_sets(folder: Path, problem: Problem) -> ValueSets:
    """The value sets of targets in a problem's suite; none where it has no suite. DataError for a damaged one."""
    path = suite_path(folder, problem)
    if not path.exists():
        return ValueSets(allowed={})
    return ValueSets(
        allowed={
            expectation.kwargs["column"]: expectation.kwargs["value_set"]
            for expectation in load_suite(path).expectations
            if expectation.type == IN_SET
            and expectation.severity == "critical"
            and set(expectation.kwargs) == {"column", "value_set"}
            and expectation.kwargs["column"] in problem.targets
        }
    )


def _outside(values: pa.Array, allowed: list[Any]) -> NDArray[np.bool_]:
    if is_text(values.type):
        names = pa.array([*(value for value in allowed if isinstance(value, str)), ""], pa.string())
        inside = pc.is_in(as_strings(values), value_set=names).to_numpy(zero_copy_only=False)
        return np.asarray(~inside, dtype=np.bool_)
    numbers = as_numbers(values)
    known = [float(value) for value in allowed if isinstance(value, int | float)]
    return ~(np.isnan(numbers) | np.isin(numbers, known))
