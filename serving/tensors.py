"""Decoded rows -> the graph's tensors: one per input, and one matrix for many inputs of a type.

The signature names the inputs of each matrix. A runtime spends microseconds on every tensor that it is given.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import numpy as np

from serving.inputs import InputField
from serving.signature import InputMatrix

Array = np.ndarray[Any, Any]
Values = tuple[Any, ...]


class TensorBuilder:
    """Converter of rows, whose values are in the order of the inputs, into tensors.

    types: per tensor its type in ONNX and its rank.
    """

    def __init__(self, inputs: Sequence[InputField], matrices: Sequence[InputMatrix] = ()) -> None:
        indexed = {field.name: (index, field) for index, field in enumerate(inputs)}
        self._matrices = [_MatrixBuilder(matrix, indexed) for matrix in matrices]
        in_matrices = {name for matrix in matrices for name in matrix.columns}
        self._separate = [(index, field) for name, (index, field) in indexed.items() if name not in in_matrices]
        self.types = {field.name: (field.tensor_type, field.rank) for _, field in self._separate}
        self.types |= {matrix.name: (matrix.tensor_type, 2) for matrix in self._matrices}

    def fixed_size(self, rows: Sequence[Values]) -> dict[str, Array]:
        """The tensors of the inputs without lengths; raises InputValueError."""
        columns = zip(self._separate, self._columns(rows), strict=True)
        tensors = {field.name: field.to_tensor(values) for (_, field), values in columns if not field.has_lengths}
        return tensors | {matrix.name: matrix.to_tensor(rows) for matrix in self._matrices}

    def with_lengths(self, rows: Sequence[Values]) -> list[tuple[InputField, Sequence[Any]]]:
        """The inputs that have lengths, with the values of all rows."""
        columns = zip(self._separate, self._columns(rows), strict=True)
        return [(field, values) for (_, field), values in columns if field.has_lengths]

    def _columns(self, rows: Sequence[Values]) -> Iterable[Sequence[Any]]:
        """The values of each separate input."""
        if not self._matrices:
            return zip(*rows, strict=True)
        return ([row[index] for row in rows] for index, _ in self._separate)


class _MatrixBuilder:
    """Converter of the columns of one matrix."""

    def __init__(self, matrix: InputMatrix, inputs: Mapping[str, tuple[int, InputField]]) -> None:
        self.name = matrix.name
        self._columns = [inputs[name] for name in matrix.columns]
        self.tensor_type = self._columns[0][1].tensor_type
        self._values: Callable[[Values], Values] = itemgetter(*(index for index, _ in self._columns))
        self._plain = all(field.is_plain for _, field in self._columns)
        self._may_be_text = any(field.text is not None for _, field in self._columns)

    def to_tensor(self, rows: Sequence[Values]) -> Array:
        """(rows, columns); raises InputValueError."""
        if self._plain:
            values = [self._values(row) for row in rows]
            if not (self._may_be_text and any(str in set(map(type, row)) for row in values)):
                return np.array(values, np.float64)  # None becomes NaN
        return np.stack([field.to_tensor([row[index] for row in rows]) for index, field in self._columns], axis=1)
