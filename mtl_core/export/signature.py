"""signature.json: the description of the exported graph for servers and clients."""

import hashlib
from importlib.metadata import version
from typing import Any

from mtl_core.config import Problem
from mtl_core.data.encoder import Encoder
from mtl_core.tasks import objectives

__all__ = ["signature"]

FORMAT = 2


def signature(problem: Problem, encoder: Encoder, graph: bytes) -> dict[str, Any]:
    """Inputs (name, type), outputs (name, kind, form, unit), and the digest of the graph's bytes."""
    return {
        "format": FORMAT,
        "name": problem.name,
        "version_of_trunkline": version("trunkline"),
        "graph_sha256": hashlib.sha256(graph).hexdigest(),
        "inputs": [{"name": name, **input_type.signature()} for name, input_type in encoder.inputs.items()],
        "outputs": [
            task.signature() | _level(encoder.sequences.get(task.name))
            for task in objectives(problem.tasks, encoder.tasks)
        ],
    }


def _level(sequence: str | None) -> dict[str, str]:
    """Entries of a task of level token, which has a prediction for every item of that input; none for level row."""
    return {} if sequence is None else {"level": "token", "sequence": sequence}
