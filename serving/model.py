"""An exported graph, loaded and checked against its signature."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

# onnxruntime reports to its makers from the moment of its import, unless this is set before.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

from serving.errors import ModelError
from serving.signature import SIGNATURE_FILE, Signature, read_signature
from serving.tensors import TensorMaker

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from typing import Any

    import numpy as np

GRAPH_FILE = "model.onnx"


class OnnxModel:
    """A graph that is ready to answer; safe to call from several threads at once.

    signature: what it takes and gives. version: its tag in the model store, or "" outside of one.
    """

    def __init__(self, *, signature: Signature, session: onnxruntime.InferenceSession, version: str) -> None:
        self.signature = signature
        self.version = version
        self._session = session
        self._names = [task.name for task in signature.outputs]

    def __repr__(self) -> str:
        return f"OnnxModel(name={self.signature.name!r}, version={self.version!r}, tasks={self._names})"

    @classmethod
    def load(cls, folder: Path, *, version: str = "") -> OnnxModel:
        """Load `model.onnx` and `signature.json` from a folder.

        The graph must be the very bytes that the signature names, its inputs and outputs must equal the signature, and
        two rows with nothing but missing values must come through. Raises SignatureError or ModelError.
        """
        signature = read_signature(folder / SIGNATURE_FILE)
        graph = check_graph_hash(folder, signature)
        try:
            session = onnxruntime.InferenceSession(graph, _options(), providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's exceptions share no base class but this one
            raise ModelError(f"{folder / GRAPH_FILE}: cannot be loaded ({error}); export the model again") from error
        _check_ends(folder, signature, session)
        model = cls(signature=signature, session=session, version=version)
        model._check_answers(folder)
        return model

    def predict(self, columns: Mapping[str, np.ndarray[Any, Any]]) -> dict[str, np.ndarray[Any, Any]]:
        """Answer every task.

        columns: the graph's tensors by name, as `TensorMaker` makes them. Returns arrays of the type and shape that the
        signature gives, per task, in the signature's order. Raises ModelError.
        """
        try:
            answers = self._session.run(self._names, columns)
        except Exception as error:  # as above
            raise ModelError(f"model {self.version or self.signature.name} failed on its input: {error}") from error
        return dict(zip(self._names, answers, strict=True))

    def _check_answers(self, folder: Path) -> None:
        inputs = self.signature.inputs
        rows = [tuple(None for _ in inputs), tuple(column.example for column in inputs)]
        maker = TensorMaker(inputs, self.signature.matrices)
        columns = maker.flat(rows) | {column.name: column.to_tensor(values) for column, values in maker.lists(rows)}
        answers = self.predict(columns)
        for task in self.signature.outputs:
            shape, found = task.shape(columns), answers[task.name].shape
            if found != shape:
                raise ModelError(
                    f"{folder / GRAPH_FILE}: output {task.name!r} must have shape {shape} for {shape[0]} rows, "
                    f"found {found}; export the model again"
                )


def check_graph_hash(folder: Path, signature: Signature) -> bytes:
    """The graph's bytes, which must be those that the signature names; raises ModelError."""
    path = folder / GRAPH_FILE
    try:
        graph = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error}); run the export stage to write it") from error
    found = hashlib.sha256(graph).hexdigest()
    if found != signature.graph_sha256:
        raise ModelError(
            f"{path}: its SHA-256 must be {signature.graph_sha256} as {SIGNATURE_FILE} says, found {found}; "
            "the files are from different exports, or one was changed; export the model again"
        )
    return graph


def _options() -> onnxruntime.SessionOptions:
    # One thread and no spinning: a row costs microseconds, and the cores belong to other requests.
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return options


def _check_ends(folder: Path, signature: Signature, session: onnxruntime.InferenceSession) -> None:
    declared = {
        "inputs": TensorMaker(signature.inputs, signature.matrices).ends,
        "outputs": {task.name: (task.tensor_type, task.rank) for task in signature.outputs},
    }
    in_graph = {
        "inputs": {end.name: (end.type, len(end.shape)) for end in session.get_inputs()},
        "outputs": {end.name: (end.type, len(end.shape)) for end in session.get_outputs()},
    }
    for side, ends in declared.items():
        for name in sorted(ends.keys() | in_graph[side].keys()):
            wanted, found = ends.get(name), in_graph[side].get(name)
            if wanted != found:
                raise ModelError(
                    f"{folder / GRAPH_FILE}: {side} must equal {SIGNATURE_FILE}; {name!r} is {_words(wanted)} there "
                    f"and {_words(found)} in the graph; export the model again"
                )


def _words(end: tuple[str, int] | None) -> str:
    return "missing" if end is None else f"{end[0]} of rank {end[1]}"
