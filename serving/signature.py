"""signature.json: what a served graph takes and gives, as typed values.

The file lies beside `model.onnx` and is written by the export. It is read strictly: an unknown key, an unknown format
or a name that stands twice is refused, because a client would otherwise be told something else than what is computed.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec

from serving.errors import SignatureError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["FORMAT", "SIGNATURE_FILE", "ClassOutput", "Input", "NumberOutput", "Output", "Signature", "read_signature"]

FORMAT = 1
SIGNATURE_FILE = "signature.json"

# The rule of BentoML's tags; also what makes a name safe as a file name.
_NAME = re.compile(r"[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?")

_Text = Annotated[str, msgspec.Meta(min_length=1)]


class Input(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A raw column: `string` is a string tensor (missing = ""), the others are float64 (missing = NaN, true = 1.0)."""

    name: _Text
    type: Literal["string", "number", "boolean"]


class NumberOutput(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="form", tag="number"
):
    """A task that answers one number a row, in `unit`: float32, shape (rows,)."""

    name: _Text
    kind: _Text
    unit: str


class ClassOutput(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="form", tag="class_probabilities"
):
    """A task that answers a probability for each of `classes`: float32, shape (rows, classes)."""

    name: _Text
    kind: _Text
    unit: str
    classes: Annotated[tuple[str, ...], msgspec.Meta(min_length=2)]


Output = NumberOutput | ClassOutput


class Signature(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything that a server or a client needs to know about a graph; `graph_sha256` binds it to its bytes."""

    format: int
    name: str
    version_of_trunkline: str
    graph_sha256: Annotated[str, msgspec.Meta(pattern="^[0-9a-f]{64}$")]
    inputs: Annotated[tuple[Input, ...], msgspec.Meta(min_length=1)]
    outputs: Annotated[tuple[Output, ...], msgspec.Meta(min_length=1)]


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
        if found != FORMAT:
            raise SignatureError(
                f"{path}: format must be {FORMAT}, found {found}; export the model again with this version of "
                "Trunkline, or serve it with the version that wrote it"
            )
        signature = msgspec.json.decode(content, type=Signature)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SignatureError(f"{path}: {error}; export the model again") from error
    _check_names(path, signature)
    return signature


def _check_names(path: Path, signature: Signature) -> None:
    if not _NAME.fullmatch(signature.name):
        raise SignatureError(
            f"{path}: name must be 1 to 63 of a-z, 0-9, '-', '_', '.', with a letter or digit at both ends, "
            f"found {signature.name!r}; rename the problem and export again"
        )
    _refuse_twice(path, "inputs", [column.name for column in signature.inputs])
    _refuse_twice(path, "outputs", [task.name for task in signature.outputs])
    for task in signature.outputs:
        if isinstance(task, ClassOutput):
            _refuse_twice(path, f"classes of {task.name}", task.classes)


def _refuse_twice(path: Path, where: str, names: Sequence[str]) -> None:
    twice = [name for name, count in Counter(names).items() if count > 1]
    if twice:
        raise SignatureError(f"{path}: {where} must have distinct names, found {twice[0]!r} twice; export again")
