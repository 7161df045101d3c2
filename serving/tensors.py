"""Decoded rows -> the graph's tensors: one per input, and one matrix for many inputs of a type.

The signature says which inputs come as a matrix. A runtime spends microseconds on every tensor that it is given.
"""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from serving.inputs import InputField
    from serving.signature import InputMatrix

    Array = np.ndarray[Any, Any]
    Values = tuple[Any, ...]


class TensorMaker:
    """Converter of rows, whose values are in the order of the inputs, into tensors.

    ends: per tensor its type in ONNX and its rank.
    """

    def __init__(self, inputs: Sequence[InputField], matrices: Sequence[InputMatrix] = ()) -> None:
        known = {column.name: (place, column) for place, column in enumerate(inputs)}
        self._matrices = [_MatrixMaker(matrix, known) for matrix in matrices]
        joined = {name for matrix in matrices for name in matrix.columns}
        self._separate = [(place, column) for name, (place, column) in known.items() if name not in joined]
        self.ends = {column.name: (column.tensor_type, column.rank) for _, column in self._separate}
        self.ends |= {matrix.name: (matrix.tensor_type, 2) for matrix in self._matrices}

    def flat(self, rows: Sequence[Values]) -> dict[str, Array]:
        """The tensors whose rows all have the same number of cells; raises InputValueError."""
        columns = zip(self._separate, self._columns(rows), strict=True)
        found = {column.name: column.to_tensor(values) for (_, column), values in columns if column.rank == 1}
        return found | {matrix.name: matrix.to_tensor(rows) for matrix in self._matrices}

    def lists(self, rows: Sequence[Values]) -> list[tuple[InputField, Sequence[Any]]]:
        """The inputs whose tensors are of rank 2 by themselves, with the values of all rows."""
        columns = zip(self._separate, self._columns(rows), strict=True)
        return [(column, values) for (_, column), values in columns if column.rank == 2]

    def _columns(self, rows: Sequence[Values]) -> Iterable[Sequence[Any]]:
        """The values of each separate input."""
        if not self._matrices:
            return zip(*rows, strict=True)
        return ([row[place] for row in rows] for place, _ in self._separate)


class _MatrixMaker:
    """Converter of the columns of one matrix."""

    def __init__(self, matrix: InputMatrix, inputs: Mapping[str, tuple[int, InputField]]) -> None:
        self.name = matrix.name
        self._columns = [inputs[name] for name in matrix.columns]
        self.tensor_type = self._columns[0][1].tensor_type
        self._values: Callable[[Values], Values] = itemgetter(*(place for place, _ in self._columns))
        self._plain = all(column.is_plain for _, column in self._columns)
        self._may_be_text = any(column.text is not None for _, column in self._columns)

    def to_tensor(self, rows: Sequence[Values]) -> Array:
        """(rows, columns); raises InputValueError."""
        if self._plain:
            values = [self._values(row) for row in rows]
            if not (self._may_be_text and any(str in set(map(type, row)) for row in values)):
                return np.array(values, np.float64)  # None becomes NaN
        return np.stack([column.to_tensor([row[place] for row in rows]) for place, column in self._columns], axis=1)
