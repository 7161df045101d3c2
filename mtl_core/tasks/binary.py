"""Binary tasks: one logit, cross-entropy, a probability."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from mtl_core.arrow import EXACT, ColumnType
from mtl_core.errors import DataError
from mtl_core.metrics import Metric
from mtl_core.metrics.calibration import BINARY_ECE
from mtl_core.metrics.classification import BINARY_LOG_LOSS, BRIER
from mtl_core.metrics.decisions import decide, decision_metrics
from mtl_core.metrics.ranking import Auc, AveragePrecision
from mtl_core.tasks.base import Codec, LabelValues
from mtl_core.tasks.binary_codec import BinaryCodec, BinaryFitter, Others, Value, format_value
from mtl_core.tasks.class_weights import PositiveWeight, positive_factors, prior_log_odds, weigh
from mtl_core.tasks.decisions import DecisionObjective, DecisionTask
from mtl_core.tasks.probabilities import log_odds
from mtl_core.tasks.tree_objectives import TreeObjective, class_trees

if TYPE_CHECKING:
    from torch import Tensor


METRICS: tuple[Metric, ...] = (BINARY_LOG_LOSS, Auc(), AveragePrecision(), BRIER, BINARY_ECE)


class Binary(DecisionTask):
    """Two classes. The target is a boolean, 0 or 1; or `positive` and `negative`, or `at_least`, define the classes.

    The negative value is learned from the training split where only `positive` is given, if there is one other value.
    """

    objective_options: ClassVar[frozenset[str]] = DecisionTask.objective_options | {
        "positive_weight",
        "label_smoothing",
    }

    kind: Literal["binary"] = "binary"
    positive: Value | None = None
    """Yes where the target equals this."""
    negative: Value | Annotated[tuple[Value, ...], Field(min_length=1)] | None = None
    """No where the target equals this, or one of these."""
    others: Others = "refuse"
    """Treatment of a value that is neither `positive` nor `negative`: refused, taken as negative, or unlabelled."""
    at_least: float | None = None
    """Yes where the target is this or more."""
    positive_weight: PositiveWeight = None
    """Weight of a positive row in the loss, where a negative one has 1; `balanced` gives both the same total weight.

    It biases the probabilities; `mtl_core.tasks.class_weights` says when calibration removes the bias.
    """
    label_smoothing: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """The share of a label that is spread evenly over both classes (Szegedy 2016, section 7)."""

    @property
    def negatives(self) -> tuple[Value, ...]:
        """The declared values for no; empty if they are learned."""
        if self.negative is None:
            return ()
        return self.negative if isinstance(self.negative, tuple) else (self.negative,)

    @model_validator(mode="after")
    def _one_rule(self) -> Self:
        if self.at_least is not None and self.positive is not None:
            raise ValueError("give `positive` or `at_least`, not both")
        if self.at_least is not None and (self.negatives or self.others != "refuse"):
            option = "negative" if self.negatives else "others"
            raise ValueError(f"`at_least` makes every number positive or negative, found `{option}` too; leave it out")
        if self.positive is None and (self.negatives or self.others == "negative"):
            option = "negative" if self.negatives else "others: negative"
            raise ValueError(f"`{option}` needs `positive`, the positive value, found none; give it")
        if self.negatives and self.others == "negative":
            raise ValueError("give `negative` or `others: negative`, which makes every other value negative, not both")
        if self.positive is not None and self.others == "unlabelled" and not self.negatives:
            raise ValueError("`others: unlabelled` needs `negative`, the value that is no, found none; give it")
        for value in (self.positive, *self.negatives):
            if isinstance(value, float) and abs(value) >= EXACT:
                raise ValueError(
                    f"a number must be below 2^53 to differ from its neighbours, found about {value:.0f}; read the "
                    "target as text by data.types, and give the value in quotes"
                )
        if self.positive in self.negatives:
            raise ValueError(f"`positive` and `negative` must differ, found {self.positive!r} in both")
        return self

    def metrics_at(self, thresholds: tuple[float, ...]) -> tuple[Metric, ...]:
        """Metrics of probabilities and, where a threshold is declared, of decisions."""
        if self.threshold is None:
            return METRICS
        return (*METRICS, *decision_metrics(thresholds[0], tuned=self.rule is not None))

    def fitter(self, name: str, column_type: ColumnType) -> BinaryFitter:
        is_text = column_type == "string"
        if is_text and self.positive is None:
            raise DataError(
                f"task {name!r}: the target {self.target!r} is text; declare the positive value, as in `positive: yes`"
            )
        for option, value in (("positive", self.positive), *(("negative", value) for value in self.negatives)):
            if value is not None and isinstance(value, str) != is_text:
                actual = "text" if is_text else f"a {column_type}"
                expected = "text, in quotes" if is_text else "a number, true or false"
                raise DataError(
                    f"task {name!r}: `{option}` must be a value of the target, found {format_value(value)} "
                    f"where {self.target!r} is {actual}; write {expected}"
                )
        return BinaryFitter(
            BinaryCodec(
                **self.codec_fields(name, column_type),
                positive=self.positive,
                negative=self.negatives,
                others=self.others,
                at_least=self.at_least,
            )
        )

    def objective(self, codec: Codec) -> BinaryObjective:
        return BinaryObjective(self, codec)


class BinaryObjective(DecisionObjective):
    """Logits (rows, 1): the log odds of the positive class."""

    options: Binary
    codec: BinaryCodec

    def __init__(self, options: Binary, codec: Codec) -> None:
        super().__init__(options, codec)
        self.class_factors = positive_factors(options.positive_weight, self.codec.counts)

    @property
    def outputs(self) -> int:
        return 1

    @property
    def prior_logits(self) -> tuple[float, ...]:
        return (prior_log_odds(self.codec.counts, self.class_factors),)

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        import torch.nn.functional as F

        classes, smoothing = labels.clamp(min=0), self.options.label_smoothing
        targets = classes.to(logits.dtype) * (1 - smoothing) + smoothing / 2
        losses = F.binary_cross_entropy_with_logits(logits[:, 0], targets, reduction="none")
        return weigh(losses, classes.long(), self.class_factors)

    def inverse_link(self, logits: Tensor) -> Tensor:
        return logits[:, 0].sigmoid()

    def to_logits(self, predictions: NDArray[Any]) -> NDArray[np.float32]:
        return log_odds(predictions)[:, None]

    def baseline(self, labels: LabelValues) -> NDArray[np.float32]:
        return np.asarray((labels[labels >= 0] == 1).mean(), dtype=np.float32)

    def decisions(self, predictions: NDArray[Any]) -> NDArray[Any]:
        return decide(predictions, self.thresholds[0])

    def output_format(self) -> dict[str, Any]:
        threshold = {} if self.options.threshold is None else {"threshold": self.thresholds[0]}
        return {"form": "number", "unit": "probability", **threshold}

    def tree_objectives(self, labels: LabelValues, weights: NDArray[np.float32]) -> tuple[TreeObjective, ...]:
        return (class_trees(labels, weights, self.class_factors, objective="binary"),)
