"""signature.json: the description of the exported graph for servers and clients."""

import hashlib
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

from mtl_core.config import Problem, ReadOptions
from mtl_core.data.encoder import Encoder
from mtl_core.export.matrices import matrices_of
from mtl_core.input_types import InputType
from mtl_core.names import TOKENS
from mtl_core.tasks import Objective

FORMAT, TEXT_FORMAT = 4, 5
"""Format of the file without texts, and with texts: a service of an earlier version can serve a model without texts."""


def signature(problem: Problem, encoder: Encoder, tasks: Sequence[Objective], graph: bytes) -> dict[str, Any]:
    """Signature of a graph: inputs (name, type), matrices of inputs, outputs (name, kind, form, unit), and its digest.

    Args:
        tasks: the objectives of the network, with its tuned thresholds.
    """
    matrices = [{"name": matrix.name, "columns": list(matrix.columns)} for matrix in matrices_of(encoder.inputs)]
    return {
        "format": TEXT_FORMAT if any(kind.has_tokens for kind in encoder.inputs.values()) else FORMAT,
        "name": problem.name,
        "version_of_trunkline": version("trunkline"),
        "graph_sha256": hashlib.sha256(graph).hexdigest(),
        "inputs": [
            {"name": name, **input_type.signature()} | _text(name, input_type, encoder.reading)
            for name, input_type in encoder.inputs.items()
        ],
        **({"matrices": matrices} if matrices else {}),
        "outputs": [task.signature() | _level(encoder, task) for task in tasks],
    }


def changed_columns(encoder: Encoder, inputs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Columns that a model reads, by its inputs in signature.json, and that the problem lacks or reads as another type.

    The parsing rules of text do not matter, since the rows of part files are typed.
    """
    present = {name: {"name": name, **kind.signature()} for name, kind in encoder.inputs.items()}
    read = {entry["name"]: {key: entry[key] for key in entry.keys() - {"text"}} for entry in inputs}
    return [name for name, entry in read.items() if present.get(name) != entry]


def _text(column: str, input_type: InputType, reading: ReadOptions) -> dict[str, Any]:
    """The options with which requests with text are parsed.

    None for a type whose text needs no options, unless its type is declared.
    """
    options = input_type.text_options(reading.csv, reading.dates.get(column))
    return {"text": options} if options or (column in reading.types and not input_type.is_string) else {}


def _level(encoder: Encoder, task: Objective) -> dict[str, str]:
    """The entries for a task of level token; none for level row."""
    column = encoder.sequences.get(task.name)
    if column is None:
        return {}
    tokens = {"tokens": f"{TOKENS}{column}"} if encoder.inputs[column].has_tokens else {}
    return {"level": "token", "sequence": column} | tokens
