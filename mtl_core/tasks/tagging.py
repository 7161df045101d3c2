"""Tagging tasks: labelled spans of a text, such as named entities or the slots of a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field, model_validator

from mtl_core.arrow import ColumnType
from mtl_core.errors import DataError
from mtl_core.metrics import Metric
from mtl_core.metrics.spans import SENTENCE_ACCURACY, SPAN_F1, SPAN_PRECISION, SPAN_RECALL
from mtl_core.tasks.base import Codec, LabelValues, Task, TaskFitter
from mtl_core.tasks.objective import Objective
from mtl_core.tasks.probabilities import MIN_PROBABILITY
from mtl_core.tasks.span_labels import MAX_LABELS, label_counts
from mtl_core.tasks.tagging_codec import TaggingCodec
from mtl_core.text.tags import OUTSIDE, tag_count

if TYPE_CHECKING:
    from torch import Tensor

    from mtl_core.features import Feature

CERTAIN = 1e4
"""Difference between the logits of O and of all other tags where there is no token."""


class Tagging(Task):
    """Spans of a text with a label each. The target is a list of {start, end, label}, in characters of the text.

    A token of the text has an IOB2 tag, and decoding gives only sequences of tags that are spans. The loss is the sum
    over the tokens of a text, averaged over texts: the negative log likelihood of its tags, as of a class.
    """

    metrics: ClassVar[tuple[Metric, ...]] = (SPAN_F1, SPAN_PRECISION, SPAN_RECALL, SENTENCE_ACCURACY)
    target_types: ClassVar[frozenset[ColumnType]] = frozenset({"list"})

    kind: Literal["tagging"] = "tagging"
    text: str = "text"
    """The text feature whose spans these are."""
    labels: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], Field(max_length=MAX_LABELS)] = ()
    """The labels of spans; any other is refused.

    By default those of the training split; then a span of the other splits with another label counts as missed.
    """

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len(set(self.labels)) != len(self.labels):
            raise ValueError(f"`labels` must be distinct, found {list(self.labels)}; remove the repeated ones")
        return self

    def feature_errors(self, name: str, features: Mapping[str, Feature]) -> Iterator[str]:
        texts = [feature for feature, options in features.items() if options.token_limit]
        if self.text not in texts:
            fix = f"set `text` to one of {', '.join(texts)}" if texts else "declare one, of kind: text"
            yield f"tasks.{name}.text: must be a feature of kind text, found {self.text!r}; {fix}"

    def fitter(self, name: str, column_type: ColumnType) -> TaggingFitter:
        return TaggingFitter(self, name, column_type)

    def objective(self, codec: Codec) -> TaggingObjective:
        return TaggingObjective(self, codec)


class TaggingFitter(TaskFitter):
    """Counts the spans of each label."""

    def __init__(self, options: Tagging, name: str, column_type: ColumnType) -> None:
        self.options, self.name, self.type = options, name, column_type
        self.counts: Counter[str] = Counter()

    def update(self, values: pa.Array) -> None:
        self.counts.update(label_counts(self.name, self.options.target, values))

    def finish(self) -> TaggingCodec:
        labels = self.options.labels or tuple(sorted(self.counts))
        if not self.counts or len(labels) > MAX_LABELS:
            raise DataError(
                f"task {self.name!r}: a tagging task needs spans of 1 to {MAX_LABELS:,} labels in the training split, "
                f"found {len(self.counts):,} in {self.options.target!r}; check the target and the split"
            )
        fields = self.options.codec_fields(self.name, self.type)
        declared = bool(self.options.labels)
        return TaggingCodec(**fields, labels=labels, declared=declared, sequence=self.options.text)


class TaggingObjective(Objective):
    """Logits (items, tags); predictions (items, 2): the tag of the best valid sequence, and its probability."""

    options: Tagging
    codec: TaggingCodec
    names_key: ClassVar[str] = "labels"
    sums_items: ClassVar[bool] = True
    decodes_rows: ClassVar[bool] = True

    @property
    def outputs(self) -> int:
        return tag_count(len(self.codec.labels))

    def is_scored(self, value: float) -> bool:
        """False while no predicted span is right: a network predicts no span in its first epochs."""
        return value > 0

    def without_items(self, logits: Tensor, mask: Tensor) -> Tensor:
        """Set the logits of a certain O where there is no token, so that decoding does not depend on the padding."""
        certain = logits.new_full((self.outputs,), -CERTAIN)
        certain[OUTSIDE] = 0.0
        while mask.ndim < logits.ndim:
            mask = mask.unsqueeze(-1)
        return logits.where(mask, certain)

    def loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        import torch.nn.functional as F

        return F.cross_entropy(logits, labels.clamp(min=OUTSIDE).long(), reduction="none")

    def distillation(self, logits: Tensor, teacher: Tensor) -> Tensor:
        import torch.nn.functional as F

        return F.cross_entropy(logits, teacher.softmax(dim=1), reduction="none")

    def inverse_link(self, logits: Tensor) -> Tensor:
        """(B, L, tags) -> (B, L, 2)."""
        import torch

        from mtl_core.nn.iob import decode

        tags = decode(logits).unsqueeze(2)
        probabilities = logits.softmax(dim=2).gather(2, tags)
        return torch.cat([tags.to(logits.dtype), probabilities], dim=2)

    def aligned(self, predictions: NDArray[Any], names: tuple[str, ...], labels: LabelValues) -> NDArray[np.float64]:
        """(items, 2) -> (items, 2): a tag of a label that this task lacks is O.

        A token with the tag of a label that the other model lacks has that tag, with certainty.
        """
        tags = np.array([OUTSIDE, *(tag for name in names for tag in self._tags(name) or (OUTSIDE, OUTSIDE))])
        known = [OUTSIDE, *(tag for name in names for tag in self._tags(name))]
        new = (labels > OUTSIDE) & ~np.isin(labels, known)
        probabilities = np.where(new, 1.0, predictions[:, 1])
        return np.stack([np.where(new, labels, tags[predictions[:, 0].astype(np.int64)]), probabilities], axis=1)

    def _tags(self, name: str) -> tuple[int, ...]:
        """The tags B and I of a label; none if the task lacks it."""
        index = self.codec.labels.index(name) if name in self.codec.labels else None
        return () if index is None else (1 + 2 * index, 2 + 2 * index)

    def to_logits(self, predictions: NDArray[Any]) -> NDArray[np.float32]:
        """All other tags of an item share the rest of the probability; decoded as they were if it is above theirs."""
        tags, probabilities = predictions[:, 0].astype(np.int64), predictions[:, 1].astype(np.float64)
        rest = np.clip(1 - probabilities, MIN_PROBABILITY, None) / (self.outputs - 1)
        logits = np.repeat(np.log(rest)[:, None], self.outputs, axis=1)
        logits[np.arange(len(tags)), tags] = np.log(np.maximum(probabilities, MIN_PROBABILITY))
        return logits.astype(np.float32)

    def baseline(self, labels: LabelValues) -> NDArray[np.float32]:
        return np.array([OUTSIDE, (labels[labels >= OUTSIDE] == OUTSIDE).mean()], dtype=np.float32)

    def decisions(self, predictions: NDArray[Any]) -> NDArray[Any]:
        return predictions[:, 0].astype(np.int32)

    def output_format(self) -> dict[str, Any]:
        return {"form": "spans", "unit": "probability", "labels": list(self.codec.labels)}
