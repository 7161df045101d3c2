"""Labels of tagging tasks: spans of a text as tags of its tokens."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from mtl_core.errors import DataError
from mtl_core.ragged import Block, Ragged
from mtl_core.tasks.base import UNLABELLED, Codec, Labels
from mtl_core.tasks.span_labels import span_error, span_tags
from mtl_core.text.input_type import TextInput
from mtl_core.text.tags import OUTSIDE

if TYPE_CHECKING:
    from mtl_core.input_types import InputType

END_OF_ROW = -2
"""Label of the end mark of every row: in the flat labels of all items, it marks the ends of rows."""


class TaggingCodec(Codec):
    """Labels (items,) int16: the tag of a token, UNLABELLED in rows without labels, and END_OF_ROW at the end mark.

    A span with a label that the training split lacks has the tags after all others, which are never predicted.
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
