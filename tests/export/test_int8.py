"""The graph in 8 bits: its ends and its encoder as they were, smaller, near the network, the same bytes each time."""

from typing import Any

import onnx
import pytest

from mtl_core.config import parse_problem
from mtl_core.errors import ProblemError
from mtl_core.export.adversarial import adversarial_rows
from mtl_core.export.graph import NETWORK, build_graph
from mtl_core.export.int8 import quantize_int8
from mtl_core.export.parity import parity
from mtl_core.export.session import open_graph
from mtl_core.model import Network
from tests.small import Small, document

WIDE = {"members": 1, "embedding": 16, "trunk": {"kind": "shared_bottom", "widths": [128, 64]}, "head": {"width": 32}}


@pytest.fixture(scope="module")
def network(small: Small) -> Network:
    return Network.seeded(parse_problem(document() | {"model": WIDE}), small.encoder, 0)


@pytest.fixture(scope="module")
def graph(small: Small, network: Network) -> onnx.ModelProto:
    return build_graph(network, small.encoder)


def ends(graph: onnx.GraphProto) -> list[bytes]:
    return [end.SerializeToString() for end in (*graph.input, *graph.output)]


def test_it_is_smaller_and_near_the_network_and_has_the_same_ends(
    small: Small, network: Network, graph: onnx.ModelProto
) -> None:
    found = quantize_int8(graph)
    assert ends(found.graph) == ends(graph.graph)
    assert found.ByteSize() < graph.ByteSize() * 0.6
    session = open_graph(found.SerializeToString())
    usual = parity(session, network, small.encoder, small.raw_test)
    adversarial = parity(session, network, small.encoder, adversarial_rows(small.raw_test, small.encoder))
    assert 1e-5 < usual.difference < 0.2
    assert adversarial.difference < 0.2


def test_the_encoder_keeps_its_bits(graph: onnx.ModelProto) -> None:
    found = quantize_int8(graph)

    def encoder(model: onnx.ModelProto) -> list[bytes]:
        return sorted(n.SerializeToString() for n in model.graph.node if not n.name.startswith(NETWORK))

    assert encoder(found) == encoder(graph)


def test_layers_are_in_8_bits_and_small_ones_are_not(graph: onnx.ModelProto) -> None:
    kinds = [node.op_type for node in quantize_int8(graph).graph.node]
    # Two of the trunk, and of each of four tasks the private and the hidden layer; the last ones stay.
    assert kinds.count("MatMulInteger") == 10
    assert "DequantizeLinear" in kinds  # of the embedding


def test_the_same_graph_gives_the_same_bytes_and_no_machine_is_named(graph: onnx.ModelProto) -> None:
    before = graph.SerializeToString(deterministic=True)
    first, second = (quantize_int8(graph).SerializeToString(deterministic=True) for _ in range(2))
    assert first == second
    assert graph.SerializeToString(deterministic=True) == before
    assert b"/tmp" not in first


def test_every_kind_comes_through(
    every_kind: Small, network_of_every_kind: Network, graph_of_every_kind: onnx.ModelProto
) -> None:
    session = open_graph(quantize_int8(graph_of_every_kind).SerializeToString())
    assert parity(session, network_of_every_kind, every_kind.encoder, every_kind.raw_test).difference < 0.2


@pytest.mark.parametrize("gates", [{}, {"size_mb": 1}])
def test_the_limit_of_parity_must_be_declared(gates: dict[str, Any]) -> None:
    with pytest.raises(ProblemError, match=r"export\.int8: .*found no gates\.parity, whose default of 0\.0001"):
        parse_problem(document() | {"export": {"int8": True}, "gates": gates})
    assert parse_problem(document() | {"export": {"int8": True}, "gates": gates | {"parity": 0.3}}).export.int8
    assert not parse_problem(document() | {"gates": gates}).export.int8
