"""An exported graph, loaded and checked against its signature."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

# onnxruntime sends telemetry from its import on, unless this is set before.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

from serving.errors import ModelError
from serving.signature import SIGNATURE_FILE, Signature, read_signature
from serving.tensors import TensorBuilder

Array = np.ndarray[Any, Any]

GRAPH_FILE = "model.onnx"


class OnnxModel:
    """A loaded graph; safe to call from several threads at once.

    signature: its inputs and outputs. version: its tag in the model store, or "" outside of one.
    """

    def __init__(self, *, signature: Signature, session: onnxruntime.InferenceSession, version: str) -> None:
        self.signature = signature
        self.version = version
        self._session = session
        self._names = [*(task.name for task in signature.outputs), *signature.tokens]

    def __repr__(self) -> str:
        tasks = [task.name for task in self.signature.outputs]
        return f"OnnxModel(name={self.signature.name!r}, version={self.version!r}, tasks={tasks})"

    @classmethod
    def load(cls, folder: Path, *, version: str = "") -> Self:
        """Load `model.onnx` and `signature.json` from a folder.

        The graph's hash must be that of the signature, its inputs and outputs must equal the signature, and predicting
        two rows of missing values must work. Raises SignatureError or ModelError.
        """
        signature, graph = read_export(folder)
        try:
            session = onnxruntime.InferenceSession(graph, _options(), providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's exceptions share no other base class
            raise ModelError(f"{folder / GRAPH_FILE}: cannot be loaded ({error}); export the model again") from error
        _check_tensors(folder, signature, session)
        model = cls(signature=signature, session=session, version=version)
        model._check_shapes(folder)
        return model

    def predict(self, tensors: Mapping[str, Array]) -> dict[str, Array]:
        """Predictions of every task, and the tokens of texts with spans.

        tensors: the graph's inputs by name, as `TensorBuilder` builds them. Returns arrays of the type and shape that
        the signature gives, per task, in the signature's order, then the tokens. Raises ModelError.
        """
        try:
            predictions = self._session.run(self._names, tensors)
        except Exception as error:  # as above
            raise ModelError(f"model {self.version or self.signature.name} failed on its input: {error}") from error
        return dict(zip(self._names, predictions, strict=True))

    def _check_shapes(self, folder: Path) -> None:
        inputs = self.signature.inputs
        builder = TensorBuilder(inputs, self.signature.matrices)
        rows = [tuple(None for _ in inputs), tuple(field.example for field in inputs)]
        with_lengths = {field.name: field.to_tensor(values) for field, values in builder.with_lengths(rows)}
        tensors = builder.fixed_size(rows) | with_lengths
        predictions = self.predict(tensors)
        for task in self.signature.outputs:
            expected, actual = task.shape(tensors | predictions), predictions[task.name].shape
            if actual != expected:
                raise ModelError(
                    f"{folder / GRAPH_FILE}: output {task.name!r} must have shape {expected} for {expected[0]} rows, "
                    f"found {actual}; export the model again"
                )


def read_export(folder: Path) -> tuple[Signature, bytes]:
    """Signature and graph of a folder; SignatureError, or ModelError if the graph's hash is not the signature's."""
    signature, path = read_signature(folder / SIGNATURE_FILE), folder / GRAPH_FILE
    try:
        graph = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error}); run the export stage to write it") from error
    digest = hashlib.sha256(graph).hexdigest()
    if digest != signature.graph_sha256:
        raise ModelError(
            f"{path}: its SHA-256 must be {signature.graph_sha256} as {SIGNATURE_FILE} says, found {digest}; "
            "the files are from different exports, or one was changed; export the model again"
        )
    return signature, graph


def _options() -> onnxruntime.SessionOptions:
    # One thread and no spinning: a row takes microseconds, and the other cores are for other requests.
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return options


def _check_tensors(folder: Path, signature: Signature, session: onnxruntime.InferenceSession) -> None:
    """Types and ranks of the graph's inputs and outputs must equal the signature's."""
    in_signature = {
        "inputs": TensorBuilder(signature.inputs, signature.matrices).types,
        "outputs": {task.name: (task.tensor_type, task.rank) for task in signature.outputs}
        | dict.fromkeys(signature.tokens, ("tensor(string)", 2)),
    }
    in_graph = {
        "inputs": {node.name: (node.type, len(node.shape)) for node in session.get_inputs()},
        "outputs": {node.name: (node.type, len(node.shape)) for node in session.get_outputs()},
    }
    for side, expected in in_signature.items():
        actual = in_graph[side]
        for name in sorted(expected.keys() | actual.keys()):
            if expected.get(name) != actual.get(name):
                raise ModelError(
                    f"{folder / GRAPH_FILE}: {side} must equal {SIGNATURE_FILE}; {name!r} is "
                    f"{_describe(expected.get(name))} there and {_describe(actual.get(name))} in the graph; export the "
                    "model again"
                )


def _describe(tensor: tuple[str, int] | None) -> str:
    return "missing" if tensor is None else f"{tensor[0]} of rank {tensor[1]}"
