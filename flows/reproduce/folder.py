"""The folder of `mtl reproduce`, for one command at a time."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.layout import Layout
from mtl_core.errors import ToolError
from mtl_core.files import write_text
from mtl_core.locks import exclusive_command


@contextmanager
def reproduction_folder(folder: Path, into: Path | None) -> Iterator[Path]:
    """A folder for the clone, which does not exist yet: `into`, or one that replaces that of the call before.

    Raises ToolError if `into` has files, RunInProgress if another command uses the default folder.
    """
    if into is not None:
        if into.exists() and any(into.iterdir()):
            raise ToolError(f"--into: must be a new or empty folder, found files in {into}; choose another folder")
        yield into
        return
    home = Layout(folder).reproduction
    fix = "run this one when that has ended, or with --into FOLDER"
    with exclusive_command(home / "run.lock", "mtl reproduce", fix=fix):
        write_text(home / ".dvcignore", "*\n")  # the problem's DVC must not read the stages of the clone
        clone = home / "clone"
        shutil.rmtree(clone, ignore_errors=True)
        yield clone
