"""The graph in 8 bits: its inputs, outputs, encoder and size, its parity with the network, and its bytes."""

import onnx
import pytest

from mtl_core.config import parse_problem
from mtl_core.export.adversarial import adversarial_rows
from mtl_core.export.graph import NETWORK, build_graph
from mtl_core.export.int8 import quantize_int8
from mtl_core.export.parity import parity
from mtl_core.graphs.runtime import open_graph
from mtl_core.model import Network
from tests.small import Small, document

WIDE = {"members": 1, "embedding": 16, "trunk": {"kind": "shared_bottom", "widths": [128, 64]}, "head": {"width": 32}}


@pytest.fixture(scope="module")
def network(small: Small) -> Network:
    return Network.seeded(parse_problem(document() | {"model": WIDE}), small.encoder, 0)


@pytest.fixture(scope="module")
def graph(small: Small, network: Network) -> onnx.ModelProto:
    return build_graph(network, small.encoder)


def inputs_and_outputs(graph: onnx.GraphProto) -> list[bytes]:
    return [value.SerializeToString() for value in (*graph.input, *graph.output)]


def test_the_int8_graph_is_smaller_and_predicts_nearly_the_same(
    small: Small, network: Network, graph: onnx.ModelProto
) -> None:
    quantized = quantize_int8(graph)
    assert inputs_and_outputs(quantized.graph) == inputs_and_outputs(graph.graph)
    assert quantized.ByteSize() < graph.ByteSize() * 0.6
    session = open_graph(quantized.SerializeToString())
    ordinary = parity(session, network, small.encoder, small.raw_test)
    adversarial = parity(session, network, small.encoder, adversarial_rows(small.raw_test, small.encoder))
    assert 1e-5 < ordinary.difference < 0.2
    assert adversarial.difference < 0.2


def test_the_encoder_is_unchanged(graph: onnx.ModelProto) -> None:
    def encoder(model: onnx.ModelProto) -> list[bytes]:
        return sorted(n.SerializeToString() for n in model.graph.node if not n.name.startswith(NETWORK))

    assert encoder(quantize_int8(graph)) == encoder(graph)


def test_layers_are_quantised_except_small_ones(graph: onnx.ModelProto) -> None:
    kinds = [node.op_type for node in quantize_int8(graph).graph.node]
    # Two of the trunk, and two of each of four tasks: the private and the hidden layer.
    assert kinds.count("MatMulInteger") == 10
    assert "DequantizeLinear" in kinds  # of the embedding


def test_the_same_graph_gives_the_same_bytes_without_file_paths(graph: onnx.ModelProto) -> None:
    before = graph.SerializeToString(deterministic=True)
    first, second = (quantize_int8(graph).SerializeToString(deterministic=True) for _ in range(2))
    assert first == second
    assert graph.SerializeToString(deterministic=True) == before
    assert b"/tmp" not in first


def test_every_kind_of_task_can_be_quantised(
    every_kind: Small, network_of_every_kind: Network, graph_of_every_kind: onnx.ModelProto
) -> None:
    session = open_graph(quantize_int8(graph_of_every_kind).SerializeToString())
    assert parity(session, network_of_every_kind, every_kind.encoder, every_kind.raw_test).difference < 0.2
