"""Outputs of a served graph, one per task: the entries of `outputs` in signature.json.

To add an output type: write its class here with the shape of its array, and its JSON in predictions.py or spans.py.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal

import msgspec
import numpy as np

NonEmpty = Annotated[str, msgspec.Meta(min_length=1)]
_Level = Annotated[float, msgspec.Meta(gt=0, lt=1)]
_Threshold = Annotated[float, msgspec.Meta(ge=0, le=1)]


class _Output(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="form", omit_defaults=True
):
    """Entry of a task.

    level: `row`, one prediction per row, shape (rows, *row_shape); or `token`, one prediction per item of the list or
    token of the text in the input `sequence`, shape (rows, longest, *row_shape). dtype: type of the array.
    """

    sequence_type: ClassVar[str] = "strings"  # of the input `sequence`

    name: NonEmpty
    kind: NonEmpty
    unit: str
    level: Literal["row", "token"] = "row"
    sequence: str | None = None
    dtype: Literal["float32", "float64"] = "float32"

    @property
    def tensor_type(self) -> str:
        """ONNX's name of the array's type."""
        return "tensor(float)" if self.dtype == "float32" else "tensor(double)"

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Shape for one row or token: () for a single number."""
        return ()

    @property
    def rank(self) -> int:
        """Rank for all rows."""
        return (1 if self.sequence is None else 2) + len(self.row_shape)

    def shape(self, tensors: Mapping[str, np.ndarray[Any, Any]]) -> tuple[int, ...]:
        """Shape of the array for these inputs and tokens of the graph."""
        if self.sequence is None:
            return (len(next(iter(tensors.values()))), *self.row_shape)
        return (*tensors[self.sequence].shape, *self.row_shape)

    def undefined(self, tensors: Mapping[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
        """Predictions without a value, which show the structure of the JSON."""
        return np.full(self.shape(tensors), np.nan)


class NumberOutput(_Output, frozen=True, kw_only=True, tag="number"):
    """A number in `unit`.

    threshold: minimum probability of a positive decision; None if only the number is returned.
    """

    threshold: _Threshold | None = None


class ClassOutput(_Output, frozen=True, kw_only=True, tag="class_probabilities"):
    """A probability for each of `classes`, of which exactly one is true."""

    classes: Annotated[tuple[str, ...], msgspec.Meta(min_length=2)]

    def __post_init__(self) -> None:
        check_distinct(f"classes of {self.name}", self.classes)

    @property
    def row_shape(self) -> tuple[int, ...]:
        return (len(self.classes),)


class LabelOutput(_Output, frozen=True, kw_only=True, tag="label_probabilities"):
    """A probability for each of `labels`, of which any number may be true.

    thresholds: per label the minimum probability of a positive; empty for 0.5 everywhere.
    """

    labels: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    thresholds: tuple[_Threshold, ...] = ()

    def __post_init__(self) -> None:
        check_distinct(f"labels of {self.name}", self.labels)
        if self.thresholds and len(self.thresholds) != len(self.labels):
            raise ValueError(
                f"thresholds of {self.name} must match its {len(self.labels)} labels in number, found "
                f"{len(self.thresholds)}"
            )

    @property
    def row_shape(self) -> tuple[int, ...]:
        return (len(self.labels),)


class QuantileOutput(_Output, frozen=True, kw_only=True, tag="quantiles"):
    """A quantile in `unit` for each of `levels`."""

    levels: Annotated[tuple[_Level, ...], msgspec.Meta(min_length=1)]

    def __post_init__(self) -> None:
        for low, high in pairwise(self.levels):
            if low >= high:
                raise ValueError(f"levels of {self.name} must increase, found {high} after {low}")

    @property
    def row_shape(self) -> tuple[int, ...]:
        return (len(self.levels),)


class ClusterOutput(_Output, frozen=True, kw_only=True, tag="cluster_probabilities"):
    """A probability for each of that many clusters, which are numbered from 0."""

    clusters: Annotated[int, msgspec.Meta(ge=2)]

    @property
    def row_shape(self) -> tuple[int, ...]:
        return (self.clusters,)


class SpanOutput(_Output, frozen=True, kw_only=True, tag="spans"):
    """A tag and its probability for each token of a text; runs of tags are spans with one of `labels`.

    Tag 0 is outside of spans; 1 + 2k begins a span with label k, and 2 + 2k continues it (IOB2).

    tokens: name of the graph's output with the tokens, tensor(string) of shape (rows, longest): the tokens of a row,
    then its end mark, then padding with "".
    """

    labels: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    tokens: NonEmpty

    sequence_type: ClassVar[str] = "text"

    def __post_init__(self) -> None:
        check_distinct(f"labels of {self.name}", self.labels)
        if self.level == "row":
            raise ValueError(f"level of {self.name} must be token, since a span is found in tokens, found row")

    @property
    def row_shape(self) -> tuple[int, ...]:
        return (2,)

    def shape(self, tensors: Mapping[str, np.ndarray[Any, Any]]) -> tuple[int, ...]:
        assert self.sequence is not None
        return (len(tensors[self.sequence]), *tensors[self.tokens].shape[1:], *self.row_shape)

    def undefined(self, tensors: Mapping[str, np.ndarray[Any, Any]]) -> np.ndarray[Any, Any]:
        values = np.zeros(self.shape(tensors), dtype=np.float32)
        values[:, 0] = 1.0  # a span of the first token
        return values


Output = NumberOutput | ClassOutput | LabelOutput | QuantileOutput | ClusterOutput | SpanOutput


def check_distinct(field: str, names: Sequence[str]) -> None:
    """ValueError with the field if two names are equal."""
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        raise ValueError(f"{field} must have distinct names, found {repeated[0]!r} twice")
