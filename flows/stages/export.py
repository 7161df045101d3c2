"""Stage `export`: encoder and network as one ONNX graph, with its signature."""

import json
from pathlib import Path

from safetensors.torch import load_file

from flows.layout import Layout
from mtl_core.config import load_problem
from mtl_core.data.encoder import Encoder
from mtl_core.export.graph import build_graph
from mtl_core.export.int8 import quantize_int8
from mtl_core.export.signature import signature
from mtl_core.files import damage_as_data_error, write_bytes, write_text
from mtl_core.model import Network


def run(folder: Path) -> None:
    """Write artifacts/model."""
    layout, problem = Layout(folder), load_problem(folder)
    encoder = Encoder.load(layout.encoder)
    network = Network.build(problem, encoder)
    with damage_as_data_error(layout.weights):
        network.load_state_dict(load_file(layout.weights))
    model = build_graph(network, encoder)
    if problem.export.int8:
        model = quantize_int8(model)
    graph = model.SerializeToString(deterministic=True)
    write_bytes(layout.graph, graph)
    write_text(layout.signature, json.dumps(signature(problem, encoder, network.objectives, graph), indent=1) + "\n")
    size = f"{len(graph) / 1e6:.2f} MB" + (" in 8 bits" if problem.export.int8 else "")
    print(f"{layout.graph.name}: {size}, {len(encoder.inputs)} columns in, {len(encoder.tasks)} tasks out")
