"""Encoder + network -> one ONNX graph: raw columns in under their own names, every task out in the user's units."""

import logging
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import onnx
import torch
from onnx import TensorProto, compose, helper
from torch import Tensor, nn

from mtl_core.data.encoder import Encoder
from mtl_core.errors import ExportError
from mtl_core.features import FittedFeature
from mtl_core.features.graph import INTERNAL, ML_OPSET, OPSET, GraphBuilder
from mtl_core.model import Network

__all__ = ["NETWORK", "build_graph", "network_graph"]

IR_VERSION = 10
NETWORK = f"{INTERNAL}network/"
"""Prefix of what the network's part of a graph holds."""


class _Served(nn.Module):
    """The predictions of a network: blocks in, a flat tuple of predictions out."""

    def __init__(self, network: Network, encoder: Encoder) -> None:
        super().__init__()
        self.network = network
        self.blocks = tuple(encoder.blocks())

    def forward(self, *blocks: Tensor) -> tuple[Tensor, ...]:
        return tuple(self.network.predict(dict(zip(self.blocks, blocks, strict=True))).values())


def build_graph(network: Network, encoder: Encoder) -> onnx.ModelProto:
    """The whole path from raw columns to predictions as one checked graph; raises ExportError where ONNX refuses it."""
    try:
        joined = compose.merge_models(
            _encoder_graph(encoder),
            network_graph(network, encoder),
            io_map=[(_block(name), f"{NETWORK}{_block(name)}") for name in encoder.blocks()],
        )
        _name_outputs(joined.graph, [task.name for task in encoder.tasks])
        _one_opset_each(joined)
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
    """Raw columns -> blocks, by the nodes of every kind of feature."""
    graph = GraphBuilder()
    columns = {name: graph.input(name, is_string=kind == "string") for name, kind in encoder.columns.items()}
    outputs = []
    for name, (width, _) in encoder.blocks().items():
        value = _block_nodes(graph, [feature for feature in encoder.features if feature.block == name], columns)
        if name == "ids":
            narrow = graph.add("Cast", value, to=TensorProto.INT32)
            value = graph.add("Add", narrow, graph.constant(encoder.id_offsets[:, None], np.int32))
        graph.nodes.append(helper.make_node("Transpose", [value], [_block(name)], name=f"{_block(name)}/output"))
        kind = TensorProto.INT32 if name == "ids" else TensorProto.FLOAT
        outputs.append(helper.make_tensor_value_info(_block(name), kind, ["rows", width]))
    proto = helper.make_graph(graph.nodes, "trunkline", graph.inputs, outputs, initializer=graph.constants)
    opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid("ai.onnx.ml", ML_OPSET)]
    return helper.make_model(proto, opset_imports=opsets, ir_version=IR_VERSION)


def _block_nodes(graph: GraphBuilder, features: Sequence[FittedFeature], columns: dict[str, str]) -> str:
    """(width, rows) of one block: each kind's features together, then in the order in which they are declared."""
    parts: list[str] = []
    places: list[tuple[str, int]] = []
    for kind in dict.fromkeys(type(feature) for feature in features):
        alike = [feature for feature in features if type(feature) is kind]
        parts.append(kind.nodes(graph, alike, [columns[feature.column] for feature in alike]))
        places += _columns_of(alike)
    return graph.pick(parts, places, _columns_of(features))


def _columns_of(features: Sequence[FittedFeature]) -> list[tuple[str, int]]:
    """Every column that those features fill, in order."""
    return [(feature.name, column) for feature in features for column in range(feature.width)]


def network_graph(network: Network, encoder: Encoder) -> onnx.ModelProto:
    """Blocks -> predictions, by torch's exporter, every name under the internal prefix."""
    # Two rows, since torch would take a single one for a constant.
    examples = tuple(
        torch.zeros(2, width, dtype=torch.int32 if name == "ids" else torch.float32)
        for name, (width, _) in encoder.blocks().items()
    )
    rows = torch.export.Dim("rows", min=1)
    network.eval()
    with _quiet():
        program = torch.onnx.export(
            _Served(network, encoder),
            examples,
            dynamo=True,
            external_data=False,
            opset_version=OPSET,
            verbose=False,
            input_names=[_block(name) for name in encoder.blocks()],
            output_names=[_block(f"output/{task.name}") for task in encoder.tasks],
            dynamic_shapes=(tuple({0: rows} for _ in examples),),
        )
    if program is None:
        raise ExportError("model.onnx: torch's exporter returned nothing")
    proto = program.model_proto
    _strip(proto)
    proto.ir_version = IR_VERSION
    return compose.add_prefix(proto, NETWORK)


def _strip(proto: onnx.ModelProto) -> None:
    """Leaves what computes. The exporter writes its trace beside every node, with the paths of this machine's files."""
    del proto.graph.value_info[:], proto.metadata_props[:], proto.graph.metadata_props[:]
    for part in (*proto.graph.node, *proto.graph.initializer, *proto.graph.input, *proto.graph.output):
        del part.metadata_props[:]
        part.ClearField("doc_string")


def _name_outputs(graph: onnx.GraphProto, tasks: Sequence[str]) -> None:
    """Gives every task's output its own name. The whole graph's values are prefixed, so nothing can collide."""
    for output, task in zip(graph.output, tasks, strict=True):
        graph.node.append(helper.make_node("Identity", [output.name], [task], name=f"{INTERNAL}output/{task}"))
        output.name = task


def _one_opset_each(model: onnx.ModelProto) -> None:
    """Both parts named theirs, which are the same."""
    versions = {opset.domain: opset.version for opset in model.opset_import}
    del model.opset_import[:]
    model.opset_import.extend(helper.make_opsetid(domain, version) for domain, version in versions.items())


@contextmanager
def _quiet() -> Iterator[None]:
    """Keeps torch's exporter from printing; what it warns of are its own innards."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(level)
