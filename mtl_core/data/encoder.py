"""The encoder: every feature and task, fitted on the training split; it turns a table into arrays, and into a graph."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field

from mtl_core.declared import Declared
from mtl_core.features import AnyFittedFeature, ColumnType
from mtl_core.features.categorical import FittedCategorical
from mtl_core.files import write_text
from mtl_core.problem import Problem
from mtl_core.tasks import AnyFittedTask

__all__ = ["Encoder", "fit"]


class Encoder(Declared):
    """Fitted features and tasks in the order in which the problem declares them.

    A batch's inputs are blocks: `ids` (rows, C) for the embedding table that all categorical columns share, each
    column's ids shifted by its offset, and `floats` (rows, D). A block without columns is left out.
    """

    features: Annotated[tuple[AnyFittedFeature, ...], Field(min_length=1)]
    tasks: Annotated[tuple[AnyFittedTask, ...], Field(min_length=1)]

    @property
    def categorical(self) -> tuple[FittedCategorical, ...]:
        """The features of the `ids` block."""
        return tuple(feature for feature in self.features if isinstance(feature, FittedCategorical))

    @property
    def id_offsets(self) -> NDArray[np.int32]:
        """(C,) where each column's rows of the shared embedding table begin."""
        sizes = [feature.size for feature in self.categorical]
        return np.cumsum([0, *sizes[:-1]], dtype=np.int32) if sizes else np.zeros(0, dtype=np.int32)

    @property
    def id_count(self) -> int:
        """Rows of the shared embedding table."""
        return sum(feature.size for feature in self.categorical)

    @property
    def float_width(self) -> int:
        """Columns of the `floats` block."""
        return sum(feature.width for feature in self.features if feature.block == "floats")

    @property
    def columns(self) -> dict[str, ColumnType]:
        """The raw columns that are read, once each, in order: the inputs of the exported graph."""
        return {feature.column: feature.type for feature in self.features}

    def blocks(self) -> dict[str, tuple[int, np.dtype[Any]]]:
        """Name -> (width, dtype on disk) of every block that has columns."""
        narrow = self.id_count <= np.iinfo(np.int16).max
        found = {
            "ids": (len(self.categorical), np.dtype(np.int16 if narrow else np.int32)),
            "floats": (self.float_width, np.dtype(np.float32)),
        }
        return {name: (width, dtype) for name, (width, dtype) in found.items() if width}

    def inputs(self, table: pa.Table | pa.RecordBatch) -> dict[str, NDArray[Any]]:
        """Raw columns -> blocks."""
        encoded: dict[str, list[NDArray[Any]]] = {"ids": [], "floats": []}
        for feature in self.features:
            encoded[feature.block].append(feature.encode(_array(table, feature.column)))
        blocks = {name: np.concatenate(encoded[name], axis=1) for name in self.blocks()}
        if "ids" in blocks:
            blocks["ids"] = blocks["ids"] + self.id_offsets
        return {name: blocks[name].astype(dtype) for name, (_, dtype) in self.blocks().items()}

    def labels(self, table: pa.Table | pa.RecordBatch) -> dict[str, NDArray[Any]]:
        """Target columns -> labels per task."""
        return {task.name: task.encode(_array(table, task.declared.target)) for task in self.tasks}

    def save(self, path: Path) -> None:
        """As JSON."""
        write_text(path, self.model_dump_json(indent=1))

    @classmethod
    def load(cls, path: Path) -> Self:
        """What `save` wrote."""
        return cls.model_validate_json(path.read_text(encoding="utf-8"))


def fit(problem: Problem, types: dict[str, ColumnType], train: Iterable[pa.RecordBatch]) -> Encoder:
    """Learns the encoder from the rows of the training split, in one pass."""
    columns = {name: problem.column_of(name) for name in problem.features}
    features = {
        name: feature.fitter(name, columns[name], types[columns[name]]) for name, feature in problem.features.items()
    }
    tasks = {name: task.fitter(name, types[task.target]) for name, task in problem.tasks.items()}
    for batch in train:
        for name, feature in features.items():
            feature.update(_array(batch, columns[name]))
        for name, task in tasks.items():
            task.update(_array(batch, problem.tasks[name].target))
    return Encoder.model_validate(
        {
            "features": tuple(fitter.finish() for fitter in features.values()),
            "tasks": tuple(fitter.finish() for fitter in tasks.values()),
        }
    )


def _array(table: pa.Table | pa.RecordBatch, column: str) -> pa.Array:
    values = table.column(column)
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
