"""Levels of tasks: row, or token, where a task labels every item of a feature that is a sequence."""

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from mtl_core.errors import DataError
from mtl_core.input_types import InputType
from mtl_core.ragged import Ragged
from mtl_core.tasks import Codec


def check_sequences(codecs: Sequence[Codec], inputs: Mapping[str, InputType]) -> None:
    """DataError for a task of level token whose sequence is no feature of lists. `inputs`: feature -> its type."""
    lists = [name for name, input_type in inputs.items() if input_type.is_sequence]
    for codec in codecs:
        if codec.sequence and codec.sequence not in lists:
            raise DataError(
                f"task {codec.name!r}: its sequence must be a feature whose values are lists of any length, found "
                f"{codec.sequence!r}; there is {', '.join(lists) or 'none'}"
            )


def item_labels(codec: Codec, labels: NDArray[np.generic] | Ragged, lengths: NDArray[np.int64]) -> Ragged:
    """A task's encoded labels, checked against the (rows,) lengths of its sequence.

    The items of a row without any label, such as a null list, are unlabelled.
    """
    block = codec.block
    assert block
    assert isinstance(labels, Ragged)
    counts = labels.lengths
    mismatched = np.flatnonzero((counts != lengths) & (counts > 0))
    if mismatched.size:
        row = int(mismatched[0])
        raise DataError(
            f"task {codec.name!r}: a row must have one label for each of the {lengths[row]:,} items of "
            f"{codec.sequence!r}, found {counts[row]:,} in {codec.target!r}; repair the row, or leave its labels out"
        )
    values = np.full((int(lengths.sum()), *block.shape), block.pad, dtype=block.dtype)
    values[np.repeat(counts > 0, lengths)] = labels.values[labels.offsets[0] : labels.offsets[-1]]
    return Ragged.from_lengths(values, lengths)
