"""Builds the preprocessing half of the exported graph, node by node."""

from collections.abc import Hashable, Iterable, Sequence
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from mtl_core.input_types import InputType
from mtl_core.names import INTERNAL

OPSET = 20
ML_OPSET = 4

Values = int | float | Sequence[Any] | NDArray[Any]


class GraphBuilder:
    """Collects nodes and constants. Values are addressed by name, as ONNX does."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self._count = 0
        self._columns: dict[str, tuple[str, int]] = {}  # column of a matrix, no node as long as none reads it alone
        self._alone: dict[str, str] = {}  # and those that are nodes
        self._transposed: dict[str, str] = {}

    def input(self, name: str, input_type: InputType) -> str:
        """A raw column as a graph input, (rows, ...): strings or float64, according to its type."""
        kind = TensorProto.STRING if input_type.is_string else TensorProto.DOUBLE
        shape = ["rows", *input_type.dimensions(name)]
        self.inputs.append(helper.make_tensor_value_info(name, kind, shape))
        return name

    def matrix(self, name: str, columns: Sequence[str], *, is_string: bool) -> dict[str, str]:
        """Raw columns as one graph input, (rows, columns) -> the value of each column, (rows,)."""
        kind = TensorProto.STRING if is_string else TensorProto.DOUBLE
        self.inputs.append(helper.make_tensor_value_info(name, kind, ["rows", len(columns)]))
        values = {column: self._fresh("column") for column in columns}
        self._columns |= {value: (name, index) for index, value in enumerate(values.values())}
        return values

    def constant(self, values: Values, dtype: type[np.generic]) -> str:
        """A constant tensor of that type."""
        name = self._fresh("constant")
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype=dtype), name))
        return name

    def tensor(self, values: Values, dtype: type[np.generic]) -> onnx.TensorProto:
        """Values as an attribute of a node; text has dtype `np.object_`."""
        return numpy_helper.from_array(np.asarray(values, dtype=dtype), self._fresh("tensor"))

    def add(self, op: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Adds one node with one output and returns the output's name."""
        given = [self._node_of(value) for value in inputs]
        name = self._fresh(op)
        self.nodes.append(helper.make_node(op, given, [name], name=name, domain=domain, **attributes))
        return name

    def cast(self, value: str, dtype: type[np.generic]) -> str:
        """The same values as another type."""
        return self.add("Cast", value, to=helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def stack(self, columns: Iterable[str]) -> str:
        """Stack n values of (rows,) into (n, rows).

        Each is copied once; columns of a matrix by a few nodes for all.
        """
        each = list(columns)
        sources = {self._columns[value][0] if value in self._columns else "" for value in each}
        if len(sources) == 1 and (matrix := sources.pop()):
            return self._rows_of(matrix, [self._columns[value][1] for value in each])
        flat = self.add("Concat", *each, axis=0) if len(each) > 1 else each[0]
        return self.add("Reshape", flat, self.constant([len(each), -1], np.int64))

    def pick(self, parts: Sequence[str], keys: Sequence[Hashable], wanted: Sequence[Hashable]) -> str:
        """(n, rows) values, and the keys of all their rows in order -> (len(wanted), rows): the rows of those keys."""
        whole = self.add("Concat", *parts, axis=0) if len(parts) > 1 else parts[0]
        if list(keys) == list(wanted):
            return whole
        positions = {key: position for position, key in enumerate(keys)}
        return self.add("Gather", whole, self.constant([positions[key] for key in wanted], np.int64), axis=0)

    def _rows_of(self, matrix: str, indices: Sequence[int]) -> str:
        """(rows, columns) matrix -> (n, rows), the columns at those indices."""
        if matrix not in self._transposed:
            self._transposed[matrix] = self.add("Transpose", matrix)
        size = sum(source == matrix for source, _ in self._columns.values())
        if list(indices) == list(range(size)):
            return self._transposed[matrix]
        return self.add("Gather", self._transposed[matrix], self.constant(indices, np.int64), axis=0)

    def _node_of(self, value: str) -> str:
        """The value, as a node of its own where it is a column of a matrix."""
        if value not in self._columns:
            return value
        if value not in self._alone:
            matrix, index = self._columns[value]
            self._alone[value] = self.add("Gather", matrix, self.constant(index, np.int64), axis=1)
        return self._alone[value]

    def _fresh(self, stem: str) -> str:
        self._count += 1
        return f"{INTERNAL}encoder/{stem}_{self._count}"
