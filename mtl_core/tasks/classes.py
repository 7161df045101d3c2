"""Targets that are one of several classes: names, order, labels, weights. What multiclass and ordinal tasks share."""

from abc import ABC, abstractmethod
from collections import Counter
from typing import Annotated, Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pydantic import Field, model_validator
from torch import Tensor

from mtl_core.arrow import ColumnType, as_numbers, as_strings
from mtl_core.errors import DataError, nearest
from mtl_core.tasks.base import FittedTask, LabelValues, Task, TaskFitter
from mtl_core.tasks.class_weights import BALANCED, ClassWeights, balanced_factors
from mtl_core.tasks.metrics import Array, RowMean

__all__ = ["ACCURACY", "LEAST_CHANCE", "LOG_LOSS", "ClassFitter", "ClassTask", "FittedClasses"]

UNLABELLED = -1
LEAST_CHANCE = 1e-6
"""A teacher that is surer than that counts as this sure: logits stay finite."""
MOST_CLASSES = 32_767
"""Labels are int16."""


def _log_loss(labels: Array, predictions: Array) -> Array:
    chance = predictions[np.arange(len(labels)), labels].astype(np.float64)
    return -np.log(np.clip(chance, np.finfo(np.float32).eps, 1))


LOG_LOSS = RowMean(name="log_loss", higher_is_better=False, rows=_log_loss)
ACCURACY = RowMean(name="accuracy", higher_is_better=True, rows=lambda y, p: p.argmax(axis=1) == y)


class ClassTask(Task, ABC):
    """The classes are the values of the target, or the bands that `edges` cut a number into.

    With `edges: [0, 15]` the first class is below 0, the second from 0 to below 15, the third 15 and more.
    """

    objective_options: ClassVar[frozenset[str]] = Task.objective_options | {"class_weights"}

    kind: str
    classes: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(max_length=MOST_CLASSES)] = ()
    """The classes' names, in order."""
    edges: tuple[float, ...] = ()
    class_weights: ClassWeights = None
    """How much a row of each class counts in the loss, 1 where not given; `balanced` gives every class the same say.

    Probabilities are bent by it, see `mtl_core.tasks.class_weights`; metrics are not weighted.
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
        if self.classes and (mistake := self.unknown_weight(self.classes)):
            raise ValueError(mistake)
        return self

    @abstractmethod
    def fitted(
        self, name: str, kind_of_column: ColumnType, classes: tuple[str, ...], class_factors: tuple[float, ...] = ()
    ) -> "FittedClasses":
        """The task with what was learned."""

    def fitter(self, name: str, kind_of_column: ColumnType) -> "ClassFitter":
        if self.edges and kind_of_column == "string":
            raise DataError(
                f"task {name!r}: `edges` need a target of numbers, found text in {self.target!r}; drop them"
            )
        return ClassFitter(self, name, kind_of_column)

    def unknown_weight(self, classes: tuple[str, ...]) -> str:
        """What is wrong with a weight for a class that is none of these; "" where all are."""
        named = self.class_weights if isinstance(self.class_weights, dict) else {}
        strange = next((name for name in named if name not in classes), None)
        if strange is None:
            return ""
        return f"`class_weights` must name classes of the task, found {strange!r}; {nearest(strange, classes)}"


class ClassFitter(TaskFitter):
    """Counts the classes, learns their names where none are declared, and checks that more than one occurs."""

    def __init__(self, options: ClassTask, name: str, kind_of_column: ColumnType) -> None:
        self.options, self.name, self.type = options, name, kind_of_column
        self.counts: Counter[str] = Counter()

    @property
    def seen(self) -> set[str]:
        """The classes that occurred so far."""
        return set(self.counts)

    def update(self, values: pa.Array) -> None:
        if classes := self.options.classes:
            labels = self.options.fitted(self.name, self.type, classes).encode(values)
            found = np.bincount(labels[labels >= 0], minlength=len(classes)).tolist()
            self.counts.update({name: count for name, count in zip(classes, found, strict=True) if count})
            return
        counted = pc.value_counts(as_strings(values))
        names, counts = counted.field("values").to_pylist(), counted.field("counts").to_pylist()
        self.counts.update({name: count for name, count in zip(names, counts, strict=True) if name != ""})
        if len(self.counts) > MOST_CLASSES:
            raise DataError(
                f"task {self.name!r}: a {self.options.kind} task has at most {MOST_CLASSES:,} classes, found more in "
                f"{self.options.target!r}; is it a regression?"
            )

    def finish(self) -> "FittedClasses":
        if len(self.counts) < 2:
            raise DataError(
                f"task {self.name!r}: a task of kind {self.options.kind} needs two classes or more in the training "
                f"split, found {sorted(self.counts)} in {self.options.target!r}; check the target and the split"
            )
        classes = self.options.classes or tuple(sorted(self.counts))
        if mistake := self.options.unknown_weight(classes):
            raise DataError(f"task {self.name!r}: {mistake}")
        return self.options.fitted(self.name, self.type, classes, self._factors(classes))

    def _factors(self, classes: tuple[str, ...]) -> tuple[float, ...]:
        weights = self.options.class_weights
        if weights is None:
            return ()
        if weights == BALANCED:
            return balanced_factors([self.counts[name] for name in classes])
        return tuple(weights.get(name, 1.0) for name in classes)


class FittedClasses(FittedTask, ABC):
    """Labels (rows,) int16: the class's position, or -1 where unlabelled. Predictions (rows, classes)."""

    kind: str
    options: ClassTask
    classes: tuple[str, ...]
    class_factors: tuple[float, ...] = ()
    """Of a row's loss, per class; empty where every row counts as one."""

    def encode(self, values: pa.Array) -> LabelValues:
        if self.options.edges:
            numbers = as_numbers(values)
            bands = np.searchsorted(np.asarray(self.options.edges), numbers, side="right")
            return np.where(np.isnan(numbers), UNLABELLED, bands).astype(np.int16)
        names = as_strings(values)
        found = pc.fill_null(pc.index_in(names, value_set=pa.array(self.classes, pa.string())), UNLABELLED)
        labels = found.to_numpy(zero_copy_only=False).astype(np.int16)
        unknown = (labels < 0) & pc.not_equal(names, "").to_numpy(zero_copy_only=False)
        if unknown.any():
            raise DataError(
                f"task {self.name!r}: the classes are {', '.join(self.classes)}, found "
                f"{names[int(unknown.argmax())].as_py()!r} in {self.options.target!r}; declare all of them under "
                "`classes`"
            )
        return np.asarray(labels)

    def labelled(self, labels: Tensor) -> Tensor:
        return labels >= 0

    def trivial(self, labels: LabelValues) -> NDArray[np.float32]:
        counts = np.bincount(labels[labels >= 0], minlength=len(self.classes)) + 1.0  # Laplace: none is impossible
        return np.asarray(counts / counts.sum(), dtype=np.float32)

    def signature(self) -> dict[str, Any]:
        form = {"form": "class_probabilities", "unit": "probability", "classes": list(self.classes)}
        return {"name": self.name, "kind": self.kind, **form}
