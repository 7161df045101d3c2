"""The encoder: every feature and task, fitted on the training split; it turns a table into arrays, and into a graph."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field

from mtl_core.config import Problem
from mtl_core.errors import DataError
from mtl_core.features import AnyFittedFeature, ColumnType
from mtl_core.features.base import as_numbers
from mtl_core.features.categorical import FittedCategorical
from mtl_core.features.numeric import FittedNumeric
from mtl_core.files import write_text
from mtl_core.frozen import Frozen
from mtl_core.tasks import AnyCodec, Task

__all__ = ["Encoder", "fit"]


class Encoder(Frozen):
    """Fitted features and label codecs in the order in which the problem declares them.

    A batch's inputs are blocks: `ids` (rows, C) for the embedding table that all categorical columns share, each
    column's ids shifted by its offset, and `floats` (rows, D). A block without columns is left out.
    """

    features: Annotated[tuple[AnyFittedFeature, ...], Field(min_length=1)]
    tasks: Annotated[tuple[AnyCodec, ...], Field(min_length=1)]

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
    def knots(self) -> dict[int, tuple[float, ...]]:
        """Column of the `floats` block -> the ends of the pieces of its piecewise-linear encoding, where it has one."""
        floats = [feature for feature in self.features if feature.block == "floats"]
        starts = zip(np.cumsum([0, *(feature.width for feature in floats)]).tolist(), floats, strict=False)
        return {start: one.knots for start, one in starts if isinstance(one, FittedNumeric) and one.knots}

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
        blocks = {name: np.empty((table.num_rows, width), dtype) for name, (width, dtype) in self.blocks().items()}
        filled, offsets = dict.fromkeys(blocks, 0), iter(self.id_offsets)
        for feature in self.features:
            start = filled[feature.block]
            stop = filled[feature.block] = start + feature.width
            encoded = feature.encode(_array(table, feature.column))
            blocks[feature.block][:, start:stop] = encoded + next(offsets) if feature.block == "ids" else encoded
        return blocks

    def labels(self, table: pa.Table | pa.RecordBatch) -> dict[str, NDArray[Any]]:
        """Target columns -> labels per task."""
        return {codec.name: codec.encode(_target(table, codec.targets)) for codec in self.tasks}

    def weights(self, table: pa.Table | pa.RecordBatch) -> dict[str, NDArray[np.float32]]:
        """Weight columns -> (rows,) weights of rows in the loss, for the tasks that declare one."""
        columns = {codec.name: codec.weight_column for codec in self.tasks if codec.weight_column}
        return {name: _weights(table, name, column) for name, column in columns.items()}

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
    tasks = {name: task.fitter(name, _type_of(name, task, types)) for name, task in problem.tasks.items()}
    weight_columns = {name: task.weight_column for name, task in problem.tasks.items() if task.weight_column}
    weightless = list(weight_columns)
    for batch in train:
        for name, feature in features.items():
            feature.update(_array(batch, columns[name]))
        for name, task in tasks.items():
            task.update(_target(batch, problem.tasks[name].targets))
        weightless = [name for name in weightless if not _weights(batch, name, weight_columns[name]).any()]
    if weightless:
        raise DataError(
            f"task {weightless[0]!r}: some row of the training split must weigh more than 0, found none in "
            f"{weight_columns[weightless[0]]!r}; check the column and the split"
        )
    return Encoder.model_validate(
        {
            "features": tuple(fitter.finish() for fitter in features.values()),
            "tasks": tuple(fitter.finish() for fitter in tasks.values()),
        }
    )


def _array(table: pa.Table | pa.RecordBatch, column: str) -> pa.Array:
    values = table.column(column)
    return values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values


def _target(table: pa.Table | pa.RecordBatch, targets: tuple[str, ...]) -> pa.Array:
    """The target column; several as an array of structs, none as an array of nulls."""
    columns = [_array(table, name) for name in targets]
    if not columns:
        return pa.nulls(table.num_rows)
    return columns[0] if len(columns) == 1 else pa.StructArray.from_arrays(columns, names=list(targets))


def _type_of(name: str, task: Task, types: dict[str, ColumnType]) -> ColumnType:
    found = dict.fromkeys(types[column] for column in task.targets)
    if len(found) > 1:
        raise DataError(
            f"task {name!r}: all its targets must have one type, found {', '.join(found)} in "
            f"{', '.join(task.targets)}; convert the columns"
        )
    return next(iter(found), "string")  # nulls are text, as in `column_type`


def _weights(table: pa.Table | pa.RecordBatch, name: str, column: str) -> NDArray[np.float32]:
    numbers = as_numbers(_array(table, column))
    with np.errstate(over="ignore"):
        weights = numbers.astype(np.float32)
    bad = ~(np.isfinite(weights) & (weights >= 0))
    if bad.any():
        raise DataError(
            f"task {name!r}: a row's weight must be a number from 0 to {np.finfo(np.float32).max:.1e}, found "
            f"{numbers[bad][0]:g} in {column!r}; fill the column, or set the row aside"
        )
    return weights
