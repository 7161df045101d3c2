"""Encoder: all features and tasks, fitted on the training split. Converts tables to arrays."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field

from mtl_core.config import Problem, ReadOptions
from mtl_core.data.levels import check_sequences
from mtl_core.data.targets import Table, column_array, row_weights, target_type, target_values, zero_weights_error
from mtl_core.errors import DataError
from mtl_core.features import AnyFittedFeature, Block, FittedFeature, TreeColumns
from mtl_core.files import damage_as_data_error, write_text
from mtl_core.frozen import Frozen
from mtl_core.input_types import InputType
from mtl_core.ragged import Ragged
from mtl_core.tasks import AnyCodec, Codec


class Encoder(Frozen):
    """Fitted features and label codecs in the order of the problem.

    Features of one kind are a group, which the kind's class encodes into its blocks.
    """

    features: Annotated[tuple[AnyFittedFeature, ...], Field(min_length=1)]
    tasks: Annotated[tuple[AnyCodec, ...], Field(min_length=1)]
    rows: int
    """Rows of the training split."""
    reading: ReadOptions = ReadOptions()
    """Options with which the raw columns were read; requests with text need them too."""

    @property
    def groups(self) -> dict[str, tuple[FittedFeature, ...]]:
        """Kind -> its features, in the order of the kinds' names, whatever the order of the features."""
        kinds = sorted({feature.kind for feature in self.features})
        return {kind: tuple(feature for feature in self.features if feature.kind == kind) for kind in kinds}

    @property
    def blocks(self) -> dict[str, Block]:
        """The arrays of an encoded split, by name."""
        return {name: block for group in self.groups.values() for name, block in type(group[0]).blocks(group).items()}

    @property
    def inputs(self) -> dict[str, InputType]:
        """The distinct raw columns in order: the inputs of the exported graph."""
        return {feature.column: feature.input_type for feature in self.features}

    @property
    def sequences(self) -> dict[str, str]:
        """Task of level token -> the raw column whose items it labels."""
        columns = {feature.name: feature.column for feature in self.features}
        return {codec.name: columns[codec.sequence] for codec in self.tasks if codec.sequence}

    def encode(self, table: Table) -> dict[str, NDArray[Any] | Ragged]:
        """Raw columns -> blocks."""
        columns = {column: column_array(table, column) for column in self.inputs}
        encoded: dict[str, NDArray[Any] | Ragged] = {}
        for group in self.groups.values():
            encoded |= type(group[0]).encode_blocks(group, columns)
        return encoded

    def batch(self, table: Table) -> dict[str, NDArray[Any]]:
        """Raw columns -> blocks as inputs of a network; ragged blocks are padded."""
        return {
            name: values.padded(self.blocks[name].pad) if isinstance(values, Ragged) else values
            for name, values in self.encode(table).items()
        }

    def to_columns(self, blocks: Mapping[str, Any]) -> TreeColumns:
        """Blocks of some rows -> inputs of tree models; DataError if no kind of feature has any."""
        by_group = [type(group[0]).to_columns(group, blocks) for group in self.groups.values()]
        columns = [of_group for of_group in by_group if of_group is not None]
        if not columns:
            kinds = ", ".join(self.groups)
            raise DataError(f"features: trees need features that they can split on, found only {kinds}; add others")
        return TreeColumns(
            values=np.concatenate([of_group.values for of_group in columns], axis=1, dtype=np.float32),
            categorical=tuple(flag for of_group in columns for flag in of_group.categorical),
        )

    def request_values(self, table: Table) -> dict[str, list[Any]]:
        """Raw columns -> their values as a client sends them: dates in the declared format."""
        return {
            column: _formatted(kind.json(column_array(table, column)), self.reading.dates.get(column))
            for column, kind in self.inputs.items()
        }

    def labels(self, table: Table, *, exact: bool = False) -> dict[str, NDArray[Any] | Ragged]:
        """Target columns -> labels per task; ragged for a task of level token, one for each item of its sequence.

        Args:
            exact: True for labels as metrics need them, False for labels as they are stored.
        """
        return {codec.name: self._labels(codec, table, exact) for codec in self.tasks}

    def weights(self, table: Table) -> dict[str, NDArray[np.float32]]:
        """Weight columns -> (rows,) weights of rows in the loss, for the tasks that declare one."""
        columns = {codec.name: codec.weight_column for codec in self.tasks if codec.weight_column}
        return {name: row_weights(table, name, column) for name, column in columns.items()}

    def _labels(self, codec: Codec, table: Table, exact: bool) -> NDArray[Any] | Ragged:
        target = target_values(table, codec.targets)
        if codec.sequence:
            column = self.sequences[codec.name]
            return codec.encode_items(target, column_array(table, column), self.inputs[column])
        return codec.exact(target) if exact else codec.encode(target)

    def save(self, path: Path) -> None:
        """Write the encoder as JSON."""
        write_text(path, self.model_dump_json(indent=1))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read an encoder that `save` wrote."""
        with damage_as_data_error(path):
            return cls.model_validate_json(path.read_bytes())


def _formatted(values: list[Any], date_format: str | None) -> list[Any]:
    if date_format is None:
        return values
    return [None if value is None else datetime.fromisoformat(value).strftime(date_format) for value in values]


def fit(
    problem: Problem, types: Mapping[str, pa.DataType], train: Iterable[pa.RecordBatch], folder: Path = Path()
) -> Encoder:
    """Fit the encoder on the rows of the training split, in one pass.

    Args:
        folder: the problem's folder, to which the paths of files in `params.yaml` are relative.

    Raises:
        DataError: a feature or task cannot be fitted, or all weights of a task are 0.
    """
    columns = {name: problem.column_of(name) for name in problem.features}
    features = {
        name: feature.fitter(name, columns[name], types[columns[name]]) for name, feature in problem.features.items()
    }
    for feature in features.values():
        feature.read_files(folder)
    tasks = {name: task.fitter(name, target_type(name, task, types)) for name, task in problem.tasks.items()}
    weight_columns = {name: task.weight_column for name, task in problem.tasks.items() if task.weight_column}
    zero_weighted = list(weight_columns)
    rows = 0
    for batch in train:
        rows += batch.num_rows
        for name, feature in features.items():
            feature.update(column_array(batch, columns[name]))
        for name, task in tasks.items():
            task.update(target_values(batch, problem.tasks[name].targets))
        zero_weighted = [name for name in zero_weighted if not row_weights(batch, name, weight_columns[name]).any()]
    for name in zero_weighted:
        raise DataError(zero_weights_error(name, weight_columns[name]))
    fitted = tuple(fitter.finish() for fitter in features.values())
    _check_inputs(fitted)
    codecs = tuple(fitter.finish() for fitter in tasks.values())
    check_sequences(codecs, {feature.name: feature.input_type for feature in fitted})
    return Encoder.model_validate({"features": fitted, "tasks": codecs, "rows": rows, "reading": problem.data.reading})


def _check_inputs(features: Sequence[FittedFeature]) -> None:
    """DataError if two features need different input types of one column."""
    by_column: dict[str, FittedFeature] = {}
    for feature in features:
        first = by_column.setdefault(feature.column, feature)
        if first.input_type != feature.input_type:
            raise DataError(
                f"features.{feature.name}: all features of a column must have one input type, found "
                f"{feature.column!r} as {_input_text(feature)} here and as {_input_text(first)} for "
                f"features.{first.name}; give one of them a separate column"
            )


def _input_text(feature: FittedFeature) -> str:
    separator = getattr(feature.input_type, "separator", None)
    return feature.input_type.name + (f" with separator {separator!r}" if separator else "")
