"""Levels of tasks: row, or token, where a task labels every item of a feature that is a sequence."""

from collections.abc import Mapping, Sequence

from mtl_core.errors import DataError
from mtl_core.input_types import InputType
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
