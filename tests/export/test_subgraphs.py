"""Metadata and names are edited in subgraphs too."""

import numpy as np
import onnx
import pytest
from onnx import parser

from mtl_core.export.subgraphs import add_prefix, strip_metadata
from mtl_core.graphs.runtime import open_graph

RUNNING_SUMS = """
<ir_version: 10, opset_import: ["": 20]>
sums (float[L] x) => (float[L] y) <float start = {1.0}, float step = {10.0}> {
    last, y = Scan <num_scan_inputs = 1, body = add (float before, float item) => (float after, float sum) {
        stepped = Add(item, step)
        after = Add(before, stepped)
        sum = Identity(after)
    }> (start, x)
}
"""
"""A Scan whose body reads an initialiser of the graph around it."""


@pytest.fixture
def model() -> onnx.ModelProto:
    return parser.parse_model(RUNNING_SUMS)


def body(model: onnx.ModelProto) -> onnx.GraphProto:
    return next(attribute.g for attribute in model.graph.node[0].attribute if attribute.name == "body")


def test_a_graph_whose_subgraph_reads_an_initialiser_gets_a_prefix(model: onnx.ModelProto) -> None:
    add_prefix(model.graph, "p/")
    onnx.checker.check_model(model, full_check=True)
    names = {name for node in (*model.graph.node, *body(model).node) for name in (*node.input, *node.output)}
    assert all(name.startswith("p/") and not name.startswith("p/p/") for name in names)
    (sums,) = open_graph(model.SerializeToString()).run(None, {"p/x": np.array([1, 2, 3], dtype=np.float32)})
    assert sums.tolist() == [12, 24, 37]


def test_metadata_is_removed_from_subgraphs(model: onnx.ModelProto) -> None:
    original = model.SerializeToString()
    for graph in (model.graph, body(model)):
        graph.metadata_props.add(key="trace", value="secret")
        for part in (*graph.node, *graph.initializer, *graph.input, *graph.output):
            part.doc_string = "secret"
            part.metadata_props.add(key="trace", value="secret")
        graph.value_info.add(name="secret")
    strip_metadata(model.graph)
    assert model.SerializeToString() == original
