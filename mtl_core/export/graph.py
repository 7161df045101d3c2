"""Encoder and network as one ONNX graph, from raw columns to predictions in the user's units."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, compose, helper
from torch import Tensor, nn
from torch.export._patches import register_gru_while_loop_decomposition, register_lstm_while_loop_decomposition

from mtl_core.data.encoder import Encoder
from mtl_core.errors import ExportError
from mtl_core.export.matrices import matrices_of
from mtl_core.export.subgraphs import add_prefix, strip_metadata
from mtl_core.features import Block
from mtl_core.graphs.builder import IR_VERSION, OPSET, GraphBuilder
from mtl_core.model import Network
from mtl_core.names import INTERNAL, TOKENS

NETWORK = f"{INTERNAL}network/"
"""Prefix of all names in the network's part of a graph."""


class _BlocksToPredictions(nn.Module):
    """A network with positional blocks as inputs and a tuple of predictions as output, as the exporter needs it."""

    def __init__(self, network: Network, encoder: Encoder) -> None:
        super().__init__()
        self.network = network
        self.blocks = tuple(encoder.blocks)

    def forward(self, *blocks: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.network.predict(dict(zip(self.blocks, blocks, strict=True))).values())


def build_graph(network: Network, encoder: Encoder) -> onnx.ModelProto:
    """The checked graph from raw columns to predictions; ExportError if ONNX cannot express it."""
    try:
        joined = compose.merge_models(
            _encoder_graph(encoder),
            network_graph(network, encoder),
            io_map=[(_block(name), f"{NETWORK}{_block(name)}") for name in encoder.blocks],
        )
        _name_outputs(joined.graph, [task.name for task in encoder.tasks])
        _remove_duplicate_opsets(joined)
        joined.ir_version = IR_VERSION
        joined.producer_name, joined.producer_version = "trunkline", ""
        onnx.checker.check_model(joined, full_check=True)
    except (
        onnx.checker.ValidationError,
        onnx.shape_inference.InferenceError,
        torch.onnx.errors.OnnxExporterError,
    ) as error:
        raise ExportError(
            f"model.onnx: the network must be expressible in ONNX opset {OPSET}, found: {error}"
        ) from error
    return joined


def _block(name: str) -> str:
    return f"{INTERNAL}{name}"


def _encoder_graph(encoder: Encoder) -> onnx.ModelProto:
    graph = GraphBuilder()
    inputs = _inputs(graph, encoder)
    for group in encoder.groups.values():
        for name, value in type(group[0]).to_onnx(graph, group, inputs).items():
            graph.nodes.append(helper.make_node("Identity", [value], [_block(name)], name=f"{_block(name)}/output"))
    outputs = [
        helper.make_tensor_value_info(_block(name), helper.np_dtype_to_tensor_dtype(_dtype(block)), _shape(name, block))
        for name, block in encoder.blocks.items()
    ]
    for column in dict.fromkeys(encoder.sequences.values()):
        if encoder.inputs[column].has_tokens:
            items = encoder.inputs[column].token_nodes(graph, inputs[column])
            name = f"{TOKENS}{column}"
            graph.nodes.append(helper.make_node("Identity", [items], [name], name=f"{name}/output"))
            outputs.append(helper.make_tensor_value_info(name, TensorProto.STRING, ["rows", f"{name}/length"]))
    return graph.model(outputs)


def _inputs(graph: GraphBuilder, encoder: Encoder) -> dict[str, str]:
    """Raw column -> its value: a separate input, or a column of a matrix."""
    types = encoder.inputs
    values: dict[str, str] = {}
    for matrix in matrices_of(types):
        values |= graph.matrix(matrix.name, matrix.columns, is_string=types[matrix.columns[0]].is_string)
    return values | {column: graph.input(column, kind) for column, kind in types.items() if column not in values}


def _dtype(block: Block) -> np.dtype[Any]:
    """Type of a block in the graph: int32 for ids, whatever their width on disk."""
    return np.dtype(np.int32) if np.issubdtype(block.dtype, np.integer) else block.dtype


def _shape(name: str, block: Block) -> list[str | int]:
    return ["rows", *([f"{_block(name)}/length"] if block.ragged else []), *block.shape]


def network_graph(network: Network, encoder: Encoder) -> onnx.ModelProto:
    """Blocks -> predictions, by torch's exporter; all names have the internal prefix."""
    rows = torch.export.Dim("rows", min=1)
    examples, dynamic = [], []
    for index, block in enumerate(encoder.blocks.values()):
        length = torch.export.Dim(f"length_{index}", min=1)
        # Two rows and three items, since torch treats a dimension of 1 as a constant.
        shape = (2, *((3,) if block.ragged else ()), *block.shape)
        examples.append(torch.zeros(shape, dtype=getattr(torch, _dtype(block).name)))
        dynamic.append({0: rows, 1: length} if block.ragged else {0: rows})
    network.eval()
    with quiet(), dynamic_recurrence():
        program = torch.onnx.export(
            _BlocksToPredictions(network, encoder),
            tuple(examples),
            dynamo=True,
            external_data=False,
            opset_version=OPSET,
            verbose=False,
            input_names=[_block(name) for name in encoder.blocks],
            output_names=[_block(f"output/{task.name}") for task in encoder.tasks],
            dynamic_shapes=(tuple(dynamic),),
        )
    if program is None:
        raise ExportError("model.onnx: torch's exporter returned nothing")
    proto = program.model_proto
    del proto.metadata_props[:]
    strip_metadata(proto.graph)
    add_prefix(proto.graph, NETWORK)
    proto.ir_version = IR_VERSION
    return proto


def _name_outputs(graph: onnx.GraphProto, tasks: Sequence[str]) -> None:
    """Name every output after its task. All other values have a prefix, so that no names collide."""
    outputs = [output for output in graph.output if output.name.startswith(NETWORK)]
    for output, task in zip(outputs, tasks, strict=True):
        graph.node.append(helper.make_node("Identity", [output.name], [task], name=f"{INTERNAL}output/{task}"))
        output.name = task


def _remove_duplicate_opsets(model: onnx.ModelProto) -> None:
    """Both parts of the graph import the same opsets."""
    versions = {opset.domain: opset.version for opset in model.opset_import}
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid(domain, version) for domain, version in versions.items())


@contextmanager
def dynamic_recurrence() -> Iterator[None]:
    """Trace LSTM and GRU as loops of any length.

    torch's exporter does so while it captures the network, but not while it decomposes it. Then the length of the
    example becomes a constant in the graph, and by a cache in all later exports of the process (pytorch/pytorch,
    issue 191855; pull request 193192 fixes it).
    """
    with register_lstm_while_loop_decomposition(), register_gru_while_loop_decomposition():
        yield


@contextmanager
def quiet() -> Iterator[None]:
    """Silence the log and the warnings of exporters, which concern their internals."""
    level = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(level)
