"""signature.json: what a served graph takes and gives, as typed values.

The file lies beside `model.onnx` and is written by the export. It is read strictly: an unknown key, an unknown format
or a repeated name is refused, because a client would otherwise be told something else than what is computed.

Format 2 has more types of inputs than format 1, and outputs of level token; format 3 says how inputs read text; format
4 says which inputs come as one matrix, and has decision thresholds. What an earlier format says means the same in a
later one.

To add a form of answer: give it a struct here, with the shape of its answer, and its JSON in answers.py. To add a type
of input: see inputs.py.
"""

from __future__ import annotations

import re
from collections import Counter
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec

from serving.errors import SignatureError
from serving.inputs import InputField

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import numpy as np

FORMATS = (1, 2, 3, 4)
SIGNATURE_FILE = "signature.json"

# The rule of BentoML's tags; also what makes a name safe as a file name.
_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?")

_Text = Annotated[str, msgspec.Meta(min_length=1)]
_Level = Annotated[float, msgspec.Meta(gt=0, lt=1)]
_Threshold = Annotated[float, msgspec.Meta(ge=0, le=1)]


class _Output(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="form", omit_defaults=True
):
    """Fields of every task's entry.

    level: `row`, one answer per row, shape (rows, *row_shape); or `token`, one answer per item of the list that is the
    row's value of the input `sequence`, shape (rows, longest, *row_shape).

    dtype: type of the answer.
    """

    name: _Text
    kind: _Text
    unit: str
    level: Literal["row", "token"] = "row"
    sequence: str | None = None
    dtype: Literal["float32", "float64"] = "float32"

    @property
    def tensor_type(self) -> str:
        """ONNX's name of the answer's type."""
        return "tensor(float)" if self.dtype == "float32" else "tensor(double)"

    @property
    def row_shape(self) -> tuple[int, ...]:
        """Shape of the answer for one row or token: () where it is a single number."""
        return ()

    @property
    def rank(self) -> int:
        """Rank of the answer for all rows."""
        return (1 if self.sequence is None else 2) + len(self.row_shape)

    def shape(self, columns: Mapping[str, np.ndarray[Any, Any]]) -> tuple[int, ...]:
        """Shape of the answer for these tensors, one per input."""
        if self.sequence is None:
            return (len(next(iter(columns.values()))), *self.row_shape)
        return (*columns[self.sequence].shape, *self.row_shape)


class NumberOutput(_Output, frozen=True, kw_only=True, tag="number"):
    """A task that answers one number a row, in `unit`.

    threshold: the probability from which on the answer's decision is yes; None where the answer is the number alone.
    """

    threshold: _Threshold | None = None


class ClassOutput(_Output, frozen=True, kw_only=True, tag="class_probabilities"):
    """A task that answers a probability for each of `classes`, of which exactly one is true."""

    classes: Annotated[tuple[str, ...], msgspec.Meta(min_length=2)]

    def __post_init__(self) -> None:
        _refuse_twice(f"classes of {self.name}", self.classes)

    @property
    def row_shape(self) -> tuple[int, ...]:
        return (len(self.classes),)


class LabelOutput(_Output, frozen=True, kw_only=True, tag="label_probabilities"):
    """A task that answers a probability for each of `labels`, of which any number may be true.

    thresholds: per label the probability from which on it is among the answer's labels; 0.5 for each where none are
    given.
    """

    labels: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)]
    thresholds: tuple[_Threshold, ...] = ()

    def __post_init__(self) -> None:
        _refuse_twice(f"labels of {self.name}", self.labels)
        if self.thresholds and len(self.thresholds) != len(self.labels):
            raise ValueError(
                f"thresholds of {self.name} must match its {len(self.labels)} labels in number, found "
                f"{len(self.thresholds)}"
            )

    @property
    def row_shape(self) -> tuple[int, ...]:
        return (len(self.labels),)


