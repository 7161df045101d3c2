"""Targets that are one of several classes: names, order, labels, weights. Shared by multiclass and ordinal tasks."""

from __future__ import annotations

from abc import ABC
from collections import Counter
from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field, model_validator

from mtl_core import arrow_compute as pc
from mtl_core.arrow import ColumnType, as_numbers, as_strings
from mtl_core.errors import DataError, suggestion
from mtl_core.tasks.base import UNLABELLED, Codec, LabelValues, Task, TaskFitter
from mtl_core.tasks.calibrated import CalibratedObjective
from mtl_core.tasks.class_weights import BALANCED, ClassWeights, balanced_factors
from mtl_core.tasks.tree_objectives import TreeObjective, class_trees

MAX_CLASSES = 32_767
"""Labels are int16."""


class ClassTask(Task, ABC):
    """The classes are the values of the target, or the bands that `edges` cut a number into.

    With `edges: [0, 15]` the first class is below 0, the second from 0 to below 15, the third 15 and more.
    """

    objective_options: ClassVar[frozenset[str]] = Task.objective_options | {"class_weights"}

    codec_type: ClassVar[type[ClassCodec]]

    kind: str
    classes: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(max_length=MAX_CLASSES)] = ()
    """The classes' names, in order."""
    edges: tuple[float, ...] = ()
    others: Literal["refuse", "unlabelled"] = "refuse"
    """Treatment of a value that is not among the declared `classes`: refused, or unlabelled."""
    class_weights: ClassWeights = None
    """Class -> weight of its rows in the loss, by default 1; `balanced` gives all classes the same total weight.

    It biases the probabilities; `mtl_core.tasks.class_weights` says when calibration removes the bias.
    """

    @model_validator(mode="after")
    def _bands(self) -> Self:
        if len(set(self.classes)) != len(self.classes) or len(self.classes) == 1:
            raise ValueError(f"`classes` needs two or more distinct names, found {list(self.classes)}")
        if list(self.edges) != sorted(set(self.edges)):
            raise ValueError(f"`edges` must rise strictly, found {list(self.edges)}")
        if self.edges and len(self.classes) != len(self.edges) + 1:
            raise ValueError(
                f"{len(self.edges)} edges make {len(self.edges) + 1} bands, found {len(self.classes)} names in "
                "`classes`"
            )
        if self.others != "refuse" and (self.edges or not self.classes):
            actual = "`edges`, in which every number has a class" if self.edges else "none"
            raise ValueError(f"`others` is about values besides `classes`, found {actual}; leave it out")
        if self.classes and (error := self.unknown_weight(self.classes)):
            raise ValueError(error)
        return self

    def codec(self, name: str, column_type: ColumnType, classes: tuple[str, ...]) -> ClassCodec:
        """The codec for those classes, without their counts."""
        fields = self.codec_fields(name, column_type)
        return self.codec_type(**fields, classes=classes, edges=self.edges, others=self.others)

    def fitter(self, name: str, column_type: ColumnType) -> ClassFitter:
        if self.edges and column_type == "string":
            raise DataError(
                f"task {name!r}: `edges` need a target of numbers, found text in {self.target!r}; drop them"
            )
        return ClassFitter(self, name, column_type)

    def unknown_weight(self, classes: tuple[str, ...]) -> str:
        """Error text for a weight of an unknown class; "" if there is none."""
        weights = self.class_weights if isinstance(self.class_weights, dict) else {}
        unknown = next((name for name in weights if name not in classes), None)
        if unknown is None:
            return ""
        return f"`class_weights` must name classes of the task, found {unknown!r}; {suggestion(unknown, classes)}"


