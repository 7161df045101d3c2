"""The contract of a task: declared options and codec; the third part, the objective, is in `objective.py`.

The codec is fitted on the training split and is the only part of a task that the encoder stores.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, TypeVar

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field

from mtl_core.arrow import SCALAR_TYPES, ColumnType
from mtl_core.errors import DataError
from mtl_core.frozen import Frozen
from mtl_core.metrics import Metric
from mtl_core.ragged import Block, Ragged

if TYPE_CHECKING:
    from torch import Tensor

    from mtl_core.features import Feature
    from mtl_core.input_types import InputType
    from mtl_core.tasks.objective import Objective

UNLABELLED = -1
"""Integer label of a row, or of a label of a multilabel task, that is unknown."""

LabelValues = NDArray[Any]
Labels = TypeVar("Labels", "NDArray[Any]", "Tensor")
"""A NumPy array or a tensor; the result is of the same type."""


class Task(Frozen, ABC):
    """Options of one task, as `params.yaml` declares them."""

    metrics: ClassVar[tuple[Metric, ...]]
    target_types: ClassVar[frozenset[ColumnType]] = SCALAR_TYPES
    """The types that a target column may have."""
    unsupervised: ClassVar[bool] = False
    """True if its objective is an `UnsupervisedObjective`, which neither labels nor a teacher can train."""
    objective_options: ClassVar[frozenset[str]] = frozenset({"weight", "metric"})
    """Options on which only the objective depends: not the codec, hence not the encoded data."""

    target: str
    """The column with the labels. A null is a row that is unlabelled for this task."""
    weight_column: str = ""
    """A column of row weights in the task's loss, 0 or more. Metrics do not use it."""
    weight: Annotated[float, Field(gt=0)] = 1.0
    """Factor of its loss before balancing."""
    metric: str = ""
    """The metric for early stopping and the choice of the checkpoint; by default the kind's first."""

    @property
    def targets(self) -> tuple[str, ...]:
        """The columns with the labels, in order."""
        return (self.target,)

    def metric_named(self, name: str) -> Metric:
        """The kind's metric of that name; "" is its first. KeyError if it has no such metric."""
        if not name:
            return self.metrics[0]
        return {metric.name: metric for metric in self.metrics}[name]

    def feature_errors(self, name: str, features: Mapping[str, Feature]) -> Iterator[str]:
        """Error lines of options that refer to features; by default none."""
        yield from ()

    def codec_fields(self, name: str, column_type: ColumnType) -> dict[str, Any]:
        """The fields that codecs of all kinds have."""
        return {"name": name, "type": column_type, "targets": self.targets, "weight_column": self.weight_column}

    @abstractmethod
    def fitter(self, name: str, column_type: ColumnType) -> TaskFitter:
        """Make the fitter of the codec; DataError for a column type that the kind cannot read."""

    @abstractmethod
    def objective(self, codec: Codec) -> Objective:
        """The objective of the task that `codec` was fitted for.

        Raises:
            DataError: an option does not fit the classes or the numbers of the training split.
        """


class TaskFitter(ABC):
    """Fits one task's codec on the training split, batch by batch."""

    @abstractmethod
    def update(self, values: pa.Array) -> None:
        """Take the next values of the target column."""

    @abstractmethod
    def finish(self) -> Codec:
        """The fitted codec; DataError if the labels do not suffice."""


class Codec(Frozen, ABC):
    """Labels of one task: target column -> array, with the label statistics that an objective needs. Pure functions."""

    kind: str
    name: str
    type: ColumnType
    targets: tuple[str, ...]
    """The columns with the labels, in order."""
    weight_column: str = ""
    """The column with the row weights; "" if all rows count the same."""
    sequence: str = ""
    """For a task of level token the feature whose items have a label each; "" for a task of level row."""

    @property
    def block(self) -> Block | None:
        """Shape and type of ragged labels, for level token; padding is unlabelled. None if labels are dense."""
        return None

    @property
    def counts_items(self) -> bool:
        """True if metrics count items; False if they count rows."""
        return bool(self.sequence)

    @property
    def target(self) -> str:
        """The columns with the labels, for messages."""
        return ", ".join(self.targets)

    @abstractmethod
    def encode(self, values: pa.Array) -> LabelValues | Ragged:
        """(rows,) target column -> (rows, ...) labels in a compact dtype that has a value for "unlabelled".

        Several targets come as one array of structs, a field per column. For level token labels are ragged, a label per
        item.
        """

    def encode_items(self, values: pa.Array, sequence: pa.Array, input_type: InputType) -> Ragged:
        """(rows,) target column -> the label of every item of `sequence`, for a task of level token.

        The items of a row without any label, such as a null list, are unlabelled. DataError for another number of
        labels than items.

        Args:
            sequence: (rows,) column of the feature, of that type.
        """
        labels, lengths, block = self.encode(values), input_type.lengths(sequence), self.block
        assert block
        assert isinstance(labels, Ragged)
        counts = labels.lengths
        mismatched = np.flatnonzero((counts != lengths) & (counts > 0))
        if mismatched.size:
            row = int(mismatched[0])
            raise DataError(
                f"task {self.name!r}: a row must have one label for each of the {lengths[row]:,} items of "
                f"{self.sequence!r}, found {counts[row]:,} in {self.target!r}; repair the row, or leave its labels out"
            )
        items = np.full((int(lengths.sum()), *block.shape), block.pad, dtype=block.dtype)
        items[np.repeat(counts > 0, lengths)] = labels.values[labels.offsets[0] : labels.offsets[-1]]
        return Ragged.from_lengths(items, lengths)

    def exact(self, values: pa.Array) -> LabelValues | Ragged:
        """The labels of `encode` as metrics read them: without the rounding of a compact dtype."""
        return self.encode(values)

    def labelled(self, labels: Labels) -> Labels:
        """(rows, ...) labels -> (rows,) mask of the rows that metrics count: by default those of 0 or more.

        For level token rows are items, here and in all methods of its objective.
        """
        return labels >= 0

    def select_labelled(self, labels: LabelValues, *arrays: NDArray[Any]) -> tuple[Any, ...]:
        """The labels that metrics count, and the same rows of arrays that belong to them."""
        mask = self.labelled(labels)
        return tuple(array[mask] for array in (labels, *arrays))
