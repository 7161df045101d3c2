"""Multilabel tasks: any number of labels per row; an independent logit and probability per label."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from mtl_core.arrow import ColumnType
from mtl_core.errors import DataError
from mtl_core.metrics import Metric
from mtl_core.metrics.calibration import MULTILABEL_ECE
from mtl_core.metrics.decisions import TUNED, decide
from mtl_core.metrics.multilabel import MULTILABEL_LOG_LOSS, RANKING_PRECISION, LabelF1, MacroAuc
from mtl_core.tasks.base import Codec, LabelValues
from mtl_core.tasks.calibrated import OutputGroup
from mtl_core.tasks.class_weights import PositiveWeight, positive_factors, prior_log_odds
from mtl_core.tasks.decisions import DecisionObjective, DecisionTask
from mtl_core.tasks.multilabel_codec import MAX_LABELS, MultilabelCodec, MultilabelFitter
from mtl_core.tasks.probabilities import log_odds
from mtl_core.tasks.tree_objectives import TreeObjective, class_trees

if TYPE_CHECKING:
    from torch import Tensor


class Multilabel(DecisionTask):
    """Any number of several labels.

    Labels are names in the text of `target`, as in "Drama|War", or a column of 0 and 1 for each label in `columns`.

    A text without names (null, empty, blank) is an unlabelled row; a row with none of the labels has the word `none`,
    or a name that is no label. In `columns` a null is unknown for that label only.
    """

    objective_options: ClassVar[frozenset[str]] = DecisionTask.objective_options | {
        "positive_weight",
        "label_smoothing",
    }

    kind: Literal["multilabel"] = "multilabel"
    target: str = ""
    """The column whose text names the row's labels."""
    columns: Annotated[tuple[str, ...], Field(max_length=MAX_LABELS)] = ()
    """Instead of a target: a column per label, with the label's name."""
    separator: Annotated[str, Field(min_length=1)] = "|"
    """Between names; blanks around a name are ignored."""
    labels: Annotated[tuple[str, ...], Field(max_length=MAX_LABELS)] = ()
    """The labels' names, in order; any other name is refused.

    Learned from the training split where none are given; then a name that is not among them is ignored.
    """
    min_count: Annotated[int, Field(ge=1)] = 5
    """Minimum training rows of a name to become a learned label."""
    none: str = ""
    """The word for "no label"."""
    positive_weight: PositiveWeight = None
    """Weight of a positive row in the loss, where a negative one has 1; `balanced` gives both the same total weight
    within each label.

    It biases the probabilities; `mtl_core.tasks.class_weights` says when calibration removes the bias.
    """
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """The share of a label that is spread evenly over both classes (Szegedy 2016, section 7)."""

    @property
    def targets(self) -> tuple[str, ...]:
        return self.columns or (self.target,)

    def metrics_at(self, thresholds: tuple[float, ...]) -> tuple[Metric, ...]:
        unsuitable = "" if self.rule is None else TUNED
        return (
            MacroAuc(),
            MULTILABEL_LOG_LOSS,
            LabelF1(name="micro_f1", average="micro", thresholds=thresholds, unsuitable=unsuitable),
            LabelF1(name="macro_f1", average="macro", thresholds=thresholds, unsuitable=unsuitable),
            RANKING_PRECISION,
            MULTILABEL_ECE,
        )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if bool(self.target) == bool(self.columns):
            actual = "both" if self.target else "neither"
            raise ValueError(f"give `target`, a text that names labels, or `columns`, one per label, found {actual}")
        for field in ("labels", "columns"):
            names = getattr(self, field)
            if len(set(names)) != len(names) or len(names) == 1 or "" in names:
                raise ValueError(
                    f"`{field}` needs two or more distinct names, found {list(names)}; or use kind: binary"
                )
        fields = type(self).model_fields
        unused = [f for f in ("labels", "min_count", "none", "separator") if getattr(self, f) != fields[f].default]
        if self.columns and unused:
            raise ValueError(f"`{unused[0]}` is about a text, found `columns`, which name the labels; leave it out")
        for name in (*self.labels, self.none):
            if name != name.strip() or self.separator in name or (name and name == self.none and name in self.labels):
                raise ValueError(
                    f"a label must not contain the separator, have blanks around it, or equal `none`, found {name!r}"
                )
        return self

    def fitter(self, name: str, column_type: ColumnType) -> MultilabelFitter:
        if self.columns and column_type == "string":
            raise DataError(
                f"task {name!r}: `columns` must hold 0, 1 or booleans, found text in {', '.join(self.columns)}; "
                "convert the columns"
            )
        if self.target and column_type != "string":
            raise DataError(
                f"task {name!r}: a multilabel target is a text that names labels, found a {column_type} in "
                f"{self.target!r}; use kind: multiclass, or `columns` where every label has a column of its own"
            )
        return MultilabelFitter(self, name, column_type)

    def codec(self, name: str, column_type: ColumnType, labels: tuple[str, ...]) -> MultilabelCodec:
        """The codec for those labels, without their counts."""
        return MultilabelCodec(
            **self.codec_fields(name, column_type),
            labels=labels,
            separator="" if self.columns else self.separator,
            none=self.none,
            declared=bool(self.labels),
        )

    def objective(self, codec: Codec) -> MultilabelObjective:
        return MultilabelObjective(self, codec)


