"""Multiclass tasks: a logit per class, cross-entropy, a probability per class."""

from typing import Annotated, Any, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from pydantic import Field, model_validator
from sklearn.metrics import f1_score
from torch import Tensor

from mtl_core.errors import DataError
from mtl_core.features.base import ColumnType, as_numbers, as_strings
from mtl_core.tasks.base import FittedTask, LabelValues, Task, TaskFitter
from mtl_core.tasks.metrics import Array, Metric, RowMean, Weighted

__all__ = ["FittedMulticlass", "Multiclass"]

UNLABELLED = -1
MOST_CLASSES = 32_767
"""Labels are int16."""


def _log_loss(labels: Array, predictions: Array) -> Array:
    chance = predictions[np.arange(len(labels)), labels].astype(np.float64)
    return -np.log(np.clip(chance, np.finfo(np.float32).eps, 1))


def _macro_f1(labels: Array, predictions: Array, weights: Array | None) -> float:
    chosen = predictions.argmax(axis=1)
    if weights is not None:
        # A class of which no row has weight is absent; scikit-learn would count its F1 as 0.
        labels, chosen, weights = labels[weights > 0], chosen[weights > 0], weights[weights > 0]
    return float(f1_score(labels, chosen, average="macro", sample_weight=weights, zero_division=0.0))


class Multiclass(Task):
    """One of several classes: the values of the target, or the bands that `edges` cut a number into.

    With `edges: [0, 15]` the first class is below 0, the second from 0 to below 15, the third 15 and more.
    """

    metrics: ClassVar[tuple[Metric, ...]] = (
        RowMean(name="log_loss", higher_is_better=False, rows=_log_loss),
        RowMean(name="accuracy", higher_is_better=True, rows=lambda y, p: p.argmax(axis=1) == y),
        Weighted(name="macro_f1", higher_is_better=True, function=_macro_f1),
    )

    kind: Literal["multiclass"] = "multiclass"
    classes: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(max_length=MOST_CLASSES)] = ()
    """The classes' names, in order; learned from the training split where neither they nor `edges` are given."""
    edges: tuple[float, ...] = ()

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
        return self

    def fitter(self, name: str, kind_of_column: ColumnType) -> "MulticlassFitter":
        if self.edges and kind_of_column == "string":
            raise DataError(
                f"task {name!r}: `edges` need a target of numbers, found text in {self.target!r}; drop them"
            )
        return MulticlassFitter(self, name, kind_of_column)


class MulticlassFitter(TaskFitter):
    """Learns the class names where none are declared, and that more than one occurs."""

    def __init__(self, options: Multiclass, name: str, kind_of_column: ColumnType) -> None:
        self.options, self.name, self.type = options, name, kind_of_column
        self.seen: set[str] = set()

    def update(self, values: pa.Array) -> None:
        if self.options.classes:
            labels = self._fitted(self.options.classes).encode(values)
            self.seen.update(self.options.classes[label] for label in np.unique(labels[labels >= 0]))
            return
        self.seen.update(value for value in as_strings(values).unique().to_pylist() if value != "")
        if len(self.seen) > MOST_CLASSES:
            raise DataError(
                f"task {self.name!r}: a multiclass task has at most {MOST_CLASSES:,} classes, found more in "
                f"{self.options.target!r}; is it a regression?"
            )

    def finish(self) -> "FittedMulticlass":
        if len(self.seen) < 2:
            raise DataError(
                f"task {self.name!r}: a multiclass task needs two classes or more in the training split, found "
                f"{sorted(self.seen)} in {self.options.target!r}; check the target and the split"
            )
        return self._fitted(self.options.classes or tuple(sorted(self.seen)))

    def _fitted(self, classes: tuple[str, ...]) -> "FittedMulticlass":
        return FittedMulticlass(name=self.name, type=self.type, options=self.options, classes=classes)


class FittedMulticlass(FittedTask):
    """Labels (rows,) int16: the class's position, or -1 where unlabelled."""

    kind: Literal["multiclass"] = "multiclass"
    options: Multiclass
    classes: tuple[str, ...]

    @property
    def declared(self) -> Multiclass:
        return self.options

    @property
    def outputs(self) -> int:
        return len(self.classes)

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

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(logits, labels.clamp(min=0).long(), reduction="none")

    def distillation(self, logits: Tensor, teacher: Tensor) -> Tensor:
        return F.cross_entropy(logits, teacher.softmax(dim=1), reduction="none")

    def link(self, logits: Tensor) -> Tensor:
        return torch.softmax(logits, dim=1)

    def trivial(self, labels: LabelValues) -> NDArray[np.float32]:
        counts = np.bincount(labels[labels >= 0], minlength=self.outputs) + 1.0  # Laplace: no class is impossible
        return np.asarray(counts / counts.sum(), dtype=np.float32)

    def signature(self) -> dict[str, Any]:
        form = {"form": "class_probabilities", "unit": "probability", "classes": list(self.classes)}
        return {"name": self.name, "kind": self.kind, **form}
