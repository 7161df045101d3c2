"""Files that a crash cannot leave half-written: a temporary name beside the target, then a rename."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["pending", "write_bytes", "write_text"]


@contextmanager
def pending(path: Path) -> Iterator[Path]:
    """A temporary name to write to; on leaving without an error it becomes `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.pending")
    try:
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
