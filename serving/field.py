"""Base class of the inputs of a served graph."""

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar

import msgspec
import numpy as np

from serving.cells import TextFormat
from serving.errors import InputValueError
from serving.value_rules import Violation, string_violation

Array = np.ndarray[Any, Any]


class Field(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", omit_defaults=True
):
    """A raw column: by default a float64 tensor of shape (rows,), NaN where the value is null."""

    name: Annotated[str, msgspec.Meta(min_length=1)]
    text: TextFormat | None = None
    """Options of reading a value sent as text; None if the type has none."""

    tensor_type: ClassVar[str] = "tensor(double)"
    rank: ClassVar[int] = 1
    is_sequence: ClassVar[bool] = False  # True if a token-level output may refer to it
    has_lengths: ClassVar[bool] = False  # True if its rows have lengths, on which the memory of a batch depends
    is_plain: ClassVar[bool] = False  # True if a value that is not text is the cell of the tensor
    example: ClassVar[object] = None

    @property
    def json_type(self) -> Any:
        """Type as which msgspec decodes a value.

        It may accept more than `violation` where `to_tensor` then raises InputValueError.
        """
        raise NotImplementedError

    def to_tensor(self, values: Sequence[Any]) -> Array:
        """The graph's tensor for decoded values, one per row; raises InputValueError (types of rank 1 only)."""
        return np.array(self._parse_texts(values), np.float64)

    def lengths(self, values: Sequence[Any]) -> list[int]:
        """Length of each row of a type that has lengths: cells in the tensor without the padding, or characters."""
        raise NotImplementedError

    def violation(self, value: object) -> Violation:
        """The first broken rule of a value that is not null, and the part of the value that breaks it."""
        raise NotImplementedError

    def _parse(self, text: str) -> Any:
        """The value of a text that does not stand for a missing value; raises InputValueError."""
        raise NotImplementedError

    def _parse_texts(self, values: Sequence[Any]) -> list[Any]:
        """The values, with texts parsed; None for a text that stands for a missing value."""
        if self.text is None:
            return [self._parse(value) if isinstance(value, str) else value for value in values]
        is_null, parse = self.text.is_null, self._parse
        return [value if not isinstance(value, str) else None if is_null(value) else parse(value) for value in values]

    def _text_violation(self, text: str) -> Violation:
        if self.text is not None and (broken := string_violation(text)):
            return broken
        try:
            self._parse_texts([text])
        except InputValueError as error:
            return str(error), text
        return None
