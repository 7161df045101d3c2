"""Files that a crash cannot leave half-written: a temporary name beside the target, then a rename."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["naming", "pending", "write_bytes", "write_text"]


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Give an OSError that leaves the block the path, unless it has one: a write that fails does not say which file."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


@contextmanager
def pending(path: Path) -> Iterator[Path]:
    """A temporary name to write to; on leaving without an error it becomes `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.pending")
    try:
        with naming(path):
            yield temporary
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Replaces the file's content in one step."""
    with pending(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, content: str) -> None:
    """Replaces the file's content in one step, as UTF-8."""
    write_bytes(path, content.encode())
