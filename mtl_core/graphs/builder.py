"""Builder of the preprocessing part of a graph, node by node.

ONNX is imported where a graph is built, since stages that build none import this module too.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mtl_core.input_types import InputType
from mtl_core.names import INTERNAL

if TYPE_CHECKING:
    import onnx

OPSET = 20
IR_VERSION = 10
OPSETS = {"": OPSET, "ai.onnx.ml": 4, "com.microsoft": 1}
"""Domain of operators -> version."""

Values = int | float | Sequence[Any] | NDArray[Any]


class GraphBuilder:
    """Nodes and constants of a graph. Values are addressed by name, as in ONNX."""

    def __init__(self) -> None:
        import onnx

        self._onnx, self._helper = onnx, onnx.helper
        self.nodes: list[onnx.NodeProto] = []
        self.constants: list[onnx.TensorProto] = []
        self.inputs: list[onnx.ValueInfoProto] = []
        self._types: list[onnx.ValueInfoProto] = []
        self._values: dict[Hashable, str] = {}
        self._count = 0
        self._columns: dict[str, tuple[str, int]] = {}  # value -> matrix and column index, as long as it has no node
        self._gathered: dict[str, str] = {}  # value -> output of its node
        self._transposed: dict[str, str] = {}

    def input(self, name: str, input_type: InputType) -> str:
        """A raw column as a graph input, (rows, ...): strings or float64."""
        kind = self._onnx.TensorProto.STRING if input_type.is_string else self._onnx.TensorProto.DOUBLE
        shape = ["rows", *input_type.dimensions(name)]
        self.inputs.append(self._helper.make_tensor_value_info(name, kind, shape))
        return name

    def matrix(self, name: str, columns: Sequence[str], *, is_string: bool) -> dict[str, str]:
        """Add raw columns as one graph input, (rows, columns). Returns the value of each column, (rows,)."""
        kind = self._onnx.TensorProto.STRING if is_string else self._onnx.TensorProto.DOUBLE
        self.inputs.append(self._helper.make_tensor_value_info(name, kind, ["rows", len(columns)]))
        values = {column: self._fresh("column") for column in columns}
        self._columns |= {value: (name, index) for index, value in enumerate(values.values())}
        return values

    def constant(self, values: Values, dtype: type[np.generic]) -> str:
        """A constant tensor of that type."""
        name = self._fresh("constant")
        self.constants.append(self._onnx.numpy_helper.from_array(np.asarray(values, dtype=dtype), name))
        return name

    def tensor(self, values: Values, dtype: type[np.generic]) -> onnx.TensorProto:
        """Values as an attribute of a node; text has dtype `np.object_`."""
        return self._onnx.numpy_helper.from_array(np.asarray(values, dtype=dtype), self._fresh("tensor"))

    def add(self, op: str, *inputs: str, domain: str = "", **attributes: Any) -> str:
        """Add one node with one output; returns the output's name."""
        values = [self._gather(value) for value in inputs]
        name = self._fresh(op)
        self.nodes.append(self._helper.make_node(op, values, [name], name=name, domain=domain, **attributes))
        return name

    def add_strings(self, op: str, value: str, rank: int, **attributes: Any) -> str:
        """Add a node of ONNX Runtime's own operators whose output has strings.

        The output's type is declared, since ONNX's checker crashes where an operator reads a value of unknown type.
        """
        output = self.add(op, value, domain="com.microsoft", **attributes)
        shape = [f"{output}/{dimension}" for dimension in range(rank)]
        self._types.append(self._helper.make_tensor_value_info(output, self._onnx.TensorProto.STRING, shape))
        return output

    def cast(self, value: str, dtype: type[np.generic]) -> str:
        """The same values as another type."""
        return self.add("Cast", value, to=self._helper.np_dtype_to_tensor_dtype(np.dtype(dtype)))

    def once(self, key: Hashable, add: Callable[[], str]) -> str:
        """The value that `add` made when this key was first used."""
        if key not in self._values:
            self._values[key] = add()
        return self._values[key]

    def model(self, outputs: Sequence[onnx.ValueInfoProto]) -> onnx.ModelProto:
        """The model of all nodes; outside ONNX's own operators it imports only the domains that they use."""
        graph = self._helper.make_graph(
            self.nodes, "trunkline", self.inputs, outputs, initializer=self.constants, value_info=self._types
        )
        domains = {"", "ai.onnx.ml", *(node.domain for node in self.nodes)}
        opsets = [self._helper.make_opsetid(domain, version) for domain, version in OPSETS.items() if domain in domains]
        return self._helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION)

    def stack(self, columns: Iterable[str]) -> str:
        """Stack n values of (rows,) into (n, rows); columns of one matrix need no node for each."""
        values = list(columns)
        matrices = {self._columns[value][0] if value in self._columns else "" for value in values}
        if len(matrices) == 1 and (matrix := matrices.pop()):
            return self._matrix_columns(matrix, [self._columns[value][1] for value in values])
        flat = self.add("Concat", *values, axis=0) if len(values) > 1 else values[0]
        return self.add("Reshape", flat, self.constant([len(values), -1], np.int64))

    def pick(self, parts: Sequence[str], keys: Sequence[Hashable], wanted: Sequence[Hashable]) -> str:
        """(n, rows) values and the keys of all their rows in order -> (len(wanted), rows): the rows of those keys."""
        joined = self.add("Concat", *parts, axis=0) if len(parts) > 1 else parts[0]
        if list(keys) == list(wanted):
            return joined
        indices = {key: index for index, key in enumerate(keys)}
        return self.add("Gather", joined, self.constant([indices[key] for key in wanted], np.int64), axis=0)

    def _matrix_columns(self, matrix: str, indices: Sequence[int]) -> str:
        """(rows, columns) matrix -> (n, rows), the columns at those indices."""
        if matrix not in self._transposed:
            self._transposed[matrix] = self.add("Transpose", matrix)
        size = sum(source == matrix for source, _ in self._columns.values())
        if list(indices) == list(range(size)):
            return self._transposed[matrix]
        return self.add("Gather", self._transposed[matrix], self.constant(indices, np.int64), axis=0)

    def _gather(self, value: str) -> str:
        """The value as the output of a node: a column of a matrix is gathered once."""
        if value not in self._columns:
            return value
        if value not in self._gathered:
            matrix, index = self._columns[value]
            self._gathered[value] = self.add("Gather", matrix, self.constant(index, np.int64), axis=1)
        return self._gathered[value]

    def _fresh(self, stem: str) -> str:
        self._count += 1
        return f"{INTERNAL}encoder/{stem}_{self._count}"
