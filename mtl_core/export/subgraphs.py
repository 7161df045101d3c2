"""Metadata and names of a graph and of the subgraphs of its nodes, such as the body of a Scan."""

import onnx
from onnx import compose


def strip_metadata(graph: onnx.GraphProto) -> None:
    """Remove metadata, in which torch's exporter writes stack traces with file paths of this machine."""
    del graph.value_info[:], graph.metadata_props[:]
    for part in (*graph.node, *graph.initializer, *graph.input, *graph.output):
        del part.metadata_props[:]
        part.ClearField("doc_string")
    for node in graph.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                strip_metadata(attribute.g)


def add_prefix(graph: onnx.GraphProto, prefix: str) -> None:
    """Add a prefix to all names.

    The map of initialisers is given, since `add_prefix_graph` adds them to it after the subgraphs, which may read them.
    """
    initialisers = {value.name: f"{prefix}{value.name}" for value in graph.initializer}
    compose.add_prefix_graph(graph, prefix, inplace=True, name_map=initialisers)
