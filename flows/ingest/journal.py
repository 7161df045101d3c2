"""Change of several files that a crash cannot leave half done: staged files, a journal of their moves, the moves.

A crash before the journal exists leaves the old files, a later one the new files, once `roll_forward` has run. Every
command that takes the problem's run lock calls it first.
"""

import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from flows.layout import Layout
from mtl_core.errors import DataError
from mtl_core.files import os_errors_with_path


def change_files(folder: Path, moves: Mapping[Path, Path]) -> None:
    """Move all files, in one step as far as a crash is concerned. The caller holds the run lock.

    Args:
        moves: staged file, below `Layout.staging` -> its path below the folder, where a file is replaced.
    """
    layout = Layout(folder)
    for staged in moves:
        _sync(staged)
        _sync(staged.parent)
    document = {str(staged.relative_to(folder)): str(target.relative_to(folder)) for staged, target in moves.items()}
    pending = layout.journal.with_name(f".{layout.journal.name}.pending")
    with os_errors_with_path(layout.journal):
        pending.write_text(json.dumps(document, indent=1), encoding="utf-8")
        _sync(pending)
        pending.replace(layout.journal)
        _sync(layout.state)
    roll_forward(folder)


def roll_forward(folder: Path) -> None:
    """Finish a change that a crash interrupted, and remove files that were staged for no change.

    The caller holds the run lock. Raises DataError for a damaged journal.
    """
    layout = Layout(folder)
    (layout.journal.with_name(f".{layout.journal.name}.pending")).unlink(missing_ok=True)
    if layout.journal.exists():
        moves = _read(folder, layout.journal)
        for staged, target in moves.items():
            if staged.exists():  # else it was moved before the crash
                _move(staged, target)
        for parent in {target.parent for target in moves.values()}:
            _sync(parent)
        layout.journal.unlink()
        _sync(layout.state)
    discard_staged(folder)


def discard_staged(folder: Path) -> None:
    """Remove the staged files, unless a journal needs them."""
    layout = Layout(folder)
    if layout.staging.exists() and not layout.journal.exists():
        shutil.rmtree(layout.staging)


def _read(folder: Path, journal: Path) -> dict[Path, Path]:
    try:
        document = json.loads(journal.read_text(encoding="utf-8"))
        moves = {folder / staged: folder / target for staged, target in document.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise DataError(
            f"{journal}: must be as `mtl ingest` wrote it, found damage ({error}); remove it, then `mtl data` names "
            "the files of data/ that differ from data.dvc"
        ) from None
    return moves


def _move(staged: Path, target: Path) -> None:
    """Replace the target in one step, also from another file system, as where data/ is mounted."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with os_errors_with_path(target):
        if staged.stat().st_dev == target.parent.stat().st_dev:
            staged.replace(target)
            return
        copy = target.with_name(f".{target.name}.pending")
        shutil.copyfile(staged, copy)
        _sync(copy)
        copy.replace(target)
        staged.unlink()


def _sync(path: Path) -> None:
    """Write a file's content, or a folder's entries, to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
