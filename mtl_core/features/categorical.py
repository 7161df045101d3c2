"""Categorical features: a vocabulary, with one id for missing and one for unseen."""

from collections import Counter
from typing import Annotated, ClassVar, Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import Field

from mtl_core.errors import DataError
from mtl_core.features.base import (
    EXACT,
    Block,
    ColumnType,
    Feature,
    FeatureFitter,
    FittedFeature,
    as_numbers,
    as_strings,
    is_exact,
)
from mtl_core.features.graph import GraphBuilder

__all__ = ["MISSING", "UNSEEN", "Categorical", "FittedCategorical"]

MISSING, UNSEEN, FIRST = 0, 1, 2
_MISSING_KEY, _UNSEEN_KEY = -(2**63), -(2**63) + 1


class Categorical(Feature):
    """Text, whole numbers or booleans, each distinct value with an embedding of its own.

    Null and the empty string are missing. A value seen fewer than `min_count` times in training shares the id
    of the unseen, which so is trained too.
    """

    kind: Literal["categorical"] = "categorical"
    min_count: Annotated[int, Field(ge=1)] = 5

    def fitter(self, name: str, column: str, kind_of_column: ColumnType) -> "CategoricalFitter":
        return CategoricalFitter(self, name, column, kind_of_column)


class CategoricalFitter(FeatureFitter):
    """Counts the values of a column."""

    def __init__(self, options: Categorical, name: str, column: str, kind_of_column: ColumnType) -> None:
        self.options, self.name, self.column, self.type = options, name, column, kind_of_column
        self.counts: Counter[str | int] = Counter()

    def update(self, values: pa.Array) -> None:
        if self.type == "string":
            keys = as_strings(values)
        else:
            numbers = as_numbers(values)
            whole = numbers[is_exact(numbers)]
            if (strays := int(np.isfinite(numbers).sum()) - whole.size) > 0:
                raise DataError(
                    f"feature {self.name!r}: a categorical feature needs whole numbers, text or booleans, found "
                    f"{strays} fractional or huge values in column {self.column!r}; declare it as kind: numeric"
                )
            keys = pa.array(whole.astype(np.int64))
        counted = pc.value_counts(keys)
        self.counts.update(
            dict(zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True))
        )

    def finish(self) -> "FittedCategorical":
        frequent = [value for value, count in self.counts.items() if count >= self.options.min_count and value != ""]
        if not frequent:
            raise DataError(
                f"feature {self.name!r}: no value of column {self.column!r} occurs {self.options.min_count} times in "
                "the training split; lower its min_count, or leave the feature out"
            )
        vocabulary = sorted(frequent, key=lambda value: (isinstance(value, str), value))
        return FittedCategorical(name=self.name, column=self.column, type=self.type, vocabulary=tuple(vocabulary))


class FittedCategorical(FittedFeature):
    """(rows,) values -> (rows, 1) int32 ids: 0 missing, 1 unseen, then the vocabulary in its order."""

    block: ClassVar[Block] = "ids"

    kind: Literal["categorical"] = "categorical"
    vocabulary: tuple[str, ...] | tuple[int, ...]

    @property
    def width(self) -> int:
        return 1

    @property
    def size(self) -> int:
        """How many ids there are."""
        return FIRST + len(self.vocabulary)

    def encode(self, values: pa.Array) -> NDArray[np.int32]:
        if self.type == "string":
            keys, missing_key = as_strings(values), ""
            value_set = pa.array([missing_key, *self.vocabulary], pa.string())
        else:
            keys = pa.array(_whole_keys(as_numbers(values)))
            value_set = pa.array([_MISSING_KEY, *self.vocabulary], pa.int64())
        found = pc.fill_null(pc.index_in(keys, value_set=value_set), -1).to_numpy(zero_copy_only=False)
        # Position 0 is missing, the vocabulary follows it; the id of the unseen stands between them.
        return np.where(found < 0, UNSEEN, np.where(found == 0, MISSING, found + FIRST - 1)).astype(np.int32)[:, None]

    def nodes(self, graph: GraphBuilder, column: str) -> str:
        ids = [MISSING, *range(FIRST, self.size)]
        if self.type == "string":
            keys, attributes = column, {"keys_strings": ["", *self.vocabulary]}
        else:
            keys, attributes = self._key_nodes(graph, column), {"keys_int64s": [_MISSING_KEY, *self.vocabulary]}
        found = graph.add(
            "LabelEncoder", keys, domain="ai.onnx.ml", values_int64s=ids, default_int64=UNSEEN, **attributes
        )
        return graph.column(found)

    def _key_nodes(self, graph: GraphBuilder, column: str) -> str:
        exact = graph.add("Less", graph.add("Abs", column), graph.constant(EXACT, np.float64))
        whole = graph.add("And", exact, graph.add("Equal", graph.add("Floor", column), column))
        # The branch that is not taken is computed too, and a cast from NaN or 1e300 is undefined: mask before it.
        safe = graph.add("Where", whole, column, graph.constant(0.0, np.float64))
        keys = graph.add("Where", whole, graph.add("Cast", safe, to=7), graph.constant(_UNSEEN_KEY, np.int64))
        return graph.add("Where", graph.add("IsNaN", column), graph.constant(_MISSING_KEY, np.int64), keys)


def _whole_keys(numbers: NDArray[np.float64]) -> NDArray[np.int64]:
    whole = is_exact(numbers)
    keys = np.where(whole, np.where(whole, numbers, 0.0).astype(np.int64), _UNSEEN_KEY)
    return np.where(np.isnan(numbers), _MISSING_KEY, keys)
