"""Tagging tasks: labelled spans of a text, such as named entities or the slots of a sentence."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pydantic import Field, model_validator

from mtl_core.arrow import ColumnType
from mtl_core.errors import DataError
from mtl_core.metrics import Metric
from mtl_core.metrics.spans import SENTENCE_ACCURACY, SPAN_F1, SPAN_PRECISION, SPAN_RECALL
from mtl_core.ragged import Block, Ragged
from mtl_core.tasks.base import UNLABELLED, Codec, Labels, LabelValues, Task, TaskFitter
from mtl_core.tasks.objective import Objective
from mtl_core.tasks.span_labels import MAX_LABELS, label_counts, span_error, span_tags
from mtl_core.text.input_type import TextInput
from mtl_core.text.tags import OUTSIDE, tag_count

if TYPE_CHECKING:
    from torch import Tensor

    from mtl_core.features import Feature
    from mtl_core.input_types import InputType

END_OF_ROW = -2
"""Label of the end mark of every row, so that labels of items say where rows end."""
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


class TaggingCodec(Codec):
    """Labels (items,) int16: a tag per token, UNLABELLED in rows without labels, and END_OF_ROW for the end mark.

    A span whose label the training split does not have gets the tags after all others, which are never predicted.
    """

    kind: Literal["tagging"] = "tagging"
    labels: tuple[str, ...]
    declared: bool
    """True if the labels are declared, so that any other is refused."""

    @property
    def indices(self) -> Callable[[str], int]:
        """Label -> its index, for any other label one more than the last; DataError if all are declared."""
        indices = {label: index for index, label in enumerate(self.labels)}
        other = len(indices)

        def index(label: str) -> int:
            if label not in indices and self.declared:
                raise DataError(
                    f"task {self.name!r}: the labels are {', '.join(indices)}, found {label!r} in {self.target!r}; "
                    "declare all of them under `labels`, or quarantine the row"
                )
            return indices.get(label, other)

        return index

    @property
    def block(self) -> Block:
        return Block(shape=(), dtype=np.dtype(np.int16), ragged=True, pad=UNLABELLED)

    @property
    def counts_items(self) -> bool:
        return False

    def encode(self, values: pa.Array) -> Ragged:
        """The labels of texts in which every span is one token and nothing else is: for statistics without texts."""
        lists, lengths = values.to_pylist(), []
        items: list[int] = []
        index = self.indices
        for spans in lists:
            if error := span_error(math.inf, spans or []):
                raise DataError(f"task {self.name!r}: {error}, in {self.target!r}; repair the row, or quarantine it")
            tags = [UNLABELLED] if spans is None else [1 + 2 * index(span["label"]) for span in spans] or [OUTSIDE]
            items += [*tags, END_OF_ROW]
            lengths.append(len(tags) + 1)
        return Ragged.from_lengths(np.array(items, dtype=np.int16), np.array(lengths, dtype=np.int64))

    def encode_items(self, values: pa.Array, sequence: pa.Array, input_type: InputType) -> Ragged:
        assert isinstance(input_type, TextInput)
        tags = span_tags(self.name, self.target, self.indices, values, sequence, input_type)
        items = np.full(len(tags.values) + len(tags), END_OF_ROW, dtype=np.int16)
        is_token = np.ones(len(items), dtype=np.bool_)
        is_token[tags.offsets[1:] + np.arange(len(tags))] = False
        items[is_token] = tags.values
        return Ragged.from_lengths(items, tags.lengths + 1)

    def labelled(self, labels: Labels) -> Labels:
        return labels >= OUTSIDE

    def select_labelled(self, labels: NDArray[Any], *arrays: NDArray[Any]) -> tuple[Any, ...]:
        """The labelled texts, without end marks: a `Ragged` per array."""
        is_end = labels == END_OF_ROW
        stops = np.flatnonzero(is_end)
        lengths = np.diff(stops, prepend=-1) - 1  # tokens per text
        is_labelled = np.zeros(len(stops), dtype=np.bool_)
        is_labelled[lengths > 0] = labels[stops[lengths > 0] - 1] >= OUTSIDE
        mask = ~is_end & np.repeat(is_labelled, lengths + 1)
        return tuple(Ragged.from_lengths(array[mask], lengths[is_labelled]) for array in (labels, *arrays))


class TaggingObjective(Objective):
    """Logits (items, tags); predictions (items, 2): the tag of the best valid sequence, and its probability."""

    options: Tagging
    codec: TaggingCodec
    sums_items: ClassVar[bool] = True
    decodes_rows: ClassVar[bool] = True

    @property
    def outputs(self) -> int:
        return tag_count(len(self.codec.labels))

    def is_scored(self, value: float) -> bool:
        """False while no predicted span is right: a network predicts no span in its first epochs."""
        return value > 0

    def without_items(self, logits: Tensor, mask: Tensor) -> Tensor:
        """A certain O where there is no token, so that decoding does not depend on the padding."""
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

    def to_logits(self, predictions: NDArray[Any]) -> NDArray[np.float32]:
        raise NotImplementedError("no other model predicts tags")

    def baseline(self, labels: LabelValues) -> NDArray[np.float32]:
        return np.array([OUTSIDE, (labels[labels >= OUTSIDE] == OUTSIDE).mean()], dtype=np.float32)

    def output_format(self) -> dict[str, Any]:
        return {"form": "spans", "unit": "probability", "labels": list(self.codec.labels)}
