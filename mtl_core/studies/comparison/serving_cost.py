"""Serving cost of all tasks together: exported graphs on one thread."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
import pyarrow as pa
from torch import Tensor

from mtl_core.config import Problem
from mtl_core.data.encoder import Encoder
from mtl_core.export.graph import build_graph
from mtl_core.export.session import graph_inputs
from mtl_core.graphs.runtime import Session, open_graph
from mtl_core.model import Network
from mtl_core.timing import Call


def graph_of(problem: Problem, encoder: Encoder, weights: Mapping[str, Tensor]) -> bytes:
    """The exported graph of the network with those weights."""
    network = Network.build(problem, encoder)
    network.load_state_dict(weights)
    graph: bytes = build_graph(network, encoder).SerializeToString(deterministic=True)
    return graph


def graphs_server(graphs: Sequence[bytes], encoder: Encoder, raw: pa.Table) -> Callable[[int], Call]:
    """Rows -> a call that runs every graph in turn on that many raw rows, repeated where the table is shorter."""
    sessions = [open_graph(graph) for graph in graphs]
    return lambda rows: partial(_run, sessions, graph_inputs(raw.take(np.arange(rows) % raw.num_rows), encoder.inputs))


def _run(sessions: Sequence[Session], inputs: Mapping[str, object]) -> None:
    for session in sessions:
        session.run(None, inputs)