class ClassFitter(TaskFitter):
    """Counts the classes, learns their names where none are declared, and checks that two or more occur."""

    def __init__(self, options: ClassTask, name: str, column_type: ColumnType) -> None:
        self.options, self.name, self.type = options, name, column_type
        self.counts: Counter[str] = Counter()

    def update(self, values: pa.Array) -> None:
        if classes := self.options.classes:
            labels = self.options.codec(self.name, self.type, classes).encode(values)
            counts = np.bincount(labels[labels >= 0], minlength=len(classes)).tolist()
            self.counts.update({name: count for name, count in zip(classes, counts, strict=True) if count})
            return
        value_counts = pc.value_counts(as_strings(values))
        names, counts = value_counts.field("values").to_pylist(), value_counts.field("counts").to_pylist()
        self.counts.update({name: count for name, count in zip(names, counts, strict=True) if name != ""})
        if len(self.counts) > MAX_CLASSES:
            raise DataError(
                f"task {self.name!r}: a {self.options.kind} task has at most {MAX_CLASSES:,} classes, found more in "
                f"{self.options.target!r}; is it a regression?"
            )

    def finish(self) -> ClassCodec:
        if len(self.counts) < 2:
            raise DataError(
                f"task {self.name!r}: a task of kind {self.options.kind} needs two classes or more in the training "
                f"split, found {sorted(self.counts)} in {self.options.target!r}; check the target and the split"
            )
        classes = self.options.classes or tuple(sorted(self.counts))
        codec = self.options.codec(self.name, self.type, classes)
        return codec.model_copy(update={"counts": tuple(self.counts[name] for name in classes)})


class ClassCodec(Codec, ABC):
    """Labels (rows,) int16: the index of the class, or -1 where unlabelled."""

    classes: tuple[str, ...]
    edges: tuple[float, ...] = ()
    others: Literal["refuse", "unlabelled"] = "refuse"
    counts: tuple[int, ...] = ()
    """Rows of the training split per class."""

    def encode(self, values: pa.Array) -> LabelValues:
        if self.edges:
            numbers = as_numbers(values)
            bands = np.searchsorted(np.asarray(self.edges), numbers, side="right")
            return np.where(np.isnan(numbers), UNLABELLED, bands).astype(np.int16)
        names = as_strings(values)
        indices = pc.index_in(names, value_set=pa.array(self.classes, pa.string()))
        labels = pc.fill_null(indices, UNLABELLED).to_numpy(zero_copy_only=False).astype(np.int16)
        unknown = (labels < 0) & pc.not_equal(names, "").to_numpy(zero_copy_only=False)
        if unknown.any() and self.others == "refuse":
            raise DataError(
                f"task {self.name!r}: the classes are {', '.join(self.classes)}, found "
                f"{names[int(unknown.argmax())].as_py()!r} in {self.target!r}; declare all of them under "
                "`classes`, with `others: unlabelled` if other values are not labels, or quarantine the row"
            )
        return np.asarray(labels)


class ClassObjective(CalibratedObjective, ABC):
    """Predictions (rows, classes)."""

    options: ClassTask
    codec: ClassCodec

    def __init__(self, options: ClassTask, codec: Codec) -> None:
        super().__init__(options, codec)
        if error := options.unknown_weight(self.codec.classes):
            raise DataError(f"task {self.name!r}: {error}")
        self.class_factors = self._factors()

    @property
    def prior(self) -> NDArray[np.float64]:
        """(classes,) shares of the training labels with a row more per class, weighted as in the loss."""
        counts = np.array(self.codec.counts or (0,) * len(self.codec.classes), dtype=np.float64) + 1.0
        weighted = counts * self.class_factors if self.class_factors else counts
        return np.asarray(weighted / weighted.sum())

    @property
    def classes(self) -> int:
        return len(self.codec.classes)

    def baseline(self, labels: LabelValues) -> NDArray[np.float32]:
        counts = np.bincount(labels[labels >= 0], minlength=len(self.codec.classes)) + 1.0  # Laplace smoothing
        return np.asarray(counts / counts.sum(), dtype=np.float32)

    def decisions(self, predictions: NDArray[Any]) -> NDArray[Any]:
        return np.asarray(predictions.argmax(axis=1))

    def output_format(self) -> dict[str, Any]:
        return {"form": "class_probabilities", "unit": "probability", "classes": list(self.codec.classes)}

    def tree_objectives(self, labels: LabelValues, weights: NDArray[np.float32]) -> tuple[TreeObjective, ...]:
        parameters = {"objective": "multiclass", "num_class": len(self.codec.classes)}
        return (class_trees(labels, weights, self.class_factors, **parameters),)

    def _factors(self) -> tuple[float, ...]:
        weights = self.options.class_weights
        if weights is None:
            return ()
        if weights == BALANCED:
            return balanced_factors(self.codec.counts)
        return tuple(weights.get(name, 1.0) for name in self.codec.classes)