class MultilabelObjective(DecisionObjective):
    """Logits (rows, labels): the log odds of each label."""

    names_key: ClassVar[str] = "labels"

    options: Multilabel
    codec: MultilabelCodec

    def __init__(self, options: Multilabel, codec: Codec) -> None:
        super().__init__(options, codec)
        weight, counts = options.positive_weight, self.codec.counts
        self.class_factors = () if weight is None else tuple(positive_factors(weight, pair) for pair in counts)

    @property
    def outputs(self) -> int:
        return len(self.codec.labels)

    @property
    def prior_logits(self) -> tuple[float, ...]:
        return tuple(map(prior_log_odds, self.codec.counts, self._factors_per_label))

    @property
    def _factors_per_label(self) -> tuple[tuple[float, ...], ...]:
        return self.class_factors or ((),) * self.outputs

    def groups(self, values: Tensor, labels: Tensor) -> Sequence[OutputGroup]:
        """A group per label with MIN_LABELS positive and negative rows, and one of all other labels together."""
        groups = [_group(values, labels, [label]) for label in range(self.outputs)]
        rare = [label for label, group in enumerate(groups) if not group.is_sufficient]
        sufficient = [group for group in groups if group.is_sufficient]
        return (*sufficient, _group(values, labels, rare)) if rare else sufficient

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        import torch
        import torch.nn.functional as F

        known, smoothing = labels >= 0, self.options.label_smoothing
        targets = labels.clamp(min=0).to(logits.dtype) * (1 - smoothing) + smoothing / 2
        losses = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
        if self.class_factors:
            no_factors, yes_factors = logits.new_tensor(self.class_factors).T
            losses = losses * torch.where(labels == 1, yes_factors, no_factors)
        return torch.where(known, losses, 0.0).sum(dim=1) / known.sum(dim=1).clamp(min=1)

    def inverse_link(self, logits: Tensor) -> Tensor:
        return logits.sigmoid()

    def aligned(self, predictions: NDArray[Any], names: tuple[str, ...], labels: LabelValues) -> NDArray[np.float64]:
        """(rows, names) -> (rows, labels).

        A label that the other model lacks has its value, or where that is unknown its share of the training rows.
        """
        counts = np.array(self.codec.counts, dtype=np.float64)
        aligned = np.where(labels >= 0, labels, counts[:, 1] / counts.sum(axis=1))
        for label, name in enumerate(self.codec.labels):
            if name in names:
                aligned[:, label] = predictions[:, names.index(name)]
        return aligned

    def to_logits(self, predictions: NDArray[Any]) -> NDArray[np.float32]:
        return log_odds(predictions)

    def baseline(self, labels: LabelValues) -> NDArray[np.float32]:
        return np.asarray((labels == 1).sum(axis=0) / (labels >= 0).sum(axis=0), dtype=np.float32)

    def decisions(self, predictions: NDArray[Any]) -> NDArray[Any]:
        return decide(predictions, np.asarray(self.thresholds))

    def output_format(self) -> dict[str, Any]:
        thresholds = {} if self.options.threshold is None else {"thresholds": list(self.thresholds)}
        labels = list(self.codec.labels)
        return {"form": "label_probabilities", "unit": "probability", "labels": labels, **thresholds}

    def tree_objectives(self, labels: LabelValues, weights: NDArray[np.float32]) -> tuple[TreeObjective, ...]:
        pairs = zip(labels.T, self._factors_per_label, strict=True)
        return tuple(class_trees(column, weights, factors, objective="binary") for column, factors in pairs)


def _group(values: Tensor, labels: Tensor, outputs: list[int]) -> OutputGroup:
    """The known labels of these outputs, concatenated output by output."""
    columns = labels[:, outputs].T
    known = columns >= 0
    classes = columns[known].long()
    counts = tuple(classes.bincount(minlength=2).tolist())
    values = values[:, outputs].T[known][:, None]
    return OutputGroup(outputs=tuple(outputs), values=values, labels=classes, counts=counts)
