"""Matrices among the inputs of the exported graph.

A graph has an input for each raw column. A runtime spends microseconds on every input and on every node that reads it.
Therefore many columns with a single value per row are two matrices, one of numbers and one of text.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mtl_core.input_types import InputType
from mtl_core.names import INTERNAL

MAX_SEPARATE = 64
"""Maximum columns of numbers, and of text, that are separate inputs."""


@dataclass(frozen=True, kw_only=True)
class Matrix:
    """An input of the graph, (rows, columns): float64, or strings for columns of text."""

    name: str
    columns: tuple[str, ...]


def matrices_of(inputs: Mapping[str, InputType]) -> tuple[Matrix, ...]:
    """The matrices of a graph with those raw columns."""
    columns: dict[str, list[str]] = {"numbers": [], "strings": []}
    for name, kind in inputs.items():
        if not (kind.dimensions(name) or kind.is_sequence):
            columns["strings" if kind.is_string else "numbers"].append(name)
    return tuple(
        Matrix(name=f"{INTERNAL}{stem}", columns=tuple(names))
        for stem, names in columns.items()
        if len(names) > MAX_SEPARATE
    )


def input_matrices(signature: Any) -> list[Matrix]:
    """The matrices among the inputs of a graph with that signature; none before format 4, nor for few columns."""
    return [Matrix(name=entry["name"], columns=tuple(entry["columns"])) for entry in signature.get("matrices", ())]
