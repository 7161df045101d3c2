"""signature.json: inputs and outputs of a served graph, as typed values.

The export writes the file beside `model.onnx`. It is read strictly: an unknown key, an unknown format or a repeated
name is an error, since a client could otherwise misread what the graph computes.

Format 2 has more types of inputs than format 1, and outputs of level token; format 3 adds how inputs read text; format
4 adds matrices of inputs and decision thresholds; format 5 adds inputs of type text and outputs of form spans. Entries
of an earlier format mean the same in a later one.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from serving.errors import SignatureError
from serving.inputs import InputField
from serving.outputs import NonEmpty, Output, SpanOutput, check_distinct

FORMATS = (1, 2, 3, 4, 5)
SIGNATURE_FILE = "signature.json"

# The rule of BentoML's tags; it also makes a name safe as a file name.
_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?")


class InputMatrix(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A tensor of the graph, (rows, columns), that holds several inputs with one value a row, in this order."""

    name: NonEmpty
    columns: Annotated[tuple[str, ...], msgspec.Meta(min_length=2)]


class Signature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Description of a graph; `graph_sha256` binds it to the graph's bytes.

    inputs: the fields of a row. matrices: the tensors that hold several inputs; every other input is a tensor under its
    own name.
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
        check_distinct("inputs", [field.name for field in self.inputs])
        check_distinct("outputs", [task.name for task in self.outputs])
        _check_matrices(self.matrices, self.inputs)
        for task in self.outputs:
            _check_level(task, self.inputs)
        _check_tokens(self.outputs)

    @property
    def tokens(self) -> tuple[str, ...]:
        """The graph's outputs with the tokens of texts."""
        return tuple(dict.fromkeys(task.tokens for task in self.outputs if isinstance(task, SpanOutput)))


class _Format(msgspec.Struct):
    format: int


def read_signature(path: Path) -> Signature:
    """Read and check a signature file; raises SignatureError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise SignatureError(f"{path}: cannot be read ({error}); run the export stage to write it") from error
    try:
        # The format is checked first: a later one may have keys that this version does not know.
        file_format = msgspec.json.decode(content, type=_Format).format
        if file_format not in FORMATS:
            raise SignatureError(
                f"{path}: format must be {' or '.join(map(str, FORMATS))}, found {file_format}; export the model again "
                "with this version of Trunkline, or serve it with the version that wrote it"
            )
        return msgspec.json.decode(content, type=Signature)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SignatureError(f"{path}: {error}; export the model again") from error


def _check_matrices(matrices: Sequence[InputMatrix], inputs: Sequence[InputField]) -> None:
    fields = {field.name: field for field in inputs}
    check_distinct("matrices", [*fields, *(matrix.name for matrix in matrices)])
    check_distinct("columns of matrices", [name for matrix in matrices for name in matrix.columns])
    for matrix in matrices:
        for name in matrix.columns:
            if name not in fields or fields[name].has_lengths:
                raise ValueError(f"columns of {matrix.name} must be inputs with one value a row, found {name!r}")
        if len(types := sorted({fields[name].tensor_type for name in matrix.columns})) > 1:
            raise ValueError(f"columns of {matrix.name} must be of one tensor type, found {' and '.join(types)}")


def _check_level(task: Output, inputs: Sequence[InputField]) -> None:
    if task.level == "row" and task.sequence is not None:
        raise ValueError(f"{task.name} of level row must have no sequence, found {task.sequence!r}")
    sequences = [field.name for field in inputs if type(field).__struct_config__.tag == task.sequence_type]
    if task.level == "token" and task.sequence not in sequences:
        raise ValueError(
            f"sequence of {task.name} must name an input of type {task.sequence_type}, found {task.sequence!r}; "
            f"such inputs: {', '.join(map(repr, sequences)) or 'none'}"
        )


def _check_tokens(outputs: Sequence[Output]) -> None:
    """Tokens are those of one input, and no prediction."""
    sequences: dict[str, str | None] = {}
    for task in outputs:
        if not isinstance(task, SpanOutput):
            continue
        if task.tokens in {other.name for other in outputs}:
            raise ValueError(f"tokens of {task.name} must not name a task, found {task.tokens!r}")
        if (sequence := sequences.setdefault(task.tokens, task.sequence)) != task.sequence:
            raise ValueError(
                f"tokens of {task.name} must be those of its sequence {task.sequence!r}, found {task.tokens!r}, which "
                f"are those of {sequence!r}"
            )
