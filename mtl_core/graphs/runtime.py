"""Sessions of ONNX Runtime with the options of the service."""

import os
from typing import TypeAlias

# onnxruntime sends telemetry from its import on unless this is set.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

from onnxruntime import InferenceSession, SessionOptions

Session: TypeAlias = InferenceSession


def open_graph(graph: bytes, threads: int = 1) -> Session:
    """A session on the CPU with the options of the service; idle threads do not spin."""
    options = SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return Session(graph, options, providers=["CPUExecutionProvider"])
