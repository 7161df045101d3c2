"""An exported model as its two files are: predictions for raw rows, by its own signature."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pyarrow as pa

from mtl_core.data.encoder import Encoder
from mtl_core.export.matrices import input_matrices
from mtl_core.export.session import Predictions, run_graph
from mtl_core.export.signature import changed_columns
from mtl_core.files import damage_as_data_error
from mtl_core.graphs.runtime import Session, open_graph
from mtl_core.tasks.objective import MODEL_KEYS
from mtl_core.teacher_files import GRAPH, SIGNATURE


@dataclass(frozen=True)
class ExportedModel:
    """The graph and the signature of a folder, which may be the present export or a version in the store."""

    graph: bytes
    signature: Mapping[str, Any]

    @classmethod
    def read(cls, folder: Path) -> "ExportedModel":
        """The model in a folder; DataError for a damaged signature."""
        with damage_as_data_error(folder / SIGNATURE):
            signature = json.loads((folder / SIGNATURE).read_text(encoding="utf-8"))
        return cls((folder / GRAPH).read_bytes(), signature)

    @property
    def outputs(self) -> dict[str, dict[str, Any]]:
        """Task -> its entry in the signature without the keys that do not define the task."""
        return comparable_outputs(self.signature)

    def changed_columns(self, encoder: Encoder) -> list[str]:
        """Columns that it reads, and that the problem lacks or reads as another type."""
        return changed_columns(encoder, self.signature["inputs"])

    def predict(self, table: pa.Table, encoder: Encoder, tasks: Sequence[str]) -> Predictions:
        """Predictions of these tasks; every column that it reads must be one of the encoder's."""
        inputs = {entry["name"]: encoder.inputs[entry["name"]] for entry in self.signature["inputs"]}
        sequences = {task: column for task, column in encoder.sequences.items() if task in tasks}
        matrices = input_matrices(self.signature)
        return run_graph(self._session, table, inputs, tasks, sequences=sequences, matrices=matrices)

    @cached_property
    def _session(self) -> Session:
        return open_graph(self.graph)


def comparable_outputs(signature: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Task -> its entry under `outputs` without MODEL_KEYS. No task's own metric depends on tuned thresholds."""
    entries = ({key: entry[key] for key in entry if key not in MODEL_KEYS} for entry in signature["outputs"])
    return {entry["name"]: entry for entry in entries}
