"""Sessions of ONNX Runtime with the options of the service.

The runtime is imported where a session is opened, since stages that open none import this module too.
"""

import os
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

Session: TypeAlias = "InferenceSession"


def open_graph(graph: bytes, threads: int = 1) -> Session:
    """A session on the CPU with the options of the service; idle threads do not spin."""
    # The runtime sends telemetry from its import on unless this is set.
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    return InferenceSession(graph, options, providers=["CPUExecutionProvider"])
