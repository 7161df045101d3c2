"""Runs of an exported graph on raw columns."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core.export.matrices import Matrix, matrices_of
from mtl_core.graphs.runtime import Session
from mtl_core.input_types import InputType
from mtl_core.ragged import pad_positions, row_ranges

Predictions = dict[str, NDArray[Any]]
"""Task -> (rows, ...), or (items, ...) for a task of level token."""


def graph_inputs(
    table: pa.Table, inputs: Mapping[str, InputType], matrices: Sequence[Matrix] | None = None
) -> dict[str, NDArray[Any]]:
    """Raw columns -> inputs of the graph.

    Args:
        matrices: the matrices among the graph's inputs; by default those of the present export.
    """
    arrays = {name: input_type.tensor(table[name].combine_chunks()) for name, input_type in inputs.items()}
    for matrix in matrices_of(inputs) if matrices is None else matrices:
        arrays[matrix.name] = np.stack([arrays.pop(column) for column in matrix.columns], axis=1)
    return arrays


def run_graph(
    session: Session,
    table: pa.Table,
    inputs: Mapping[str, InputType],
    tasks: Sequence[str],
    *,
    sequences: Mapping[str, str] = {},
    matrices: Sequence[Matrix] | None = None,
    rows: int = 8192,
) -> Predictions:
    """Predictions for a table of raw columns, at most `rows` rows at a time.

    Args:
        sequences: task of level token -> its column; the task's predictions are (items, ...).
        matrices: as in `graph_inputs`.
    """

    def predict(chunk: pa.Table) -> Predictions:
        return dict(zip(tasks, session.run(tasks, graph_inputs(chunk, inputs, matrices)), strict=True))

    return predict_in_chunks(predict, table, inputs, sequences, rows) if tasks else {}


def predict_in_chunks(
    predict: Callable[[pa.Table], Predictions],
    table: pa.Table,
    inputs: Mapping[str, InputType],
    sequences: Mapping[str, str],
    rows: int,
) -> Predictions:
    """Predictions for at most `rows` rows at a time, fewer if lists or texts need much padding.

    Args:
        predict: rows of the table -> predictions, (rows, length, ...) for a task of level token.
    """
    columns = {name: table[name].combine_chunks() for name, kind in inputs.items() if kind.is_sequence}
    lengths = {name: inputs[name].lengths(values) for name, values in columns.items()}
    of_columns = (inputs[name].cells(values, lengths[name]) for name, values in columns.items())
    cells = np.max([np.ones(table.num_rows, dtype=np.int64), *of_columns], axis=0)
    chunks: dict[str, list[NDArray[Any]]] = {}
    for start, stop in row_ranges(cells, rows):
        for task, predictions in predict(table.slice(start, stop - start)).items():
            if task in sequences:
                predictions = predictions[pad_positions(lengths[sequences[task]][start:stop])]
            chunks.setdefault(task, []).append(predictions)
    return {task: np.concatenate(parts) for task, parts in chunks.items()}
