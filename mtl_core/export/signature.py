"""signature.json: everything that a server or a client needs to know of the graph beside it."""

import hashlib
from importlib.metadata import version
from typing import Any

from mtl_core.config import Problem
from mtl_core.data.encoder import Encoder
from mtl_core.tasks import objectives

__all__ = ["FORMAT", "signature"]

FORMAT = 2


def signature(problem: Problem, encoder: Encoder, graph: bytes) -> dict[str, Any]:
    """Inputs (name, type), outputs (name, kind, form, unit), and the digest that ties it to the graph's bytes."""
    return {
        "format": FORMAT,
        "name": problem.name,
        "version_of_trunkline": version("trunkline"),
        "graph_sha256": hashlib.sha256(graph).hexdigest(),
        "inputs": [{"name": name, **kind.signature()} for name, kind in encoder.inputs.items()],
        "outputs": [
            task.signature() | _level(encoder.sequences.get(task.name))
            for task in objectives(problem.tasks, encoder.tasks)
        ],
    }


def _level(sequence: str | None) -> dict[str, str]:
    """What says that a task answers for every item of that input; nothing for one that answers a row."""
    return {} if sequence is None else {"level": "token", "sequence": sequence}
