"""Running an exported graph on raw columns."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

# onnxruntime reports to its makers from the moment of its import, unless this is set before.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

from onnxruntime import InferenceSession as Session
from onnxruntime import SessionOptions

from mtl_core.input_types import InputType

__all__ = ["Session", "graph_inputs", "open_graph", "run_graph"]


def open_graph(graph: bytes, threads: int = 1) -> Session:
    """A session on the CPU that does not spin while it waits, with the options with which a graph is served."""
    options = SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return Session(graph, options, providers=["CPUExecutionProvider"])


def graph_inputs(table: pa.Table, inputs: Mapping[str, InputType]) -> dict[str, NDArray[Any]]:
    """Raw columns as the graph takes them, each as the type of its input says."""
    return {name: kind.tensor(table[name].combine_chunks()) for name, kind in inputs.items()}


def run_graph(
    session: Session, table: pa.Table, inputs: Mapping[str, InputType], tasks: Sequence[str], *, rows: int = 8192
) -> dict[str, NDArray[Any]]:
    """Those tasks' predictions for a table of raw columns, in batches of that many rows."""
    if not tasks:
        return {}
    chunks = [
        session.run(tasks, graph_inputs(table.slice(start, rows), inputs)) for start in range(0, table.num_rows, rows)
    ]
    return {name: np.concatenate([chunk[i] for chunk in chunks]) for i, name in enumerate(tasks)}