class QuantileOutput(_Output, frozen=True, kw_only=True, tag="quantiles"):
    """A task that answers for each of `levels` what is exceeded with a probability of 1 - level, in `unit`."""

    levels: Annotated[tuple[_Level, ...], msgspec.Meta(min_length=1)]

    def __post_init__(self) -> None:
        for low, high in pairwise(self.levels):
            if low >= high:
                raise ValueError(f"levels of {self.name} must increase, found {high} after {low}")

    @property
    def row_shape(self) -> tuple[int, ...]:
        return (len(self.levels),)


class ClusterOutput(_Output, frozen=True, kw_only=True, tag="cluster_probabilities"):
    """A task that answers a probability for each of as many clusters, which are numbered from 0."""

    clusters: Annotated[int, msgspec.Meta(ge=2)]

    @property
    def row_shape(self) -> tuple[int, ...]:
        return (self.clusters,)


Output = NumberOutput | ClassOutput | LabelOutput | QuantileOutput | ClusterOutput


class InputMatrix(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tensor of the graph, (rows, columns), that holds several inputs of one value a row, in this order."""

    name: _Text
    columns: Annotated[tuple[str, ...], msgspec.Meta(min_length=2)]


class Signature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Everything that a server or a client needs to know about a graph; `graph_sha256` binds it to its bytes.

    inputs: what a row has, whatever the tensors of the graph. matrices: the tensors that hold several inputs; every
    other input is a tensor under its own name.
    """

    format: int
    name: str
    version_of_trunkline: str
    graph_sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    inputs: Annotated[tuple[InputField, ...], msgspec.Meta(min_length=1)]
    matrices: tuple[InputMatrix, ...] = ()
    outputs: Annotated[tuple[Output, ...], msgspec.Meta(min_length=1)]

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(
                "name must be 1 to 63 of a-z, 0-9, '-', '_', '.', with a letter or digit at both ends, "
                f"found {self.name!r}; rename the problem"
            )
        _refuse_twice("inputs", [column.name for column in self.inputs])
        _refuse_twice("outputs", [task.name for task in self.outputs])
        _check_matrices(self.matrices, self.inputs)
        sequences = [column.name for column in self.inputs if column.is_sequence]
        for task in self.outputs:
            _check_level(task, sequences)


class _Format(msgspec.Struct):
    format: int


def read_signature(path: Path) -> Signature:
    """Read and check a signature file; raises SignatureError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SignatureError(f"{path}: cannot be read ({error}); run the export stage to write it") from error
    try:
        # The version before the rest: a later format may have keys that this one does not know.
        found = msgspec.json.decode(content, type=_Format).format
        if found not in FORMATS:
            raise SignatureError(
                f"{path}: format must be {' or '.join(map(str, FORMATS))}, found {found}; export the model again with "
                "this version of Trunkline, or serve it with the version that wrote it"
            )
        return msgspec.json.decode(content, type=Signature)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SignatureError(f"{path}: {error}; export the model again") from error


def _refuse_twice(where: str, names: Sequence[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise ValueError(f"{where} must have distinct names, found {twice[0]!r} twice")


def _check_matrices(matrices: Sequence[InputMatrix], inputs: Sequence[InputField]) -> None:
    known = {column.name: column for column in inputs}
    _refuse_twice("matrices", [*known, *(matrix.name for matrix in matrices)])
    _refuse_twice("columns of matrices", [name for matrix in matrices for name in matrix.columns])
    for matrix in matrices:
        for name in matrix.columns:
            if name not in known or known[name].rank != 1:
                raise ValueError(f"columns of {matrix.name} must be inputs with one value a row, found {name!r}")
        if len(types := sorted({known[name].tensor_type for name in matrix.columns})) > 1:
            raise ValueError(f"columns of {matrix.name} must be of one tensor type, found {' and '.join(types)}")


def _check_level(task: Output, sequences: Sequence[str]) -> None:
    if task.level == "row" and task.sequence is not None:
        raise ValueError(f"{task.name} of level row must have no sequence, found {task.sequence!r}")
    if task.level == "token" and task.sequence not in sequences:
        raise ValueError(
            f"sequence of {task.name} must name an input that is a list of strings, found {task.sequence!r}; "
            f"such inputs: {', '.join(map(repr, sequences)) or 'none'}"
        )
