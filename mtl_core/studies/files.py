"""The files of studies: JSON that git keeps, whole or not at all."""

from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from mtl_core.errors import DataError
from mtl_core.files import write_text
from mtl_core.frozen import Frozen

Study = TypeVar("Study", bound=Frozen)


def read_study(path: Path, kind: type[Study]) -> Study | None:
    """The study of that file; None where there is none.

    Raises:
        DataError: the file is no such study.
    """
    if not path.exists():
        return None
    try:
        return kind.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the whole"
        raise DataError(
            f"{path}: must be a study as this version writes it, found at {where}: {first['msg']}; "
            "remove the file, or run the command again that made it"
        ) from None


def write_study(path: Path, study: Frozen) -> None:
    """Replaces the file in one step."""
    write_text(path, study.model_dump_json(indent=1) + "\n")
