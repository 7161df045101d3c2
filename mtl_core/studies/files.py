"""Files of studies: JSON, written atomically."""

from pathlib import Path
from typing import TypeVar

from pydantic import ValidationError

from mtl_core.errors import DataError
from mtl_core.files import write_text
from mtl_core.frozen import Frozen

Study = TypeVar("Study", bound=Frozen)


def read_study(path: Path, kind: type[Study]) -> Study | None:
    """The study in the file; None if there is no file.

    Raises:
        DataError: the file is not a study of that kind.
    """
    if not path.exists():
        return None
    try:
        return kind.model_validate_json(path.read_bytes())
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"])) or "the whole"
        raise DataError(
            f"{path}: must be a study as this version writes it, found at {field}: {first['msg']}; "
            "remove the file, or run its command again"
        ) from None


def write_study(path: Path, study: Frozen) -> None:
    """Replace the file atomically."""
    write_text(path, study.model_dump_json(indent=1) + "\n")
