"""Internal tensors of an exported graph that the heads read: the outputs of its trunk.

They are found by the names of the network's parameters, which torch's exporter keeps. So a graph needs no further
output, and graphs of earlier versions work too.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

import onnx

from mtl_core.export.graph import NETWORK

_HEAD = re.compile(rf"{re.escape(NETWORK)}network\.heads\.(\d+)\.(?:(\d+)\.)?(?:hidden|last)\.")
"""Parameters of a head: its position and, in an ensemble, its member."""
_INPUT_SCALE = re.compile(rf"{re.escape(NETWORK)}network\.inputs\.\d+\.scale")
_SELECTIONS = ("Squeeze", "Slice", "Gather", "Split")
"""Operators with which torch's exporter selects a member."""


@dataclass(frozen=True, kw_only=True)
class RowTensor:
    """A tensor of a graph, (rows, width) or, in an ensemble, (rows, members, width)."""

    name: str
    has_members: bool = False


class _Graph:
    """Producers and equal tensors of a graph."""

    def __init__(self, graph: onnx.GraphProto) -> None:
        self.nodes: Sequence[onnx.NodeProto] = graph.node
        """In topological order."""
        self.producers = {output: node for node in graph.node for output in node.output}
        self.order = {name: position for position, name in enumerate(self.producers)}
        self.matrices = {
            value.name: match
            for value in graph.initializer
            if len(value.dims) == 2 and (match := _HEAD.match(value.name))
        }
        """Name of a matrix of a head -> match of its position and member."""
        self.scales = {value.name for value in graph.initializer if _INPUT_SCALE.fullmatch(value.name)}


def head_count(graph: onnx.GraphProto) -> int:
    """The number of heads of the network in the graph, without those that were added to the graph."""
    return len({match[1] for value in graph.initializer if (match := _HEAD.match(value.name))})


def head_inputs(graph: onnx.GraphProto, heads: Collection[int]) -> tuple[RowTensor, ...]:
    """The distinct inputs of the heads at these positions, which must be heads of level row.

    Inputs that are concatenations are split into their parts, since heads share some of them: the output of the trunk,
    followed by that of a private layer. Empty for a graph whose heads are of an unknown form.
    """
    parts = _Graph(graph)
    distinct = {
        part for head, tensor in _inputs_of_heads(parts) if head in heads for part in _concatenated(parts, tensor)
    }
    return tuple(sorted(distinct, key=lambda tensor: parts.order.get(tensor.name, -1)))


def input_vectors(graph: onnx.GraphProto) -> tuple[RowTensor, ...]:
    """The outputs of the input layers, (rows, width) each: the encoded and embedded columns, scaled."""
    parts = _Graph(graph)
    scaled = (node for node in parts.nodes if node.op_type == "Mul" and parts.scales.intersection(node.input))
    return tuple(RowTensor(name=node.output[0]) for node in scaled)


def _inputs_of_heads(graph: _Graph) -> Iterator[tuple[int, RowTensor]]:
    """(position of the head, tensor that its first layer reads), once for each member."""
    in_heads: set[str] = set()
    for node in graph.nodes:
        computed = [name for name in node.input if name in graph.producers]
        if in_heads.isdisjoint(computed):
            for match in (graph.matrices[name] for name in node.input if name in graph.matrices):
                if computed:
                    yield int(match[1]), _source(graph, computed[0], has_members=match[2] is not None)
        if not in_heads.isdisjoint(computed) or any(name in graph.matrices for name in node.input):
            in_heads.update(node.output)


def _source(graph: _Graph, name: str, *, has_members: bool) -> RowTensor:
    """The tensor before quantisation, and with all members."""
    while (node := graph.producers[name]).op_type == "DynamicQuantizeLinear" or (
        has_members and node.op_type in _SELECTIONS
    ):
        name = node.input[0]
    return RowTensor(name=name, has_members=has_members)


def _concatenated(graph: _Graph, tensor: RowTensor) -> Iterator[RowTensor]:
    """The parts of a concatenation along the last axis; any other tensor is its only part."""
    node = graph.producers.get(tensor.name)
    last = (-1, 2 if tensor.has_members else 1)
    if node is None or node.op_type != "Concat" or all(axis.i not in last for axis in node.attribute):
        yield tensor
        return
    for name in node.input:
        yield from _concatenated(graph, RowTensor(name=name, has_members=tensor.has_members))
