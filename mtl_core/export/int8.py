"""Dynamic 8-bit quantisation of an exported graph's network, by ONNX Runtime.

Source: Jacob et al. 2018, "Quantization and Training of Neural Networks for Efficient Integer-Arithmetic-Only
Inference", section 2.

Weights are rounded once, with a scale per output; activations at each call, with a scale per tensor over all rows of
the call. Therefore a row's prediction depends slightly on the other rows of the call.
"""

import math
import tempfile
from pathlib import Path

import onnx
from onnxruntime.quantization import QuantType, quantize_dynamic

from mtl_core.export.graph import NETWORK, quiet

OPERATORS = ["Gather", "Gemm", "MatMul"]
"""Quantised operators: embeddings and linear layers. Normalisation, inverse links and the encoder stay in float32."""

MIN_WEIGHTS = 1_000
"""Minimum weights of a quantised layer; a head's last layer has fewer."""


def quantize_int8(graph: onnx.ModelProto) -> onnx.ModelProto:
    """The graph with the network's layers and embeddings in 8 bits; its inputs and outputs do not change."""
    with tempfile.TemporaryDirectory() as folder, quiet():
        path = Path(folder) / "int8.onnx"
        quantize_dynamic(
            graph,
            path,
            op_types_to_quantize=OPERATORS,
            nodes_to_exclude=_float_nodes(graph.graph),
            per_channel=True,
            # 7 of 8 bits: without VNNI a processor adds two products in 16 bits, which would overflow with 8.
            reduce_range=True,
            weight_type=QuantType.QInt8,
        )
        quantized = onnx.load(path)
    del quantized.graph.value_info[:]
    quantized.producer_name, quantized.producer_version = graph.producer_name, graph.producer_version
    return quantized


def _float_nodes(graph: onnx.GraphProto) -> list[str]:
    """The nodes that stay in float32: the encoder's, and the network's small layers, which are faster in float32."""
    sizes = {weight.name: math.prod(weight.dims) for weight in graph.initializer}
    names = []
    for node in graph.node:
        small = node.op_type != "Gather" and all(sizes.get(name, 0) < MIN_WEIGHTS for name in node.input)
        if small or not node.name.startswith(NETWORK):
            names += [node.name, f"{node.name}_MatMul"]  # ONNX Runtime splits a Gemm and names its part so
    return names
