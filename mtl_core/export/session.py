"""Running an exported graph on raw columns."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

# onnxruntime sends telemetry from its import on, unless this is set before.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

from onnxruntime import InferenceSession as Session
from onnxruntime import SessionOptions

from mtl_core.input_types import InputType
from mtl_core.ragged import pad_positions, spans

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
    """Raw columns -> inputs of the graph, according to their input types."""
    return {name: input_type.tensor(table[name].combine_chunks()) for name, input_type in inputs.items()}


def run_graph(
    session: Session,
    table: pa.Table,
    inputs: Mapping[str, InputType],
    tasks: Sequence[str],
    *,
    sequences: Mapping[str, str] = {},
    rows: int = 8192,
) -> dict[str, NDArray[Any]]:
    """Task -> (rows, ...) predictions for a table of raw columns, computed for at most `rows` rows at a time.

    Args:
        sequences: task of level token -> its column; its predictions are (items, ...), one for each item.
    """
    if not tasks:
        return {}
    sequence_inputs = {name: input_type for name, input_type in inputs.items() if input_type.is_sequence}
    lengths = {name: sequence.lengths(table[name].combine_chunks()) for name, sequence in sequence_inputs.items()}
    longest = np.max([np.ones(table.num_rows, dtype=np.int64), *lengths.values()], axis=0)
    chunks: dict[str, list[NDArray[Any]]] = {task: [] for task in tasks}
    for start, stop in spans(longest, rows):
        found = session.run(tasks, graph_inputs(table.slice(start, stop - start), inputs))
        for task, predictions in zip(tasks, found, strict=True):
            if task in sequences:
                predictions = predictions[pad_positions(lengths[sequences[task]][start:stop])]
            chunks[task].append(predictions)
    return {task: np.concatenate(parts) for task, parts in chunks.items()}
