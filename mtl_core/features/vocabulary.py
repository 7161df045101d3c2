"""Vocabularies: counts of distinct values, and the ids of values, in NumPy and as an ONNX node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core import arrow_compute as pc

if TYPE_CHECKING:
    from mtl_core.graphs.builder import GraphBuilder

MISSING, UNKNOWN, FIRST = 0, 1, 2
"""Ids of missing values, of values outside the vocabulary, and of its first entry."""
_MAX_ROWS = 1 << 18
"""Maximum rows of counts that are not yet summed."""


def id_dtype(ids: int) -> np.dtype[Any]:
    """Type of stored ids: int16 where that many fit, else int32."""
    return np.dtype(np.int16 if ids <= np.iinfo(np.int16).max else np.int32)


def table_offsets(sizes: Sequence[int]) -> NDArray[np.int32]:
    """(C,) numbers of ids -> (C,) first row of each column in an embedding table that all share."""
    return np.cumsum([0, *sizes[:-1]], dtype=np.int32)[: len(sizes)]


class ValueCounts:
    """Counts of distinct values, in memory that grows with the distinct values only."""

    def __init__(self) -> None:
        self._counts: list[pa.Table] = []

    def update(self, values: pa.Array, counts: NDArray[np.int64]) -> None:
        """Add the counts of distinct values."""
        self._counts.append(pa.table({"value": values, "count": counts}))
        if sum(table.num_rows for table in self._counts) > _MAX_ROWS:
            self._counts = [self._total()]

    def frequent(self, min_count: int) -> tuple[Any, ...]:
        """The values with at least that count, sorted; without the empty string, which is missing."""
        if not self._counts:
            return ()
        total = self._total()
        frequent = total.filter(pc.greater_equal(total["count"], min_count))
        return tuple(sorted(value for value in frequent["value"].to_pylist() if value != ""))

    def counts(self) -> dict[Any, int]:
        """Value -> its count."""
        if not self._counts:
            return {}
        total = self._total()
        return dict(zip(total["value"].to_pylist(), total["count"].to_pylist(), strict=True))

    def _total(self) -> pa.Table:
        sums = pa.concat_tables(self._counts).group_by("value", use_threads=False).aggregate([("count", "sum")])
        return sums.rename_columns(["value", "count"])


def lookup_ids(keys: pa.Array, missing: Any, vocabulary: Sequence[Any]) -> NDArray[np.int32]:
    """(n,) values -> (n,) ids: MISSING for `missing`, else FIRST plus the position in the vocabulary, else UNKNOWN."""
    indices = pc.index_in(keys, value_set=pa.array([missing, *vocabulary], keys.type))
    positions = pc.fill_null(indices, -1).to_numpy(zero_copy_only=False)
    # Position 0 is missing and the vocabulary follows; the id of unseen values lies between them.
    return np.where(positions < 0, UNKNOWN, np.where(positions == 0, MISSING, positions + FIRST - 1)).astype(np.int32)


def lookup_node(
    graph: GraphBuilder, values: str, missing: Any, vocabulary: Sequence[Any], dtype: type[np.generic]
) -> str:
    """`lookup_ids` as a node: a tensor of any shape -> its int64 ids; text has dtype `np.object_`."""
    return label_encoder_node(graph, values, [missing, *vocabulary], _ids(vocabulary), UNKNOWN, dtype)


def joint_lookup_node(
    graph: GraphBuilder, values: str, missing: Any, vocabularies: Sequence[Sequence[Any]], dtype: type[np.generic]
) -> str:
    """`lookup_node` for many columns at once: (n, rows) values -> (n, rows) int64 ids in n vocabularies.

    A first node maps a value to its position among the values of all vocabularies, a second node maps the position and
    the column to the id.
    """
    union = list(dict.fromkeys(value for vocabulary in vocabularies for value in vocabulary))
    positions = {value: 1 + index for index, value in enumerate(union)}  # 0 is missing
    unseen = 1 + len(union)
    position = label_encoder_node(graph, values, [missing, *union], range(unseen), unseen, dtype)
    starts = (unseen + 1) * np.arange(len(vocabularies))
    pairs = graph.add("Add", position, graph.constant(starts[:, None], np.int64))
    keys: list[int] = []
    ids: list[int] = []
    for start, vocabulary in zip(starts.tolist(), vocabularies, strict=True):
        keys += [start, *(start + positions[value] for value in vocabulary)]
        ids += _ids(vocabulary)
    return label_encoder_node(graph, pairs, keys, ids, UNKNOWN, np.int64)


def _ids(vocabulary: Sequence[Any]) -> list[int]:
    """Ids of the missing value and of the vocabulary."""
    return [MISSING, *range(FIRST, FIRST + len(vocabulary))]


def label_encoder_node(
    graph: GraphBuilder, values: str, keys: Sequence[Any], ids: Sequence[int], default: int, dtype: type[np.generic]
) -> str:
    """A tensor of any shape -> int64: the id of each value's key, `default` for any other; text has `np.object_`."""
    return graph.add(
        "LabelEncoder",
        values,
        domain="ai.onnx.ml",
        keys_tensor=graph.tensor(keys, dtype),
        values_tensor=graph.tensor(ids, np.int64),
        default_tensor=graph.tensor([default], np.int64),
    )
