"""Categorical features: a vocabulary, with one id for missing and one for unseen."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import Field

from mtl_core.errors import DataError
from mtl_core.features.base import (
    Block,
    ColumnType,
    Feature,
    FeatureFitter,
    FittedFeature,
    as_codes,
    as_numbers,
    as_strings,
    is_exact,
)
from mtl_core.features.graph import GraphBuilder

__all__ = ["MISSING", "UNSEEN", "Categorical", "FittedCategorical"]

MISSING, UNSEEN, FIRST = 0, 1, 2
_MOST_PENDING = 1 << 18
"""Distinct values of batches whose counts wait to be added up."""
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
        self.counts: list[pa.Table] = []

    def update(self, values: pa.Array) -> None:
        codes = as_codes(values)
        counts = np.bincount(codes.indices.drop_null().to_numpy(), minlength=len(codes.dictionary))
        seen = np.flatnonzero(counts)
        self.counts.append(self._named(codes.dictionary.take(pa.array(seen)), counts[seen]))
        if sum(table.num_rows for table in self.counts) > _MOST_PENDING:
            self.counts = [_added_up(self.counts)]

    def _named(self, values: pa.Array, counts: NDArray[np.int64]) -> pa.Table:
        """How often each of some distinct values occurs, under its name in a vocabulary."""
        if self.type == "string":
            return pa.table({"value": as_strings(values), "count": counts})
        numbers = as_numbers(values)
        whole = is_exact(numbers)
        if strays := int(counts[np.isfinite(numbers) & ~whole].sum()):
            raise DataError(
                f"feature {self.name!r}: a categorical feature needs whole numbers, text or booleans, found "
                f"{strays} fractional or huge values in column {self.column!r}; declare it as kind: numeric"
            )
        return pa.table({"value": numbers[whole].astype(np.int64), "count": counts[whole]})

    def finish(self) -> "FittedCategorical":
        counted = _added_up(self.counts) if self.counts else pa.table({"value": [], "count": []})
        often = counted.filter(pc.greater_equal(counted["count"], self.options.min_count))
        frequent = [value for value in often["value"].to_pylist() if value != ""]
        if not frequent:
            raise DataError(
                f"feature {self.name!r}: no value of column {self.column!r} occurs {self.options.min_count} times in "
                "the training split; lower its min_count, or leave the feature out"
            )
        return FittedCategorical(name=self.name, column=self.column, type=self.type, vocabulary=tuple(sorted(frequent)))


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
        codes = as_codes(values)
        ids = np.full(len(codes.dictionary) + 1, MISSING, dtype=np.int32)  # the last: of a null
        ids[:-1] = self._ids(codes.dictionary)
        positions: NDArray[np.int32] = pc.fill_null(codes.indices, len(codes.dictionary)).to_numpy()
        return ids[positions][:, None]

    def _ids(self, values: pa.Array) -> NDArray[np.int32]:
        if self.type == "string":
            keys, missing_key = as_strings(values), ""
            value_set = pa.array([missing_key, *self.vocabulary], pa.string())
        else:
            keys = pa.array(_whole_keys(as_numbers(values)))
            value_set = pa.array([_MISSING_KEY, *self.vocabulary], pa.int64())
        found = pc.fill_null(pc.index_in(keys, value_set=value_set), -1).to_numpy(zero_copy_only=False)
        # Position 0 is missing, the vocabulary follows it; the id of the unseen stands between them.
        return np.where(found < 0, UNSEEN, np.where(found == 0, MISSING, found + FIRST - 1)).astype(np.int32)

    @classmethod
    def nodes(cls, graph: GraphBuilder, features: Sequence[Self], columns: Sequence[str]) -> str:
        return graph.stack(feature._looked_up(graph, column) for feature, column in zip(features, columns, strict=True))

    def _looked_up(self, graph: GraphBuilder, column: str) -> str:
        """(rows,) ids. Numbers are looked up as they come: what no key equals is unseen, whether fractional or huge."""
        missing, dtype = ("", np.object_) if self.type == "string" else (np.nan, np.float64)
        return graph.add(
            "LabelEncoder",
            column,
            domain="ai.onnx.ml",
            keys_tensor=graph.tensor([missing, *self.vocabulary], dtype),
            values_tensor=graph.tensor([MISSING, *range(FIRST, self.size)], np.int64),
            default_tensor=graph.tensor([UNSEEN], np.int64),
        )


def _added_up(counts: Sequence[pa.Table]) -> pa.Table:
    """One count for every value."""
    sums = pa.concat_tables(counts).group_by("value", use_threads=False).aggregate([("count", "sum")])
    return sums.rename_columns(["value", "count"])


def _whole_keys(numbers: NDArray[np.float64]) -> NDArray[np.int64]:
    whole = is_exact(numbers)
    keys = np.where(whole, np.where(whole, numbers, 0.0).astype(np.int64), _UNSEEN_KEY)
    return np.where(np.isnan(numbers), _MISSING_KEY, keys)
