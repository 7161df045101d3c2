"""A task added to an exported graph: its predictions, and all other outputs to the bit."""

from typing import Any

import numpy as np
import onnx
import pyarrow as pa
import pytest
import torch
from onnx import helper, numpy_helper

from mtl_core.config import Problem, parse_problem
from mtl_core.data.encoder import Encoder
from mtl_core.errors import ExportError
from mtl_core.export.added_task import REPRESENTATION, add_task, changed_outputs, representation_graph
from mtl_core.export.adversarial import adversarial_rows
from mtl_core.export.graph import build_graph, network_graph
from mtl_core.export.int8 import quantize_int8
from mtl_core.export.representation import RowTensor, head_count, head_inputs, input_vectors
from mtl_core.export.session import run_graph
from mtl_core.graphs.runtime import open_graph
from mtl_core.model import Network
from mtl_core.training.added_head import BLOCK, added_head_problem, representation_encoder
from tests.small import Small, document

pytestmark = pytest.mark.no_cover  # other tests run the same lines, and tracing them costs a third of these exports

ADDED = "added.task"
LARGE = {"members": 3, "embedding": 16, "trunk": {"kind": "shared_bottom", "widths": [64, 64]}, "private": 32}


def with_added(small: Small, kind: str = "band") -> tuple[Problem, Encoder]:
    """The problem and the encoder with a further task, which is declared as `kind` is."""
    problem, codecs = small.problem, small.encoder.tasks
    codec = next(codec for codec in codecs if codec.name == kind).model_copy(update={"name": ADDED})
    tasks = {**problem.tasks, ADDED: problem.tasks[kind]}
    return problem.model_copy(update={"tasks": tasks}), small.encoder.model_copy(update={"tasks": (*codecs, codec)})


def representation_of(graph: onnx.ModelProto, tensors: tuple[RowTensor, ...], rows: pa.Table, small: Small) -> Any:
    session = open_graph(representation_graph(graph, tensors))
    return run_graph(session, rows, small.encoder.inputs, [REPRESENTATION])[REPRESENTATION]


@pytest.fixture(scope="module")
def ensemble(small: Small) -> onnx.ModelProto:
    """A graph of two tasks with members, whose parameters all differ from their initial values."""
    declared = document()
    declared["model"] |= LARGE
    encoder = small.encoder.model_copy(update={"tasks": small.encoder.tasks[1:3]})
    network = Network.seeded(parse_problem(declared), encoder, 0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    return build_graph(network, encoder)


@pytest.fixture(scope="module")
def head(small: Small, ensemble: onnx.ModelProto) -> tuple[Network, onnx.ModelProto]:
    """A network for the representation by the ensemble's trunk and inputs, and its graph."""
    width = representation_of(ensemble, tensors_of(ensemble), small.raw_test, small).shape[1]
    problem, encoder = with_added(small)
    encoder = representation_encoder(encoder, ADDED, width)
    network = Network.seeded(added_head_problem(problem, ADDED, adapter=True), encoder, 0).eval()
    return network, network_graph(network, encoder)


def tensors_of(graph: onnx.ModelProto) -> tuple[RowTensor, ...]:
    return (*head_inputs(graph.graph, range(2)), *input_vectors(graph.graph))


@pytest.mark.parametrize("int8", [False, True])
def test_an_added_task_predicts_as_its_network_and_changes_no_other_bit(
    small: Small, ensemble: onnx.ModelProto, head: tuple[Network, onnx.ModelProto], int8: bool
) -> None:
    network, head_graph = head
    before = quantize_int8(ensemble) if int8 else ensemble
    tensors, rows = tensors_of(before), small.raw_test.slice(0, 200)
    representation = representation_of(before, tensors, rows, small)
    inputs = representation_of(before, tensors[-1:], rows, small).shape[1]
    assert representation.shape == (200, 64 + 2 * 32 + inputs)  # the trunk once, a private layer per task, the inputs
    after = onnx.load_from_string(add_task(before, tensors, head_graph, ADDED))
    assert after.graph.node[: len(before.graph.node)] == before.graph.node[:]
    assert after.graph.initializer[: len(before.graph.initializer)] == before.graph.initializer[:]
    assert [output.name for output in after.graph.output] == ["band", "minutes", ADDED]
    assert tensors_of(after) == tensors  # so another task can be added
    assert head_count(after.graph) == 2

    first, second = (open_graph(model.SerializeToString()) for model in (before, after))
    for table in (rows, adversarial_rows(small.raw_test, small.encoder)):
        for size in (8192, 1):
            options: dict[str, Any] = {"sequences": {}, "matrices": [], "rows": size}
            assert changed_outputs(first, second, table, small.encoder.inputs, **options) == []
    with torch.inference_mode():
        expected = network.predict({BLOCK: torch.from_numpy(representation)})[ADDED].numpy()
    predicted = run_graph(second, rows, small.encoder.inputs, [ADDED])[ADDED]
    np.testing.assert_allclose(predicted, expected, atol=1e-5)


def test_heads_of_every_kind_show_what_they_read(graph_of_every_kind: onnx.ModelProto) -> None:
    graph = graph_of_every_kind.graph
    count = head_count(graph)
    shared = {tensor.name for tensor in head_inputs(graph, range(count))}
    assert len(shared) == 1 + count  # the trunk, and each task's private layer
    assert all(len(head_inputs(graph, [position])) == 2 for position in range(count))


def test_a_changed_output_is_named(small: Small, graph: bytes) -> None:
    other = onnx.load_from_string(graph)
    weights = next(value for value in other.graph.initializer if "heads.2.last" in value.name and len(value.dims) == 2)
    weights.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weights) * np.float32(1 + 1e-6), weights.name))
    sessions = open_graph(graph), open_graph(other.SerializeToString())
    options: dict[str, Any] = {"sequences": {}, "matrices": [], "rows": 100}
    assert changed_outputs(*sessions, small.raw_test, small.encoder.inputs, **options) == ["minutes"]


def test_a_graph_of_another_opset_is_refused(graph: bytes) -> None:
    before = onnx.load_from_string(graph)
    before.opset_import[0].version = 18
    with pytest.raises(ExportError, match=r"must import opset 20 to get task 'more', found 18"):
        add_task(before, head_inputs(before.graph, range(4)), onnx.ModelProto(), "more")


def test_a_name_that_the_graph_has_is_refused(ensemble: onnx.ModelProto, head: tuple[Network, onnx.ModelProto]) -> None:
    with pytest.raises(ExportError, match="task 'minutes': must fit into the champion's graph"):
        add_task(ensemble, tensors_of(ensemble), head[1], "minutes")


def test_a_graph_without_heads_has_no_representation() -> None:
    node = helper.make_node("Identity", ["size"], ["late"])
    graph = helper.make_graph([node], "other", [], [])
    assert head_count(graph) == 0
    assert head_inputs(graph, range(3)) == ()
    assert input_vectors(graph) == ()
