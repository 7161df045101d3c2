"""A task added to an exported graph: a new head behind tensors of the graph, all of whose nodes and weights stay.

Linear probing of a frozen network: Alain and Bengio 2017, "Understanding Intermediate Layers Using Linear Classifier
Probes"; with an adapter as in Zhang et al. 2020, "Side-Tuning: A Baseline for Network Adaptation via Additive Side
Networks", whose side network reads the inputs.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import onnx
import pyarrow as pa
from numpy.typing import NDArray
from onnx import TensorProto, helper

from mtl_core.errors import ExportError
from mtl_core.export.matrices import Matrix
from mtl_core.export.representation import RowTensor
from mtl_core.export.session import run_graph
from mtl_core.export.subgraphs import add_prefix
from mtl_core.graphs.builder import OPSET
from mtl_core.graphs.runtime import Session
from mtl_core.input_types import InputType
from mtl_core.names import INTERNAL

REPRESENTATION = f"{INTERNAL}representation"
"""The output of `representation_graph`."""


def representation_graph(graph: onnx.ModelProto, tensors: Sequence[RowTensor]) -> bytes:
    """The graph with one output, REPRESENTATION (rows, width) float32: the tensors one after the other.

    The members of an ensemble count as their mean.
    """
    model = onnx.ModelProto()
    model.CopyFrom(graph)
    model.graph.node.extend(_representation_nodes(tensors, REPRESENTATION))
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info(REPRESENTATION, TensorProto.FLOAT, ["rows", None]))
    return bytes(model.SerializeToString(deterministic=True))


def add_task(graph: onnx.ModelProto, tensors: Sequence[RowTensor], head: onnx.ModelProto, task: str) -> bytes:
    """The graph with a further output, the predictions of a head for the representation of these tensors.

    Nodes and weights of the given graph stay as they are, in their order, before all that is added.

    Args:
        head: by `network_graph`, of a network with one task, whose only block is the representation.

    Raises:
        ExportError: the graph is of another opset, or has a name that is added.
    """
    _check_opset(graph, task)
    prefix = f"{INTERNAL}added/{task}/"
    representation = f"{prefix}representation"
    added, model = onnx.ModelProto(), onnx.ModelProto()
    added.CopyFrom(head)
    model.CopyFrom(graph)
    add_prefix(added.graph, prefix)
    (block,), (output,) = added.graph.input, added.graph.output
    model.graph.node.extend(
        (
            *_representation_nodes(tensors, representation),
            _identity(representation, block.name),
            *added.graph.node,
            _identity(output.name, task),
        )
    )
    model.graph.initializer.extend(added.graph.initializer)
    output.name = task
    model.graph.output.append(output)
    try:
        onnx.checker.check_model(model)
    except onnx.checker.ValidationError as error:
        raise ExportError(f"task {task!r}: must fit into the champion's graph, found: {error}") from error
    return bytes(model.SerializeToString(deterministic=True))


def changed_outputs(
    before: Session,
    after: Session,
    table: pa.Table,
    inputs: Mapping[str, InputType],
    *,
    sequences: Mapping[str, str],
    matrices: Sequence[Matrix],
    rows: int,
) -> list[str]:
    """The outputs of `before` that differ in any bit in `after`, on a table of raw columns, `rows` rows at a time.

    Args:
        sequences: output of level token -> its column.
    """
    names = [output.name for output in before.get_outputs()]
    first, second = (
        run_graph(session, table, inputs, names, sequences=sequences, matrices=matrices, rows=rows)
        for session in (before, after)
    )
    return [name for name in names if not _equal_bits(first[name], second[name])]


def _equal_bits(first: NDArray[Any], second: NDArray[Any]) -> bool:
    if first.dtype != second.dtype or first.shape != second.shape:
        return False
    if first.dtype == np.object_:  # tokens
        return bool((first == second).all())
    return first.tobytes() == second.tobytes()


def _representation_nodes(tensors: Sequence[RowTensor], name: str) -> list[onnx.NodeProto]:
    """Nodes of the tensor of that name, (rows, width)."""
    axis, nodes = f"{name}/members", []
    if any(tensor.has_members for tensor in tensors):
        nodes.append(helper.make_node("Constant", [], [axis], name=axis, value_ints=[1]))
    for index, tensor in enumerate(tensors):
        if tensor.has_members:
            mean = f"{name}/{index}"
            nodes.append(helper.make_node("ReduceMean", [tensor.name, axis], [mean], name=mean, keepdims=0))
    parts = [f"{name}/{index}" if tensor.has_members else tensor.name for index, tensor in enumerate(tensors)]
    return [*nodes, helper.make_node("Concat", parts, [name], name=name, axis=1)]


def _identity(source: str, target: str) -> onnx.NodeProto:
    return helper.make_node("Identity", [source], [target], name=f"{target}/identity")


def _check_opset(graph: onnx.ModelProto, task: str) -> None:
    """Raise ExportError unless the graph has the operators of the present export."""
    versions = {opset.domain: opset.version for opset in graph.opset_import}
    if (version := versions.get("")) != OPSET:
        raise ExportError(
            f"model.onnx: must import opset {OPSET} to get task {task!r}, found {version}; it is of another version of "
            "Trunkline, so run `mtl retrain`"
        )
